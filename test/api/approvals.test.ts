/** Approvals by the API and by links, on a runtime: what is signed, who may see, and that seeing is not answering. */
import { pipeline, tpl } from 'bunsui';
import { beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { apiApp } from '../../lib/api/app.ts';
import { bindingsOf, linkResource, requestOf } from '../../lib/api/gateway.ts';
import { answerLinks } from '../../lib/notify/answer-links.ts';
import { answersOf } from '../../lib/sessions/approval-store.ts';
import type { Notice } from '../../lib/sessions/notice.ts';
import { type ApprovalWorld, openApprovalWorld } from '../local/approval-world.ts';

const form = z.object({ stage: z.enum(['canary', 'prod']), percent: z.int().default(10), sure: z.boolean() });
const shipping = pipeline(
  'shipping',
  { input: z.object({ n: z.int() }), output: z.object({ by: z.string() }) },
  (p, input) => {
    const signoff = p.approve('signoff', { message: tpl`Ship <${input.n}>?`, who: ['ml-leads'], form, timeout: '3d' });
    p.output({ by: signoff.out.by });
  },
);

let world: ApprovalWorld;
let session: string;
let arn: string;
let failures: unknown[];
beforeEach(async () => {
  world = await openApprovalWorld();
  ({ session, arn } = await world.asks(shipping, { n: 3 }));
  failures = [];
});

const ann = { role: 'operator', user: 'arn:aws:iam::000000000000:user/ann' } as const;
const nobody = { role: undefined };

async function call(method: string, path: string, sent?: unknown, caller: typeof ann | typeof nobody = ann) {
  const app = apiApp({
    ...world.deps,
    objectUrl: async () => ({ url: '', expiresAt: '' }),
    onFailure: (_id, thrown) => failures.push(thrown),
  });
  const isForm = sent instanceof URLSearchParams;
  const answer = await app.request(
    path,
    {
      method,
      headers: { 'content-type': isForm ? 'application/x-www-form-urlencoded' : 'application/json' },
      ...(sent === undefined ? {} : { body: isForm ? sent.toString() : JSON.stringify(sent) }),
    },
    { caller, requestId: 'r' },
  );
  const text = await answer.text();
  expect(failures).toStrictEqual([]);
  return { status: answer.status, headers: answer.headers, text };
}

async function callJson(method: string, path: string, sent?: unknown) {
  const { status, text } = await call(method, path, sent);
  return { status, body: JSON.parse(text) };
}

/** The path of a link as a channel gets it. */
async function linkOf(more: { readonly now?: () => number; readonly askedAt?: string } = {}): Promise<string> {
  const { asked_at, expires_at } = (await callJson('GET', '/v1/approvals')).body.approvals[0];
  const approval = { asked_at: more.askedAt ?? asked_at, expires_at, message: '', who: [] };
  const notice = { session_id: session, job: { job_id: 'signoff', attempt: 1 }, approval } as unknown as Notice;
  const link = await answerLinks(world.deps, 'https://api.invalid/api/', more.now ?? Date.now)(notice, 'ops');
  const { pathname, search } = new URL(link ?? '');
  return `${pathname.replace('/api', '')}${search}`;
}

const filled = { decision: 'approve', by: 'Ann', 'form.stage': 'prod', 'form.sure': 'true', 'form.percent': '' };
const sent = (more: object = {}) => new URLSearchParams({ ...filled, ...more });

describe('the API', () => {
  it('lists what waits, takes one answer with the caller as who gave it, and shows it afterwards', async () => {
    const listed = await callJson('GET', '/v1/approvals');
    expect(listed.body).toMatchObject({
      approvals: [{ session_id: session, job_id: 'signoff', message: 'Ship <3>?', who: ['ml-leads'] }],
    });
    const body = { job_id: 'signoff', approved: true, answer: { stage: 'prod', sure: true }, reason: 'fine' };
    const taken = await callJson('POST', `/v1/sessions/${session}/approvals`, body);
    const answer = { approved: true, answer: { stage: 'prod', percent: 10, sure: true }, by: ann.user, via: 'api' };
    expect(taken).toMatchObject({ status: 200, body: { session_id: session, job_id: 'signoff', ...answer } });
    const again = await callJson('POST', `/v1/sessions/${session}/approvals`, body);
    expect(again).toMatchObject({ status: 409, body: { error: { code: 'BS3014' } } });
    await world.end(arn);
    const after = await callJson('GET', `/v1/sessions/${session}/approvals`);
    expect(after.body).toMatchObject({ waiting: [], answers: [{ job_id: 'signoff', generation: 1, ...answer }] });
    const ended = await callJson('POST', `/v1/sessions/${session}/approvals`, body);
    expect(ended).toMatchObject({ status: 409, body: { error: { code: 'BS3005' } } });
  });

  it.each([
    ['a form that does not fit', { job_id: 'signoff', approved: true, answer: { stage: 'moon' } }, 422, 'BS3015'],
    ['no such approval', { job_id: 'sign', approved: true }, 404, 'BS3013'],
    ['another asking', { job_id: 'signoff', approved: true, asked_at: '2026-01-01T00:00:00Z' }, 409, 'BS3014'],
    ['what is no body of it', { job_id: '../x', approved: 'yes' }, 400, 'BS6001'],
  ])('refuses %s, and it still waits', async (_name, body, status, code) => {
    const refused = await callJson('POST', `/v1/sessions/${session}/approvals`, body);
    expect(refused).toMatchObject({ status, body: { error: { code } } });
    expect((await callJson('GET', '/v1/approvals')).body.approvals).toHaveLength(1);
  });

  it('gives pages', async () => {
    await world.asks(shipping, { n: 4 });
    const first = await callJson('GET', '/v1/approvals?limit=1');
    const second = await callJson('GET', `/v1/approvals?limit=1&cursor=${first.body.cursor}`);
    const of = ({ body }: typeof first) => body.approvals.map(({ message }: { message: string }) => message);
    expect([of(first), of(second), second.body.cursor]).toStrictEqual([['Ship <3>?'], ['Ship <4>?'], undefined]);
  });
});

describe('a link', () => {
  it('shows what is asked to whoever opens it, and answers nothing, however often it is opened', async () => {
    const link = await linkOf();
    for (const method of ['GET', 'GET', 'HEAD']) {
      const page = await call(method, link, undefined, nobody);
      expect([page.status, page.headers.get('cache-control')]).toStrictEqual([200, 'no-store']);
      expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; .*frame-ancestors 'none'/);
      if (method === 'GET') expect(page.text).toContain('Ship &lt;3&gt;?');
    }
    expect(await answersOf(world.deps, session, 'signoff')).toStrictEqual([]);
  });

  it('is answered once by the form of its page: with the name that was given, and where the link was sent', async () => {
    const link = await linkOf();
    expect((await call('POST', link, sent(), nobody)).text).toContain('<h1>Approved</h1>');
    const again = await call('POST', link, sent({ decision: 'reject' }), nobody);
    expect([again.status, again.text.includes('was answered already')]).toStrictEqual([409, true]);
    expect(await answersOf(world.deps, session, 'signoff')).toMatchObject([
      {
        ...{ approved: true, answered_by: 'Ann (link sent to ops)', answered_via: 'link' },
        answer: '{"stage":"prod","sure":true,"percent":10}',
      },
    ]);
  });

  it.each([
    ['without a name', { by: ' ' }, 'say who you are'],
    ['without a decision', { decision: '' }, 'say who you are'],
    ['with a form that does not fit', { 'form.stage': '<moon>' }, 'stage is &quot;&lt;moon&gt;&quot;'],
  ])('shows the form again %s', async (_name, more, told) => {
    const page = await call('POST', await linkOf(), sent(more), nobody);
    expect([page.status, page.text.includes(told)]).toStrictEqual([422, true]);
    expect(await answersOf(world.deps, session, 'signoff')).toStrictEqual([]);
  });

  it.each([
    ['that nobody signed', (link: string) => link.replace(/.{6}$/, 'AAAAAA'), 403],
    ['whose content was changed', (link: string) => link.replace('link=W', 'link=V'), 403],
    ['that is cut off', (link: string) => link.slice(0, link.indexOf('.')), 403],
    ['that is none', () => '/links', 403],
    ['that is endless', () => `/links?link=${'a'.repeat(5_000)}`, 403],
  ])('%s opens nothing', async (_name, spoil, status) => {
    const link = spoil(await linkOf());
    expect((await call('GET', link, undefined, nobody)).status).toBe(status);
    expect((await call('POST', link, sent(), nobody)).status).toBe(status);
  });

  it('ends after a week, though the approval waits on', async () => {
    const link = await linkOf({ now: () => Date.now() - 8 * 86_400_000 });
    const page = await call('GET', link, undefined, nobody);
    expect([page.status, page.text.includes('the time of this link is over')]).toStrictEqual([403, true]);
  });

  it('of an earlier asking opens nothing', async () => {
    const page = await call('GET', await linkOf({ askedAt: '2026-01-01T00:00:00.000Z' }), undefined, nobody);
    expect([page.status, page.text.includes('was asked anew')]).toStrictEqual([409, true]);
  });

  it('is the only thing that is reached without a signature of IAM', async () => {
    expect((await call('GET', '/v1/approvals', undefined, nobody)).status).toBe(403);
    const event = {
      ...{
        httpMethod: 'GET',
        path: '/api/links',
        headers: {},
        multiValueHeaders: {},
        queryStringParameters: { link: 'x' },
      },
      ...{ multiValueQueryStringParameters: {}, body: null, isBase64Encoded: false },
      requestContext: { requestId: 'r', identity: { userArn: ann.user } },
    };
    expect(bindingsOf({ ...event, resource: linkResource }).caller).toStrictEqual({ role: undefined });
    expect(bindingsOf({ ...event, resource: '/{proxy+}' }).caller).toStrictEqual({ role: 'admin', user: ann.user });
    const { pathname, search } = new URL(requestOf(event).url);
    expect([pathname, search]).toStrictEqual(['/links', '?link=x']);
  });
});
