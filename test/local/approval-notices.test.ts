/** Telling of approvals: once, by the live feed, and by the reconciler what that did not come to. */
import { pipeline, tpl } from 'bunsui';
import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { readNotice } from '../../lib/notify/read-notice.ts';
import { slackMessage } from '../../lib/notify/slack.ts';
import { answerApproval } from '../../lib/sessions/answer-approval.ts';
import { answersOf, claimAnswer, readAsking } from '../../lib/sessions/approval-store.ts';
import { sweepApprovals } from '../../lib/sessions/approval-notices.ts';
import { readHistory } from '../../lib/sessions/history.ts';
import type { LiveSessions } from '../../lib/sessions/live-session.ts';
import { noticeText } from '../../lib/sessions/notice-message.ts';
import type { NoticeDeps } from '../../lib/sessions/notices.ts';
import { recordEvents } from '../../lib/sessions/record-events.ts';
import { listJobRecords } from '../../lib/sessions/store.ts';
import { liveEvents } from '../sessions/log-records.ts';
import { answerTo, type ApprovalWorld, openApprovalWorld } from './approval-world.ts';

const shipping = pipeline('shipping', { input: z.object({ n: z.int() }) }, (p, input) => {
  p.approve('signoff', { message: tpl`Ship ${input.n}?`, who: ['ann', 'ml'], form: z.object({ stage: z.string() }) });
});

let world: ApprovalWorld;
let session: string;
let arn: string;
let published: string[];
let deps: ApprovalWorld['deps'] & { readonly notices: NoticeDeps };
beforeEach(async () => {
  world = await openApprovalWorld();
  ({ session, arn } = await world.asks(shipping, { n: 3 }));
  published = [];
  const send = async (command: { readonly input: { readonly Message?: string } }) => {
    published.push(JSON.parse(command.input.Message ?? '{}').default);
    return {};
  };
  const sns = { send } as unknown as NoticeDeps['sns'];
  deps = Object.assign(world.deps, { notices: { sns, topic: 't', channels: { ops: {} }, platform: 'bunsui' } });
});

/** Delivers all events that there are, as a function that remembers nothing. */
async function feed() {
  const remembered: LiveSessions = new Map();
  const recorded = await recordEvents(deps, liveEvents(arn, await readHistory(deps.sfn, arn)), remembered);
  expect(recorded.failed).toStrictEqual([]);
}

describe('an approval is told of', () => {
  it('when it begins to wait, once, whatever is delivered again', async () => {
    await feed();
    await feed();
    expect(await sweepApprovals(deps, 0)).toStrictEqual({ told: [], answered: [], problems: [] });
    expect(published).toHaveLength(1);
    const notice = readNotice(published[0] ?? '');
    if (typeof notice === 'string') throw new Error(notice);
    const asked = await readAsking(deps, arn, 'signoff');
    expect(notice).toMatchObject({
      ...{ event: 'approval', channels: ['ops'], session_id: session, status: 'running' },
      delivery_id: `${session}/1/0/approval/signoff/${asked?.askedAt}`,
      job: { job_id: 'signoff', source: { file: expect.stringMatching(/approval-notices\.test\.ts$/) } },
      approval: { message: 'Ship 3?', who: ['ann', 'ml'], asked_at: asked?.askedAt },
    });
    const { attempts } = await listJobRecords(deps, session);
    expect(attempts).toMatchObject([
      { job_id: 'signoff', job_status: 'running', input: expect.stringContaining('Ship 3?') },
    ]);
  });

  it('by the reconciler, when nobody did, and with the same delivery id', async () => {
    expect(await sweepApprovals(deps, 60_000)).toStrictEqual({ told: [], answered: [], problems: [] });
    expect(await sweepApprovals(deps, 0)).toMatchObject({ told: [session] });
    expect(await sweepApprovals(deps, 0)).toMatchObject({ told: [] });
    await feed();
    expect(published).toHaveLength(1);
  });

  it('no more, once it was answered', async () => {
    await answerApproval(deps, answerTo(session, {}));
    await world.end(arn);
    await feed();
    expect(await sweepApprovals(deps, 0)).toStrictEqual({ told: [], answered: [], problems: [] });
    expect(published.filter((text) => text.includes('"approval"'))).toStrictEqual([]);
  });

  it('with the question, who is asked, how to answer, and the link where there is one', async () => {
    await feed();
    const notice = readNotice(published[0] ?? '');
    if (typeof notice === 'string') throw new Error(notice);
    const text = noticeText(notice, 'https://a.invalid/links?link=x');
    expect(text).toMatch(/^shipping waits for an answer at signoff\n/);
    for (const part of [
      'Ship 3?',
      'ann, ml',
      `bunsui approve ${session} signoff --platform bunsui`,
      'https://a.invalid/links?link=x',
    ]) {
      expect(text).toContain(part);
    }
    const slack = JSON.stringify(slackMessage(notice, undefined, 'https://a.invalid/links?link=x'));
    expect(slack).toContain('<https://a.invalid/links?link=x|See it and answer>');
    expect(JSON.stringify(slackMessage(notice))).not.toContain('See it and answer');
  });
});

it('the reconciler hands on an answer that was taken and not sent', async () => {
  const asked = await readAsking(deps, arn, 'signoff');
  if (asked === undefined) throw new Error('nobody asks');
  const at = new Date().toISOString();
  await claimAnswer(deps, asked, { approved: true, answer: { stage: 'prod' }, by: 'ann', at, via: 'link' });
  expect(await sweepApprovals(deps, 0)).toStrictEqual({ told: [], answered: [session], problems: [] });
  await world.end(arn);
  expect(await answersOf(deps, session, 'signoff')).toMatchObject([{ answered_by: 'ann', answered_via: 'link' }]);
});
