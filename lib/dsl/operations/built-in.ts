/** The kinds of operations that bunsui comes with: all through the same door as those of plugins. */
import { awsKind } from './aws.ts';
import { ecsKind } from './ecs.ts';
import { httpKind } from './http.ts';
import type { OperationKind } from './kind.ts';
import { lambdaKind } from './lambda.ts';
import { lambdaArnKind } from './lambda-arn.ts';
import { storageCopyKind } from './storage-copy.ts';
import { serviceKinds } from './services.ts';

export const builtInKinds: readonly OperationKind[] = [
  lambdaKind,
  lambdaArnKind,
  ecsKind,
  awsKind,
  httpKind,
  storageCopyKind,
  ...Object.values(serviceKinds),
];
