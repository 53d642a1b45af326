/** A thousand jobs on tables that throttle, fail and lose answers: nothing is lost, and few writes are wasted. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import * as z from 'zod';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { tableTries } from '../../lambdas/function-setup.ts';
import { endSession } from '../../lib/sessions/end-session.ts';
import type { LiveSessions } from '../../lib/sessions/live-session.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { recordEvents } from '../../lib/sessions/record-events.ts';
import { startSession } from '../../lib/sessions/start-session.ts';
import { getSession, listJobRecords } from '../../lib/sessions/store.ts';
import { wrapHandler } from '../../lib/wrapper/wrap-handler.ts';
import { type Cloud, cloudOn, machineArn } from '../sessions/cloud.ts';
import { artifact, historyOf } from '../sessions/history-fixture.ts';
import { type LocalTables, type Spoil, startTables } from '../sessions/local-tables.ts';
import { liveEvents } from '../sessions/log-records.ts';
import { randomOf } from '../simulation/random.ts';
import { callOf, portsFor } from '../wrapper/call.ts';

const fault = (status: number, type: string) => ({
  status,
  body: `{"__type":"com.amazonaws.dynamodb.v20120810#${type}"}`,
});
const writing = new Set(['PutItem', 'UpdateItem', 'BatchWriteItem', 'DeleteItem']);

/** A map of so many items, of two jobs each, of which one in seven needs a second try. */
function historyOfMap(items: number) {
  const h = historyOf();
  const fork = h.add('ParallelStateStarted', h.entered('Parallel', 'fork', h.ran('load', 0)), {});
  const when = h.entered('Choice', 'check.when', fork);
  h.exited('Pass', 'check.skip', h.entered('Pass', 'check.skip', h.exited('Choice', 'check.when', when)));
  const map = h.add('MapStateStarted', h.entered('Map', 'convert', fork), {
    mapStateStartedEventDetails: { length: items },
  });
  let last = map;
  for (let index = 0; index < items; index += 1) {
    const entered = h.entered('Task', 'one', h.iteration(index, map));
    const first = h.schedule('one', entered, 0);
    const tried = index % 7 === 0 ? h.schedule('one', h.failed('Flaky', first), 1) : first;
    last = h.ran('two', h.exited('Task', 'one', h.succeeded('one', tried)));
    h.iterated(index, last);
  }
  const mapped = h.exited('Map', 'convert', h.add('MapStateSucceeded', last, {}));
  const joined = h.exited('Parallel', 'fork', h.add('ParallelStateSucceeded', mapped, {}));
  const close = h.ran('close', h.ran('publish', h.exited('Choice', 'any', h.entered('Choice', 'any', joined))));
  h.add('ExecutionSucceeded', close, { executionSucceededEventDetails: { output: '{"rows":3}' } });
  return h.events;
}

/** The SDK's tries without its pauses. */
const tries = {
  mode: async () => 'standard',
  acquireInitialRetryToken: async () => token(0),
  refreshRetryTokenForRetry: async (last: { getRetryCount(): number }) => {
    if (last.getRetryCount() + 1 >= tableTries) throw new Error('no more tries');
    return token(last.getRetryCount() + 1);
  },
  recordSuccess: () => {},
};
const token = (count: number) => ({ getRetryCount: () => count, getRetryDelay: () => 0 });

let tables: LocalTables;
let cloud: Cloud;
beforeAll(async () => {
  tables = await startTables();
  const client = new DynamoDBClient({
    endpoint: tables.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDTEST', secretAccessKey: 'secret' },
    retryStrategy: tries as never,
  });
  cloud = cloudOn({ ...tables, client });
  await registerPipeline(cloud.deps, { artifact, stateMachineArn: machineArn });
});
afterAll(() => tables.close());
beforeEach(() => {
  tables.spoil = undefined;
});

/** Until it succeeds, as whoever delivers does it. @returns how often it was delivered */
async function delivered(work: () => Promise<unknown>): Promise<number> {
  for (let count = 1; ; count += 1) {
    try {
      await work();
      return count;
    } catch (cause) {
      if (count === 20) throw new Error('delivered twenty times, and never taken', { cause });
    }
  }
}

