import { lambda, pipeline, type Retry } from 'bunsui';
import { runPipeline } from 'bunsui/testing';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { virtualClock } from '../../lib/engine/clock.ts';
import type { TaskOutcome } from '../../lib/engine/ports.ts';
import { startExecution } from '../../lib/engine/run.ts';
import { sessionIdOf } from '../../lib/storage-layout.ts';
import { checkedMachines } from '../../lib/testing/child-machines.ts';
import { virtualPorts } from '../../lib/testing/virtual-ports.ts';

const load = lambda('load', { entry: './x.ts', input: z.object({ n: z.int() }), output: z.object({ rows: z.int() }) });
const child = pipeline(
  'child',
  { input: z.object({ n: z.int() }), output: z.object({ rows: z.int() }) },
  (p, input) => {
    const loaded = p.job('load', load, { n: input.n });
    p.output({ rows: loaded.out.rows });
  },
);

interface Started {
  readonly StateMachineArn: string;
  readonly Name: string;
  readonly Input: {
    readonly n: number;
    readonly bunsui: {
      readonly session: string;
      readonly createdAt: string;
      readonly generation: number;
      readonly parent: unknown;
    };
  };
}

const startMs = Date.parse('2026-03-01T12:00:00.789Z');

/** What Step Functions is asked to start by a pipeline that calls the child for each of two items. */
async function startedBy(
  answer: (count: number) => TaskOutcome,
  {
    retry,
    execution = 'e',
    input = {},
  }: { readonly retry?: Retry; readonly execution?: string; readonly input?: object } = {},
) {
  const parent = pipeline('parent', { input: z.object({}) }, (p) => {
    p.map('each', [1, 2], (n, q) => q.call('one', child, { input: { n }, ...(retry && { retry }) }), {
      concurrency: 1,
    });
  });
  const compiled = compilePipeline(parent.ir, { sha256: () => 'v' });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
  const started: Started[] = [];
  const ports: Parameters<typeof startExecution>[0] = {
    ...virtualPorts(virtualClock(startMs)),
    tasks: {
      run: async (task) => {
        started.push(task.arguments as unknown as Started);
        return answer(started.length);
      },
    },
  };
  const { done } = startExecution(ports, {
    executionArn: `arn:aws:states:us-east-1:000000000000:execution:parent:${execution}`,
    name: execution,
    stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:parent',
    stateMachineName: 'parent',
    definition: checkedMachines(compiled.artifact).root,
    input: JSON.stringify(input),
  });
  const { status } = await done;
  return { status, started, names: started.map(({ Name }) => Name) };
}

const done: TaskOutcome = { ok: true, output: { Output: { rows: 1 } } };
const failed = (error: string): TaskOutcome => ({ ok: false, error, cause: '' });

describe('a call', () => {
  it('names the session that it begins, and tells it who has called it', async () => {
    const block = { session: 's', createdAt: '2026-01-01T00:00:00.000Z', generation: 2 };
    const { status, started } = await startedBy(() => done, { input: { bunsui: block } });
    expect(status).toBe('SUCCEEDED');
    const [first] = started;
    const { session = '' } = first?.Input.bunsui ?? {};
    expect(first).toStrictEqual({
      StateMachineArn: '${pipeline:child}',
      Name: `session-${session}-1`,
      Input: {
        n: 1,
        bunsui: {
          session,
          createdAt: '2026-03-01T12:00:00.000Z',
          generation: 1,
          parent: {
            execution: 'arn:aws:states:us-east-1:000000000000:execution:parent:e',
            startedAt: '2026-03-01T12:00:00.789Z',
            block,
            job: 'each[0]/one',
          },
        },
      },
    });
    expect(session).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/);
    // The time stands in it as in every session's id.
    expect(session.slice(0, 10)).toBe(sessionIdOf(Date.parse('2026-03-01T12:00:00.000Z'), 0n).slice(0, 10));
  });

  it('begins another session for each job, each execution, and each try that its author asks for', async () => {
    const all = [
      ...(await startedBy(() => done)).names,
      ...(await startedBy(() => done, { execution: 'f' })).names,
      ...(
        await startedBy((count) => (count < 3 ? failed('States.TaskFailed') : done), { retry: { max: 2 } })
      ).names.slice(1, 3),
    ];
    expect(new Set(all).size).toBe(6);
    expect((await startedBy(() => done)).names).toStrictEqual(all.slice(0, 2));
  });

  it('begins none twice when Step Functions has not answered', async () => {
    const { status, started } = await startedBy((count) =>
      count < 3 ? failed('StepFunctions.SdkClientException') : done,
    );
    expect([status, started.length]).toStrictEqual(['SUCCEEDED', 4]);
    expect(started[1]).toStrictEqual(started[0]);
    expect(started[2]).toStrictEqual(started[0]);
    const asked = await startedBy((count) => (count < 2 ? failed('StepFunctions.SdkClientException') : done), {
      retry: { max: 5 },
    });
    expect([asked.status, asked.started.length]).toStrictEqual(['FAILED', 1]);
  });

  it('fails when what comes back lies in the objects of the child, or is not what its schema says', async () => {
    const moved = await startedBy(() => ({
      ok: true,
      output: { Output: { rows: 1, more: { 'bunsui:payload': 'x' } } },
    }));
    const other = await startedBy(() => ({ ok: true, output: { Output: { rows: 'many' } } }));
    expect([moved.status, other.status]).toStrictEqual(['FAILED', 'FAILED']);
  });
});

describe('a called pipeline in the test kit', () => {
  const parent = pipeline(
    'parent',
    { input: z.object({ n: z.int() }), output: z.object({ rows: z.int() }) },
    (p, input) => {
      const called = p.call('called', child, { input: { n: input.n } });
      p.call('apart', child, { input: { n: 7 }, wait: false, after: called });
      p.output({ rows: called.out.rows });
    },
  );

  it('runs, with functions for its operations', async () => {
    const run = await runPipeline(parent, {
      input: { n: 3 },
      operations: { load: ({ n }: { n: number }) => ({ rows: n * 2 }) },
    });
    expect(run).toMatchObject({ status: 'SUCCEEDED', output: { rows: 6 } });
    expect(run.attempts.map(({ job, input }) => [job, input])).toStrictEqual([
      ['load', { n: 3 }],
      ['load', { n: 7 }],
    ]);
  });

  it('is replaced by a function for the call', async () => {
    const operations = { 'call-child': () => ({ rows: 1 }), 'start-child': () => ({ session: 's' }) };
    const run = await runPipeline(parent, { input: { n: 3 }, operations });
    expect(run).toMatchObject({ status: 'SUCCEEDED', output: { rows: 1 } });
    expect(run.attempts.map(({ job }) => job)).toStrictEqual(['called', 'apart']);
  });

  it('fails what calls it, and asks for the functions that are missing', async () => {
    const operations = {
      load: () => {
        throw Object.assign(new Error('gone'), { name: 'Gone' });
      },
    };
    const run = await runPipeline(parent, { input: { n: 3 }, operations });
    expect([run.status, run.error, JSON.parse(run.cause ?? '')]).toStrictEqual([
      'FAILED',
      'States.TaskFailed',
      expect.objectContaining({ Error: 'Gone', Status: 'FAILED' }),
    ]);
    await expect(runPipeline(parent, { input: { n: 3 }, operations: {} })).rejects.toThrow(
      'operation "load" has no function',
    );
  });
});
