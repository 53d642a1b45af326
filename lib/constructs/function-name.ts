/** Names of operations' functions: known while CDK synthesises, but for what the stack adds. */
import { createHash } from 'node:crypto';
import { Aws, Fn } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

/** Of the 64 characters that Lambda takes, what two hashes of eight leave. */
const maxReadable = 46;
/** `arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:…:12345`: what is longest around the name. */
const longestAround = 'arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:'.length + ':12345'.length;

function readable(pipeline: string, operation: string): string {
  return `${pipeline}-${operation}`.slice(0, maxReadable);
}

/**
 * `{pipeline}-{operation}-…`, at most 64 characters. Its end makes it unique: where the pipeline stands in the app, and
 * the stack's id, so that a stack that is made again does not find the log groups that the old one has left.
 */
export function functionName(scope: Construct, pipeline: string, operation: string): string {
  const place = createHash('sha256').update(`${scope.node.addr}/${operation}`).digest('hex').slice(0, 8);
  const stack = Fn.select(0, Fn.split('-', Fn.select(2, Fn.split('/', Aws.STACK_ID))));
  return `${readable(pipeline, operation)}-${place}-${stack}`;
}

/** Most characters that the ARN of the function's published version has. */
export function longestFunctionArn(pipeline: string, operation: string): number {
  return longestAround + readable(pipeline, operation).length + '-12345678-12345678'.length;
}
