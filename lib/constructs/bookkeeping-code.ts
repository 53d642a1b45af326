/** The code of bunsui's own functions: bundled when bunsui is built, not when CDK synthesises. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { BunsuiError } from '../errors.ts';

/** From `dist/lib/constructs` (installed) and from `lib/constructs` (a clone). */
const places = ['../../lambdas', '../../dist/lambdas'];

/** The folders of `lambdas/`. */
export type BookkeepingName = 'start-session' | 'session-ended' | 'record-events' | 'reconcile' | 'notify' | 'api';

/**
 * The bundle of `lambdas/<name>`.
 *
 * @throws {BunsuiError} BS2002 when there is none: a clone that has not been built.
 */
export function bookkeepingCode(name: BookkeepingName): Code {
  const files = places.map((place) => fileURLToPath(new URL(`${place}/${name}/index.mjs`, import.meta.url)));
  const file = files.find(existsSync);
  if (file === undefined) {
    throw new BunsuiError(
      'ConfigError',
      'BS2002',
      `the code of function ${name} is missing; run \`npm run build\` first`,
      {
        context: { looked: files },
      },
    );
  }
  return Code.fromAsset(dirname(file));
}

/** The bucket of the assets of a construct's stack, as whoever synthesises it has chosen. */
export function assetsBucketName(scope: Construct): string {
  // Nothing tells but an asset; this one is there anyway, and CDK makes no second of it.
  const { s3Location } = bookkeepingCode('start-session').bind(scope);
  if (s3Location === undefined) throw new BunsuiError('ConfigError', 'BS2002', 'the code of a function is no asset');
  return s3Location.bucketName;
}
