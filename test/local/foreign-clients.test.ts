/** Clients that are not ours drive the endpoint: boto3 and the AWS command line. */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { openForTest } from './runtimes.ts';

/** `.ci/run` makes this environment; elsewhere python3 and aws count as they are. */
const python = process.env['BUNSUI_PYTHON'] ?? 'python3';

function answers(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
// Redrives came to boto3 with 1.29.
const hasBoto3 = answers(python, [
  '-c',
  'import boto3; assert tuple(map(int, boto3.__version__.split(".")[:2])) >= (1, 29)',
]);
// `.ci/run` has installed both: there, what is missing is a mistake.
const mustBeThere = process.env['CI'] === 'true';
const hasAws = answers('aws', ['--version']);

async function ran(command: string, args: readonly string[], runtime: Awaited<ReturnType<typeof openForTest>>) {
  const { credentials, region } = runtime;
  const env = {
    ...process.env,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_DEFAULT_REGION: region,
    AWS_PAGER: '',
    AWS_MAX_ATTEMPTS: '1',
  };
  const found = await promisify(execFile)(command, args, { env }).catch((thrown: unknown) => thrown as Failed);
  return { stdout: found.stdout, stderr: found.stderr };
}
interface Failed {
  readonly stdout: string;
  readonly stderr: string;
}

it.skipIf(!hasBoto3 && !mustBeThere)(
  'boto3 creates, starts, pages, redrives, stops, tests and looks into map runs (skipped where python3 has no boto3 of 1.29 or later)',
  async () => {
    const runtime = await openForTest();
    const script = new URL('boto.py', import.meta.url).pathname;
    const { stdout, stderr } = await ran(python, [script, runtime.endpoint, runtime.region], runtime);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toStrictEqual({
      ended: ['FAILED', 'Broken', 'it is', true],
      pages: 3,
      types: [
        'ExecutionStarted',
        'PassStateEntered',
        'PassStateExited',
        'ChoiceStateEntered',
        'ChoiceStateExited',
        'FailStateEntered',
        'ExecutionFailed',
      ],
      redriven: ['FAILED', 'Broken', 1, true],
      stopped: ['ABORTED', 'Enough', 'of it'],
      tested: ['SUCCEEDED', '{"m":1}', 'z', '{"m":1}'],
      mapRun: [1, 'SUCCEEDED', 3, true, 3, 1, true],
      refusals: [
        'ValidationException ValidationException',
        'ResourceNotFound ResourceNotFound',
        'ExecutionDoesNotExist ExecutionDoesNotExist',
        'InvalidArn InvalidArn',
        'ExecutionAlreadyExists ExecutionAlreadyExists',
        'InvalidExecutionInput InvalidExecutionInput',
        'InvalidDefinition InvalidDefinition',
        'ExecutionDoesNotExist ExecutionDoesNotExist',
        'TaskTimedOut TaskTimedOut',
      ],
    });
  },
);

it.skipIf(!hasAws && !mustBeThere)(
  'the AWS command line creates, starts and reads (skipped where there is no `aws`)',
  async () => {
    const runtime = await openForTest();
    const aws = (...args: readonly string[]) =>
      ran('aws', ['--endpoint-url', runtime.endpoint, '--output', 'json', 'stepfunctions', ...args], runtime);
    const definition = '{"StartAt":"p","States":{"p":{"Type":"Pass","Result":7,"End":true}}}';
    const role = 'arn:aws:iam::000000000000:role/machine';
    const made = await aws('create-state-machine', '--name', 'm', '--definition', definition, '--role-arn', role);
    const { stateMachineArn } = JSON.parse(made.stdout) as { readonly stateMachineArn: string };
    const started = await aws('start-execution', '--state-machine-arn', stateMachineArn, '--name', 'one');
    const { executionArn } = JSON.parse(started.stdout) as { readonly executionArn: string };
    await expect
      .poll(async () => JSON.parse((await aws('describe-execution', '--execution-arn', executionArn)).stdout), {
        timeout: 30_000,
      })
      .toMatchObject({ status: 'SUCCEEDED', output: '7' });
    const history = await aws('get-execution-history', '--execution-arn', executionArn, '--page-size', '2');
    expect((JSON.parse(history.stdout) as { readonly events: readonly object[] }).events).toHaveLength(4);
    const { stderr } = await aws('describe-execution', '--execution-arn', `${executionArn}x`);
    expect(stderr).toContain('(ExecutionDoesNotExist) when calling the DescribeExecution operation');
  },
);
