/**
 * Transitions per second at an endpoint that speaks the API of Step Functions, LocalStack say: from the start of an
 * execution to its end, as the endpoint itself dates them, so that asking for the end does not count.
 */
import { setTimeout as pause } from 'node:timers/promises';
import {
  CreateStateMachineCommand,
  DeleteStateMachineCommand,
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { type Machine, workArn } from './machines.ts';

const roleArn = 'arn:aws:iam::000000000000:role/bench';
const rounds = 3;
/** No further round begins after this long. */
const enoughMs = 20_000;
/** Seldom: who asks takes from the endpoint's time, and the end is dated by the endpoint. */
const askEveryMs = 250;

/**
 * A definition that any endpoint can run: in place of the function, which each would run in its own way, a call that it
 * answers by itself.
 */
function definitionFor({ definition }: Machine): string {
  const call = 'arn:aws:states:::aws-sdk:sts:getCallerIdentity';
  return JSON.stringify(definition, (_, value: unknown) =>
    typeof value === 'object' && value !== null && 'Resource' in value && value.Resource === workArn
      ? { ...value, Resource: call, Parameters: {} }
      : value,
  );
}

/** Milliseconds of the best round. @throws when an execution does not succeed */
export async function timeAt(endpoint: string, machine: Machine): Promise<number> {
  const { name, input } = machine;
  const client = new SFNClient({
    endpoint,
    region: process.env['AWS_REGION'] ?? 'us-east-1',
    credentials: {
      accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? 'test',
      secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? 'test',
    },
  });
  const { stateMachineArn } = await client.send(
    new CreateStateMachineCommand({
      name: `bench-${name.replaceAll(/[^a-z0-9]+/gi, '-')}-${Date.now()}`,
      definition: definitionFor(machine),
      roleArn,
    }),
  );
  try {
    let best = Number.POSITIVE_INFINITY;
    const from = performance.now();
    for (let round = 0; round < rounds && performance.now() - from < enoughMs; round += 1) {
      const started = new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input) });
      const { executionArn } = await client.send(started);
      const { status, startDate, stopDate, error } = await endOf(client, executionArn);
      if (status !== 'SUCCEEDED') throw new Error(`${name} at ${endpoint} ended as ${status}: ${error}`);
      best = Math.min(best, Number(stopDate) - Number(startDate));
    }
    // Dates are whole milliseconds.
    return Math.max(best, 1);
  } finally {
    await client.send(new DeleteStateMachineCommand({ stateMachineArn })).catch(() => {});
    client.destroy();
  }
}

async function endOf(client: SFNClient, executionArn: string | undefined): Promise<DescribeExecutionOutput> {
  for (;;) {
    const described = await client.send(new DescribeExecutionCommand({ executionArn }));
    if (described.status !== 'RUNNING') return described;
    await pause(askEveryMs);
  }
}
