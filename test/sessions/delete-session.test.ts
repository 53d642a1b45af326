import { DeleteObjectsCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BunsuiError } from '../../lib/errors.ts';
import { deleteSession, sessionsToPurge } from '../../lib/sessions/delete-session.ts';
import { endSession } from '../../lib/sessions/end-session.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { startSession } from '../../lib/sessions/start-session.ts';
import { type Cloud, cloudOn, machineArn } from './cloud.ts';
import { artifact, successHistory } from './history-fixture.ts';
import { type LocalTables, startTables } from './local-tables.ts';

let tables: LocalTables;
let cloud: Cloud;
let deps: Cloud['deps'];

beforeEach(async () => {
  tables = await startTables();
  cloud = cloudOn(tables);
  deps = cloud.deps;
  const { send } = deps.s3;
  Object.assign(deps.s3, {
    send: async (command: unknown) => {
      if (command instanceof DeleteObjectsCommand) {
        for (const { Key = '' } of command.input.Delete?.Objects ?? []) cloud.objects.delete(Key);
        return {};
      }
      if (command instanceof ListObjectsV2Command) {
        const found = [...cloud.objects.keys()].filter((key) => key.startsWith(command.input.Prefix ?? ''));
        // A page at a time: what is deleted is not listed again.
        return { Contents: found.slice(0, 1).map((Key) => ({ Key })) };
      }
      return (send as (command: unknown) => Promise<unknown>)(command);
    },
  });
  await registerPipeline(deps, { artifact, stateMachineArn: machineArn });
});
afterEach(() => tables.close());

const start = (key: string) =>
  startSession(deps, { pipeline: 'flow', input: { day: key }, trigger: { kind: 'api' }, key });
async function ended(key: string) {
  const started = await start(key);
  Object.assign(cloud.executions.get(started.execution_arn) ?? {}, { history: successHistory(), status: 'SUCCEEDED' });
  await endSession(deps, { executionArn: started.execution_arn }, () => '<p></p>');
  return started;
}
const refusal = (run: Promise<unknown>) =>
  run.then(
    () => 'no refusal',
    (error: unknown) => (error instanceof BunsuiError ? `${error.code} ${error.message}` : String(error)),
  );

it('takes away everything of a session and nothing of another', async () => {
  const [one, other] = [await ended('mon'), await ended('tue')];
  cloud.objects.set(`logs/2026/03/04/${one.session_id}/load/load.jsonl`, '{}');
  cloud.objects.set(`reruns/2026/03/04/${one.session_id}/2-a.json`, '{}');
  cloud.objects.set(`payloads/flow/2026/03/04/${one.session_id}/x.json`, '{}');
  const before = (await cloud.items('jobHistoryTable')).length;
  await deleteSession(deps, one.session_id);
  const left = [...cloud.objects.keys()].filter((key) => !key.startsWith('configs/'));
  expect(left).toStrictEqual([`reports/2026/03/04/${other.session_id}.html`]);
  const records = await cloud.items('jobHistoryTable');
  expect([records.length, new Set(records.map((item) => item['session_id']))]).toStrictEqual([
    before / 2,
    new Set([other.session_id]),
  ]);
  expect(await refusal(deleteSession(deps, one.session_id))).toBe(`BS3002 no session has the id "${one.session_id}"`);
});

it('leaves the key used up: the same request starts no other session', async () => {
  const { session_id: session, created_at } = await ended('mon');
  await deleteSession(deps, session);
  expect(await start('mon')).toStrictEqual({
    session_id: session,
    created_at,
    execution_arn: '',
    outcome: 'exists',
    deleted: true,
  });
  expect(cloud.executions.size).toBe(1);
});

it('refuses a session that has not ended', async () => {
  const { session_id: session } = await start('mon');
  expect(await refusal(deleteSession(deps, session))).toBe(`BS3017 session ${session} is running: it has not ended`);
});

it('is finished by the next one, whatever call was the last before a crash', async () => {
  for (let at = 1; at < 40; at += 1) {
    const { session_id: session } = await ended(`day ${at}`);
    const first = cloud.calls.length;
    cloud.around = (when, call) => {
      if (when === 'after' && call === first + at) throw new Error('crash');
    };
    const crashed = await refusal(deleteSession(deps, session));
    cloud.around = undefined;
    const again = await refusal(deleteSession(deps, session));
    expect([again, (await cloud.items('jobHistoryTable')).length]).toStrictEqual([
      expect.stringMatching(/^(no refusal|BS3002)/),
      0,
    ]);
    if (crashed === 'no refusal') return;
  }
  throw new Error('never whole');
});

it('finds what has ended before some time, of a pipeline or status', async () => {
  const old = await ended('mon');
  await start('open');
  deps.nowMs += 86_400_000;
  const young = await ended('tue');
  const ids = async (before: string, over = {}) =>
    (await sessionsToPurge(deps, { before, limit: 10, ...over })).map(({ session_id: id }) => id);
  expect(await ids('2026-03-04T06:00:00.000Z')).toStrictEqual([old.session_id]);
  expect(await ids('2026-03-06T00:00:00.000Z')).toStrictEqual([young.session_id, old.session_id]);
  expect(await ids('2026-03-06T00:00:00.000Z', { limit: 1 })).toStrictEqual([young.session_id]);
  expect(await ids('2026-03-06T00:00:00.000Z', { status: 'failed' })).toStrictEqual([]);
  expect(await ids('2026-03-06T00:00:00.000Z', { pipeline: 'other' })).toStrictEqual([]);
});
