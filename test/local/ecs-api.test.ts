/**
 * What the state of a container asks of ECS, asked of moto's ECS: whether it takes the request, and the task has our
 * variables and can be stopped. moto runs no container, and no real Fargate was asked.
 */
import { ecs, pipeline } from 'bunsui';
import { expect, it, onTestFinished } from 'vitest';
import * as z from 'zod';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { virtualClock } from '../../lib/engine/clock.ts';
import type { Json } from '../../lib/engine/ports.ts';
import { startExecution } from '../../lib/engine/run.ts';
import { containerParts, containerPlaceholder } from '../../lib/ir/artifact.ts';
import { virtualPorts } from '../../lib/testing/virtual-ports.ts';
import { motoServer } from '../storage/servers.ts';

type Fields = { readonly [name: string]: Json };

/** ECS spells names with a small letter where Step Functions spells them with a capital. */
function small(value: Json): Json {
  if (Array.isArray(value)) return value.map(small);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name.charAt(0).toLowerCase() + name.slice(1), small(inner as Json)]),
  );
}

it('is taken by ECS, with the variables of the job, and can be stopped', { timeout: 300_000 }, async ({ skip }) => {
  const moto = await motoServer();
  if ('why' in moto) return skip(moto.why);
  onTestFinished(() => moto.stop());
  const endpoint = `http://127.0.0.1:${moto.port}/`;
  const authorization = (service: string) =>
    `AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=a`;
  const call = async (action: string, body: Json): Promise<Fields> => {
    const answer = await fetch(endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': `AmazonEC2ContainerServiceV20141113.${action}`,
        authorization: authorization('ecs'),
      },
      body: JSON.stringify(body),
    });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${action}: ${text}`);
    return JSON.parse(text) as Fields;
  };
  const subnets = await fetch(endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: authorization('ec2') },
    body: 'Action=DescribeSubnets&Version=2016-11-15',
  }).then((answer) => answer.text());
  const subnet = /subnet-[0-9a-f]+/.exec(subnets)?.[0] ?? '';
  await call('CreateCluster', { clusterName: 'jobs' });
  const { taskDefinition } = await call('RegisterTaskDefinition', {
    family: 'size',
    networkMode: 'awsvpc',
    requiresCompatibilities: ['FARGATE'],
    cpu: '256',
    memory: '512',
    // moto adds up what containers ask for; on Fargate the task says it.
    containerDefinitions: [{ name: 'main', image: 'example.com/size:1', memory: 512 }],
  });
  const parts: { readonly [part in (typeof containerParts)[number]]: Json } = {
    bucket: 'bucket',
    cluster: 'jobs',
    task: (taskDefinition as Fields)['taskDefinitionArn'] ?? '',
    subnets: [subnet],
    securityGroups: [],
    publicIp: 'DISABLED',
    logs: '/aws/ecs/size',
  };

  const size = ecs('size', {
    image: 'example.com/size:1',
    input: z.object({ word: z.string() }),
    output: z.object({}),
  });
  const words = pipeline('words', { input: z.object({}) }, (p) => {
    p.job('one', size, { word: 'abc' });
  });
  const compiled = compilePipeline(words.ir, { sha256: () => 'v' });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
  let definition = JSON.stringify(compiled.artifact.definition);
  for (const part of containerParts) {
    definition = definition.replaceAll(JSON.stringify(containerPlaceholder('size', part)), () =>
      JSON.stringify(parts[part]),
    );
  }
  const started: Fields[] = [];
  const handle = startExecution(
    {
      ...virtualPorts(virtualClock(1_000_000)),
      tasks: {
        run: async (task) => {
          if (task.resource.includes(':s3:')) return { ok: true, output: {} };
          const answer = await call('RunTask', small(task.arguments));
          started.push(answer);
          return { ok: true, output: {} };
        },
      },
    },
    {
      executionArn: 'arn:aws:states:us-east-1:000000000000:execution:m:e1',
      name: 'e1',
      stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:m',
      stateMachineName: 'm',
      definition: JSON.parse(definition),
      input: '{}',
    } as never,
  );
  const { status, error, cause } = await handle.done;
  expect([status, error, cause]).toStrictEqual(['SUCCEEDED', undefined, undefined]);
  expect(started.map(({ failures }) => failures)).toStrictEqual([[]]);
  const [task] = (started[0]?.['tasks'] ?? []) as readonly Fields[];
  const overrides = task?.['overrides'] as {
    readonly containerOverrides: readonly { readonly environment: readonly { name: string; value: string }[] }[];
  };
  expect(
    Object.fromEntries((overrides.containerOverrides[0]?.environment ?? []).map(({ name, value }) => [name, value])),
  ).toMatchObject({
    BUNSUI_JOB: 'one',
    BUNSUI_BUCKET: 'bucket',
    BUNSUI_INPUT_KEY: 'containers/words/e1/one/input.json',
    BUNSUI_OUTPUT_KEY: 'containers/words/e1/one/output-0-0.json',
  });
  expect([task?.['launchType'], task?.['lastStatus']]).toStrictEqual(['FARGATE', 'RUNNING']);
  const stopped = await call('StopTask', { cluster: 'jobs', task: task?.['taskArn'] ?? '' });
  expect((stopped['task'] as Fields)['desiredStatus']).toBe('STOPPED');
});
