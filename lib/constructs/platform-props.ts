/** What a `Platform` can be told. */
import type { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { BunsuiError } from '../errors.ts';
import type { NetworkPlace } from './platform-interface.ts';

/** Properties of a `Platform`. */
export interface PlatformProps extends NetworkPlace {
  /**
   * First part of all names: tables (`{prefix}-sessions`, …), bucket (`{prefix}-{account}-{region}`), state machines
   * (`{prefix}-{pipeline id}`), parameters (`/bunsui/{prefix}/…`). One platform per prefix, account and region. 1 to 15
   * lower-case letters and digits, beginning with a letter: with a `-` in it, what belongs to `x-y` would look like the
   * pipeline `y-…` of platform `x`.
   *
   * @default 'bunsui'
   */
  readonly prefix?: string;
  /**
   * Let CloudFormation name the tables and the bucket.
   *
   * @default false
   */
  readonly generatedNames?: boolean;
  /**
   * One key for tables, bucket, topic, queues, log groups and functions' environments.
   *
   * @default - keys of the services
   */
  readonly encryptionKey?: IKey;
  /**
   * What becomes of tables, bucket and log groups when the stack is deleted. With `RETAIN` tables are also protected
   * against deletion.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
  /**
   * How long CloudWatch keeps what functions, state machines and the API of the platform write.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;
  /**
   * How long the logs of a session stay in the bucket.
   *
   * @default Duration.days(90)
   */
  readonly logsExpiration?: Duration;
  /**
   * How long the reports of sessions stay in the bucket.
   *
   * @default Duration.days(365)
   */
  readonly reportsExpiration?: Duration;
  /**
   * How long large outputs of jobs stay in the bucket.
   *
   * @default Duration.days(90)
   */
  readonly payloadsExpiration?: Duration;
}

/** @throws {BunsuiError} BS1101 when names of machines, tables and buckets cannot begin with it. */
export function requirePrefix(prefix: string): string {
  if (/^[a-z][a-z0-9]{0,14}$/.test(prefix)) return prefix;
  throw new BunsuiError(
    'ConfigError',
    'BS1101',
    `"${prefix.slice(0, 60)}" is no prefix of a platform; give 1 to 15 lower-case letters and digits, beginning with a letter, such as "bunsuidev"`,
  );
}