const items = 499;

/** A session of a thousand jobs, from its start to its end: its functions, its live feed, its end. */
async function session(spoil: Spoil | undefined) {
  const history = historyOfMap(items);
  tables.calls.length = 0;
  tables.spoil = spoil;
  let id = '';
  let arn = '';
  const request = {
    pipeline: 'flow',
    input: { day: 'mon' },
    key: `k${Math.random()}`,
    trigger: { kind: 'api' } as const,
  };
  let again = await delivered(
    async () => ({ session_id: id, execution_arn: arn } = await startSession(cloud.deps, request)),
  );
  // The functions of its jobs.
  const createdAt = (await getSession(cloud.deps, id))?.created_at ?? '';
  const jobs = [
    'load',
    'publish',
    'close',
    ...Array.from({ length: items }, (_, index) => [`convert[${index}]/one`, `convert[${index}]/two`]).flat(),
  ];
  let ran = 0;
  const handler = wrapHandler(
    { id: 'load', input: z.unknown(), output: z.unknown() },
    () => ({ ran: ++ran }),
    portsFor(tables),
  );
  for (let from = 0; from < jobs.length; from += 16) {
    await Promise.all(
      jobs.slice(from, from + 16).map(async (job) => {
        const block = { session: id, createdAt, generation: 1 };
        again += (await delivered(() => handler(callOf({ job }, { job, execution: arn, block })))) - 1;
      }),
    );
  }
  Object.assign(cloud.executions.get(arn) ?? {}, { history });
  const remembered: LiveSessions = new Map();
  for (let from = 0; from < history.length; from += 200) {
    const batch = liveEvents(arn, history.slice(from, from + 200));
    again +=
      (await delivered(async () => {
        const { failed } = await recordEvents(cloud.deps, batch, remembered);
        if (failed[0] !== undefined) throw failed[0].error;
      })) - 1;
  }
  Object.assign(cloud.executions.get(arn) ?? {}, { status: 'SUCCEEDED' });
  again += (await delivered(() => endSession(cloud.deps, { executionArn: arn }, () => ''))) - 1;
  tables.spoil = undefined;
  const writes = tables.calls.filter((name) => writing.has(name)).length;
  const { attempts, checkpoints } = await listJobRecords(cloud.deps, id);
  const item = await getSession(cloud.deps, id);
  const records = {
    jobs: jobs.length,
    checkpoints: checkpoints.map(({ job_id }) => job_id).sort(),
    attempts: attempts.map(({ job_timestamp, job_status }) => `${job_timestamp} ${job_status}`),
    session: `${item?.status} ${item?.completed_jobs}/${item?.total_jobs} failed ${item?.failed_jobs}`,
  };
  return { records, writes, again, ran };
}

describe('a session of a thousand jobs', { timeout: 600_000 }, () => {
  it('comes to the same on tables that throttle, fail and lose answers, at no more than twice the writes', async () => {
    const clean = await session(undefined);
    expect([
      clean.records.jobs,
      clean.records.checkpoints.length,
      clean.records.session,
      clean.ran,
      clean.again,
    ]).toStrictEqual([1001, 1001, 'completed 1001/1003 failed 0', 1001, 1]);
    const random = randomOf(10);
    const bad = await session(() => {
      const drawn = random();
      if (drawn < 0.3) return fault(400, 'ThrottlingException');
      return drawn < 0.35 ? fault(500, 'InternalServerError') : undefined;
    });
    expect(bad.records).toStrictEqual(clean.records);
    const ratio = bad.writes / clean.writes;
    console.log(
      `throttling 0.3, 5xx 0.05, ${clean.records.jobs} jobs: 0 lost, writes ${bad.writes} of at least ${clean.writes} (${ratio.toFixed(2)}), ${bad.again - 1} deliveries again`,
    );
    expect(ratio).toBeLessThanOrEqual(2);

    const lost = await session(({ operation }) =>
      writing.has(operation) && random() < 0.1 ? 'lose-answer' : undefined,
    );
    expect(lost.records).toStrictEqual(clean.records);
    console.log(`answers of written items lost 0.1: the same records, ${lost.again - 1} deliveries again`);
  });
});
