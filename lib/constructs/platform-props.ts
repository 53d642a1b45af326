/** What a `Platform` can be told. */
import type { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { BunsuiError } from '../errors.ts';
import type { Channels } from '../notify/channels.ts';
import { readChannels } from '../notify/channels.ts';
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
   * One key for tables, bucket, topic, queues, log groups and functions' environments. The policy of a key that CDK makes
   * is completed; that of an imported one must let this account's CloudWatch Logs, EventBridge and SNS use it.
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
   * How long large values stay in the bucket: what a job gave another one, and what records show as a job's input and
   * output. After that those parts are gone from the records, and the session's checkpoints cannot be built upon.
   *
   * @default Duration.days(365)
   */
  readonly payloadsExpiration?: Duration;
  /**
   * Where notices go, by name: `{ ops: { kind: 'slack', secret: 'slack-ops' } }`. Pipelines name them in `notify`. A
   * channel names its secrets in Secrets Manager, it never holds one.
   *
   * @default - nobody is told
   */
  readonly channels?: Channels;
  /**
   * The platform as records and notices name it: `dev`, `prod`.
   *
   * @default - it has no name
   */
  readonly environmentName?: string;
  /**
   * What the platform's own functions log.
   *
   * @default 'INFO'
   */
  readonly logLevel?: 'DEBUG' | 'INFO' | 'WARN' | 'ERROR';
  /**
   * Requests per second that the HTTP API takes, of all callers together.
   *
   * @default 50
   */
  readonly apiRateLimit?: number;
  /**
   * Requests at once that the HTTP API takes.
   *
   * @default 100
   */
  readonly apiBurstLimit?: number;
  /**
   * Make the role that API Gateway writes logs with. It is a setting of the account and region: say `false` where
   * something else has set it.
   *
   * @default true
   */
  readonly apiLogRole?: boolean;
  /**
   * Where alarms go when something is wrong with the platform itself, and when it is right again.
   *
   * @default - alarms are made, and tell nobody
   */
  readonly alarmTopic?: ITopic;
  /**
   * Make a dashboard.
   *
   * @default true
   */
  readonly dashboard?: boolean;
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

/** A function's variables hold 4 KiB, and there are others. */
const maxChannelsText = 2_500;

/** @throws {BunsuiError} BS2004 with every mistake, and when they are too many for a function's environment. */
export function requireChannels(channels: Channels): Channels {
  const checked = readChannels(channels, 'the properties of the Platform');
  const length = JSON.stringify(checked).length;
  if (length <= maxChannelsText) return checked;
  throw new BunsuiError(
    'ConfigError',
    'BS2004',
    `the channels of the Platform are ${length} characters of JSON; a function's environment has room for ${maxChannelsText}`,
    { hint: 'give fewer channels, or one address for many people' },
  );
}
