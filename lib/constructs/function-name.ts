/** Names of operations' functions: known while CDK synthesises, but for what the stack adds. */
import { createHash } from 'node:crypto';
import { Aws, Fn } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { readableFunctionName } from '../storage-layout.ts';

/**
 * `{pipeline}-{operation}-…`, at most 64 characters. Its end makes it unique: where the pipeline stands in the app, and
 * the stack's id, so that a stack that is made again does not find the log groups that the old one has left.
 */
export function functionName(scope: Construct, pipeline: string, operation: string): string {
  const place = createHash('sha256').update(`${scope.node.addr}/${operation}`).digest('hex').slice(0, 8);
  const stack = Fn.select(0, Fn.split('-', Fn.select(2, Fn.split('/', Aws.STACK_ID))));
  return `${readableFunctionName(pipeline, operation)}-${place}-${stack}`;
}
