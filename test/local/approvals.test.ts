/** Approvals on a runtime: asked by the machine, answered as the command line and the API answer them. */
import { RedriveExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { ScanCommand } from '@aws-sdk/lib-dynamodb';
import { pipeline, pluck, tpl } from 'bunsui';
import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { BunsuiError } from '../../lib/errors.ts';
import { answerApproval } from '../../lib/sessions/answer-approval.ts';
import { answersOf, claimAnswer, forgetApprovals, readAsking } from '../../lib/sessions/approval-store.ts';
import { foldHistory } from '../../lib/sessions/fold.ts';
import { readHistory } from '../../lib/sessions/history.ts';
import { listApprovals } from '../../lib/sessions/list-approvals.ts';
import { pauseSession } from '../../lib/sessions/pause.ts';
import { readArtifact } from '../../lib/sessions/pipelines.ts';
import { rerunSession } from '../../lib/sessions/rerun.ts';
import { getSession, listJobRecords } from '../../lib/sessions/store.ts';
import { answerTo, type ApprovalWorld, openApprovalWorld } from './approval-world.ts';

const n = z.object({ n: z.int() });
const form = z.object({ stage: z.enum(['canary', 'prod']), percent: z.int().default(10) });
const shipping = pipeline(
  'shipping',
  { input: n, output: z.object({ stage: z.string(), by: z.string() }) },
  (p, input) => {
    const signoff = p.approve('signoff', { message: tpl`Ship ${input.n}?`, who: ['ml-leads', 'yui'], form });
    p.output({ stage: tpl`${signoff.out.answer.stage} ${signoff.out.answer.percent}`, by: signoff.out.by });
  },
);
const shelving = pipeline('shelving', { input: n, output: z.object({ approved: z.boolean() }) }, (p) => {
  const signoff = p.approve('signoff', { message: 'Ship?', onReject: 'continue' });
  p.output({ approved: signoff.out.approved });
});
const many = pipeline('many', { input: n, output: z.object({ by: z.array(z.string()) }) }, (p) => {
  const all = p.map('all', ['a', 'b'], (item, q) => q.approve('signoff', { message: tpl`Ship ${item}?` }));
  p.output({ by: pluck(all.out, 'by') });
});

let world: ApprovalWorld;
beforeEach(async () => {
  world = await openApprovalWorld();
});

const refusal = (run: Promise<unknown>) =>
  run.then(
    () => 'no refusal',
    (error: unknown) => (error instanceof BunsuiError ? `${error.code} ${error.message}` : String(error)),
  );
const viewOf = async (session: string) => {
  const item = await getSession(world.deps, session);
  if (item === undefined) throw new Error(session);
  const artifact = await readArtifact(world.deps, item.pipeline_id, item.pipeline_version);
  return foldHistory(artifact, await readHistory(world.deps.sfn, item.execution_arn ?? ''));
};

describe('an approval', () => {
  it('waits, is listed, is answered once, and the answer is the output and on record', async () => {
    const { session, arn } = await world.asks(shipping, { n: 3 });
    const waiting = { status: 'waiting', isApproval: true, input: { message: 'Ship 3?', who: ['ml-leads', 'yui'] } };
    expect((await viewOf(session)).jobs).toMatchObject([waiting]);
    expect(await listApprovals(world.deps)).toMatchObject([
      {
        ...{ session_id: session, job_id: 'signoff', pipeline_id: 'shipping', message: 'Ship 3?' },
        ...{ who: ['ml-leads', 'yui'], form: { required: ['stage'] } },
      },
    ]);

    const taken = await answerApproval(world.deps, answerTo(session, { reason: 'fine' }));
    const said = { approved: true, answer: { stage: 'prod', percent: 10 }, reason: 'fine', by: 'yui', via: 'cli' };
    expect(taken).toMatchObject({ session_id: session, job_id: 'signoff', ...said });
    await world.end(arn);
    const view = await viewOf(session);
    expect(view).toMatchObject({ status: 'completed', output: { stage: 'prod 10', by: 'yui' } });
    expect(view.jobs).toMatchObject([{ status: 'completed', output: { ...said, at: taken.at } }]);
    expect(await answersOf(world.deps, session, 'signoff')).toMatchObject([
      { approved: true, answer: '{"stage":"prod","percent":10}', answered_by: 'yui', answered_via: 'cli' },
    ]);
    expect(await listApprovals(world.deps)).toStrictEqual([]);
    expect(await getSession(world.deps, session)).toMatchObject({ total_jobs: 1, completed_jobs: 1 });
  });

  it('shows its token to nobody: not in records, not in the view, not in lists', async () => {
    const { session, arn } = await world.asks(shipping, { n: 3 });
    const scanned = await world.deps.db.send(new ScanCommand({ TableName: world.deps.gatesTable }));
    const token = String(scanned.Items?.[0]?.['waiting']);
    expect(token.length).toBeGreaterThan(20);
    const shown = JSON.stringify([await viewOf(session), await listApprovals(world.deps)]);
    await answerApproval(world.deps, answerTo(session, {}));
    await world.end(arn);
    const records = JSON.stringify([await listJobRecords(world.deps, session), await getSession(world.deps, session)]);
    expect(shown.includes(token) || records.includes(token)).toBe(false);
    const { Items } = await world.deps.db.send(new ScanCommand({ TableName: world.deps.gatesTable }));
    expect(Items).toStrictEqual([]);
  });

  it('that is rejected fails with who rejected it and why', async () => {
    const { session, arn } = await world.asks(shipping, { n: 3 });
    await answerApproval(world.deps, answerTo(session, { answer: 'reject', reason: 'too risky' }));
    await world.end(arn);
    expect(await getSession(world.deps, session)).toMatchObject({
      ...{ status: 'failed', error_code: 'Bunsui.Rejected', error_message: 'rejected by yui: too risky' },
    });
    expect(await answersOf(world.deps, session, 'signoff')).toMatchObject([{ approved: false, reason: 'too risky' }]);
  });

  it('that is rejected goes on where its author says so', async () => {
    const { session, arn } = await world.asks(shelving, { n: 3 });
    await answerApproval(world.deps, answerTo(session, { answer: 'reject' }));
    await world.end(arn);
    expect((await viewOf(session)).output).toStrictEqual({ approved: false });
  });

  it('inside of a map is answered item by item', async () => {
    const { session, arn } = await world.asks(many, { n: 1 }, 'all[1]/signoff');
    await world.untilAsked(arn, 'all[0]/signoff');
    for (const [index, by] of ['ann', 'ben'].entries()) {
      await answerApproval(
        world.deps,
        answerTo(session, { job: `all[${index}]/signoff`, answer: { approve: {} }, by }),
      );
    }
    await world.end(arn);
    expect((await viewOf(session)).output).toStrictEqual({ by: ['ann', 'ben'] });
  });
});

describe('an answer is refused', () => {
  it('that does not fit the form, and one that fits is taken after it', async () => {
    const { session } = await world.asks(shipping, { n: 3 });
    const wrong = answerApproval(world.deps, answerTo(session, { answer: { approve: { stage: 'moon', more: 1 } } }));
    expect(await refusal(wrong)).toBe(
      'BS3015 the answer does not fit the form of "signoff": stage is "moon", not one of "canary", "prod"',
    );
    expect(await refusal(answerApproval(world.deps, answerTo(session, {})))).toBe('no refusal');
  });

  it('twice: the first one stays, and who gave it is told', async () => {
    const { session, arn } = await world.asks(shipping, { n: 3 });
    const both = ['ann', 'ben'].map((by) => refusal(answerApproval(world.deps, answerTo(session, { by }))));
    const refused = (await Promise.all(both)).filter((text) => text !== 'no refusal');
    expect(refused).toStrictEqual([expect.stringMatching(/^BS3014 "signoff" of session \w+ was answered already/)]);
    await world.end(arn);
    expect(await refusal(answerApproval(world.deps, answerTo(session, {})))).toMatch(/^BS3005 .* as completed/);
    expect(await answersOf(world.deps, session, 'signoff')).toHaveLength(1);
  });

  it('late', async () => {
    const { session } = await world.asks(shipping, { n: 3 });
    world.deps.nowMs = Date.now() + 8 * 86_400_000;
    expect(await refusal(answerApproval(world.deps, answerTo(session, {})))).toMatch(/^BS3014 .* waited until /);
    expect(await listApprovals(world.deps)).toStrictEqual([]);
  });

  it('to a session that was cancelled, before and after its end is on record', async () => {
    const { session, arn } = await world.asks(shipping, { n: 3 });
    await world.deps.sfn.send(new StopExecutionCommand({ executionArn: arn }));
    expect(await refusal(answerApproval(world.deps, answerTo(session, {})))).toMatch(/^BS3014 .* does not wait/);
    await world.end(arn);
    expect(await refusal(answerApproval(world.deps, answerTo(session, {})))).toMatch(/^BS3005 .* as cancelled/);
    expect(await answersOf(world.deps, session, 'signoff')).toStrictEqual([]);
  });

  it('to what is not asked, is no approval, or is not there', async () => {
    const { session } = await world.asks(many, { n: 1 }, 'all[0]/signoff');
    const to = (job: string, id = session) => refusal(answerApproval(world.deps, answerTo(id, { job })));
    expect(await to('all[7]/signoff')).toMatch(/^BS3014 .* does not wait for an answer now/);
    expect(await to('all')).toMatch(/^BS3013 a function runs/);
    expect(await to('sing-off')).toMatch(/^BS3013 there is no job "sing-off" in many/);
    expect(await to('../signoff')).toMatch(/^BS3013/);
    expect(await to('signoff', '0'.repeat(26))).toMatch(/^BS3002/);
  });

  it('to an earlier asking, after a redrive has asked anew', async () => {
    const { session, arn } = await world.asks(shipping, { n: 3 });
    const first = await world.untilAsked(arn, 'signoff');
    await answerApproval(world.deps, answerTo(session, { answer: 'reject', askedAt: first }));
    await world.end(arn);
    await rerunSession(world.deps, { session, road: 'redrive', by: { kind: 'manual' } });
    await world.untilAsked(arn, 'signoff', first);
    const late = answerApproval(world.deps, answerTo(session, { askedAt: first }));
    expect(await refusal(late)).toMatch(/^BS3014 .* was answered already: rejected by yui/);
    expect(await refusal(answerApproval(world.deps, answerTo(session, {})))).toBe('no refusal');
  });

  it('by an answer to another asking of the same job', async () => {
    const { session } = await world.asks(shipping, { n: 3 });
    const early = answerTo(session, { askedAt: '2026-01-01T00:00:00.000Z' });
    expect(await refusal(answerApproval(world.deps, early))).toMatch(/^BS3014 .* was asked anew at /);
  });
});

describe('an answer that was taken', () => {
  it('reaches Step Functions by whoever comes next, when who took it died', async () => {
    const { session, arn } = await world.asks(shipping, { n: 3 });
    const asked = await readAsking(world.deps, arn, 'signoff');
    if (asked === undefined) throw new Error('nobody asks');
    const answer = { approved: true, answer: { stage: 'canary', percent: 1 }, by: 'ann', at: new Date().toISOString() };
    await claimAnswer(world.deps, asked, { ...answer, via: 'api' });
    expect(await refusal(answerApproval(world.deps, answerTo(session, {})))).toMatch(/already: approved by ann/);
    await world.end(arn);
    expect((await viewOf(session)).output).toStrictEqual({ stage: 'canary 1', by: 'ann' });
    expect(await answersOf(world.deps, session, 'signoff')).toMatchObject([
      { answered_by: 'ann', answered_via: 'api' },
    ]);
  });

  it('to a redrive of the AWS console is taken before that is on record', async () => {
    const { session, arn } = await world.asks(shipping, { n: 3 });
    const first = await world.untilAsked(arn, 'signoff');
    await answerApproval(world.deps, answerTo(session, { answer: 'reject' }));
    await world.end(arn);
    await world.deps.sfn.send(new RedriveExecutionCommand({ executionArn: arn }));
    await world.untilAsked(arn, 'signoff', first);
    expect(await listApprovals(world.deps)).toMatchObject([{ session_id: session }]);
    expect(await refusal(answerApproval(world.deps, answerTo(session, {})))).toBe('no refusal');
  });

  it('cannot be given while its session is paused, and is asked for anew when that goes on', async () => {
    const { session, arn } = await world.asks(shipping, { n: 3 });
    const first = await world.untilAsked(arn, 'signoff');
    await pauseSession(world.deps, { session, by: { kind: 'manual', user: 'ann' } });
    expect(await world.end(arn)).toMatchObject({ status: 'paused', outcome: 'paused' });
    expect(await listApprovals(world.deps)).toStrictEqual([]);
    expect(await refusal(answerApproval(world.deps, answerTo(session, {})))).toMatch(/^BS3014 .* does not wait/);
    await world.deps.sfn.send(new RedriveExecutionCommand({ executionArn: arn }));
    await world.untilAsked(arn, 'signoff', first);
    // The end of before, told of once more.
    await forgetApprovals(world.deps, arn, 0);
    expect(await refusal(answerApproval(world.deps, answerTo(session, {})))).toBe('no refusal');
  });

  it('is asked for anew by a new execution', async () => {
    const { session, arn } = await world.asks(shipping, { n: 3 });
    await answerApproval(world.deps, answerTo(session, { answer: 'reject' }));
    await world.end(arn);
    const rerun = await rerunSession(world.deps, { session, road: 'new-execution', by: { kind: 'manual' } });
    expect(rerun).toMatchObject({ runs: ['signoff'], generation: 2 });
    const again = (await getSession(world.deps, session))?.execution_arn ?? '';
    await world.untilAsked(again, 'signoff');
    await answerApproval(world.deps, answerTo(session, {}));
    await world.end(again);
    expect(await answersOf(world.deps, session, 'signoff')).toMatchObject([
      { generation: 1, approved: false },
      { generation: 2, approved: true },
    ]);
  });
});
