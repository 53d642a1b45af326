/** A session of ten thousand jobs: none of its rows is missing, wherever pages end. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jobPage } from '../../lib/api/job-pages.ts';
import type { AttemptItem, SessionItem } from '../../lib/sessions/items.ts';
import { listSessions } from '../../lib/sessions/list-sessions.ts';
import { createItem, getSession, listJobRecords, putJobRecords } from '../../lib/sessions/store.ts';
import { attemptKey } from '../../lib/storage-layout.ts';
import { type Cloud, cloudOn } from '../sessions/cloud.ts';
import { type LocalTables, startTables } from '../sessions/local-tables.ts';

const count = 10_000;
const createdAt = '2026-03-04T05:06:07.000Z';
const session: SessionItem = {
  session_id: 'many',
  created_at: createdAt,
  pipeline_id: 'flow',
  pipeline_name: 'flow',
  pipeline_version: 'v',
  status: 'running',
  total_jobs: count,
  completed_jobs: count,
  failed_jobs: 0,
  generation: 1,
  input: '{}',
  trigger: { kind: 'api' },
  region: 'us-east-1',
  updated_at: createdAt,
};

/** A record of about 1 KB: ten pages of what DynamoDB gives at once. */
function attempt(index: number): AttemptItem {
  const job = `each[${index}]/one`;
  return {
    session_id: 'many',
    job_timestamp: attemptKey(job, createdAt, 1, index + 1),
    record_type: 'attempt',
    pipeline_id: 'flow',
    job_id: job,
    operation_id: 'one',
    job_status: 'completed',
    attempt: 1,
    generation: 1,
    execution_arn: 'arn:aws:states:us-east-1:000000000000:execution:flow:session-many-1',
    event_id: index + 1,
    started_at: createdAt,
    completed_at: createdAt,
    duration_ms: 0,
    output: JSON.stringify({ index, text: 'x'.repeat(600) }),
  };
}

let tables: LocalTables;
let cloud: Cloud;
beforeAll(async () => {
  tables = await startTables();
  cloud = cloudOn(tables);
  await createItem(cloud.deps, session);
  await putJobRecords(
    cloud.deps,
    Array.from({ length: count }, (_, index) => attempt(index)),
  );
}, 600_000);
afterAll(() => tables.close());

describe(`the jobs of a session, ${count} of them`, { timeout: 600_000 }, () => {
  it('are all there, in the records and in the pages of the API', async () => {
    const want = Array.from({ length: count }, (_, index) => `each[${index}]/one`).sort();
    tables.calls.length = 0;
    const { attempts } = await listJobRecords(cloud.deps, 'many');
    expect(tables.calls.length).toBeGreaterThan(5);
    expect(attempts.map(({ job_id }) => job_id).sort()).toStrictEqual(want);
    const paged: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await jobPage(cloud.deps, session, {
        limit: 1_000,
        data: false,
        ...(cursor === undefined ? {} : { cursor }),
      });
      paged.push(...page.jobs.map(({ job_id }) => job_id));
      ({ cursor } = page);
    } while (cursor !== undefined);
    expect(paged.toSorted()).toStrictEqual(want);
    expect(new Set(paged).size).toBe(count);

    // A look at the session reads its record, not its jobs.
    const beganMs = performance.now();
    const listed = await listSessions(cloud.deps, { limit: 20 });
    const listMs = performance.now() - beganMs;
    const seen = await getSession(cloud.deps, 'many');
    const statusMs = performance.now() - beganMs - listMs;
    expect([listed.sessions.map(({ session_id }) => session_id), seen?.completed_jobs]).toStrictEqual([
      ['many'],
      count,
    ]);
    console.log(
      `${count} jobs: 0 rows missing in records and pages; list ${listMs.toFixed(0)} ms, status ${statusMs.toFixed(0)} ms`,
    );
  });
});
