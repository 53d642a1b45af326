/** The functions of a platform: each a bundle of `lambdas/`, with what all of them know and exactly what each may do. */
import type { Duration, RemovalPolicy, Size } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { acknowledgeWildcards } from './acknowledgements.ts';
import type { BookkeepingName } from './bookkeeping-code.ts';
import { bookkeepingCode } from './bookkeeping-code.ts';
import { LoggedFunction } from './logged-function.ts';
import type { Permission } from './permission.ts';
import type { NetworkPlace } from './platform-interface.ts';

/** What all functions of a platform share. */
export interface PlatformSetting {
  /** Variables of every function. */
  readonly environment: { readonly [name: string]: string };
  readonly tagValue: string;
  readonly logRetention: RetentionDays;
  readonly removalPolicy: RemovalPolicy;
  readonly encryptionKey: IKey | undefined;
  readonly network: NetworkPlace;
}

export interface BookkeepingProps {
  readonly name: BookkeepingName;
  readonly description: string;
  readonly timeout: Duration;
  readonly memorySize: Size;
  /** Variables beyond those of every function. */
  readonly environment?: { readonly [name: string]: string };
  readonly deadLetterQueue?: IQueue;
  readonly permissions: readonly Permission[];
}

/** Makes a function of the platform. */
export function bookkeepingFunction(
  scope: Construct,
  id: string,
  setting: PlatformSetting,
  props: BookkeepingProps,
): LoggedFunction {
  const { name, environment, permissions, ...rest } = props;
  const { tagValue, encryptionKey } = setting;
  const made = new LoggedFunction(scope, id, {
    ...rest,
    code: bookkeepingCode(name),
    environment: { ...setting.environment, ...environment },
    platformTagValue: tagValue,
    logRetention: setting.logRetention,
    removalPolicy: setting.removalPolicy,
    network: setting.network,
    ...(encryptionKey === undefined ? {} : { encryptionKey }),
  });
  allow(made, permissions);
  encryptionKey?.grantEncryptDecrypt(made.function);
  return made;
}

/** Adds statements to a function's policy. */
export function allow(made: LoggedFunction, permissions: readonly Permission[]): void {
  for (const { actions, resources, conditions, wildcard } of permissions) {
    made.function.addToRolePolicy(
      new PolicyStatement({
        actions: [...actions],
        resources: [...resources],
        ...(conditions === undefined ? {} : { conditions }),
      }),
    );
    if (wildcard !== undefined) acknowledgeWildcards(made, wildcard, resources);
  }
}
