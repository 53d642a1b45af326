/** Notices on this machine: from a pipeline that fails to receivers that are real servers. */
import { createHmac } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Notice } from '../../lib/sessions/notice.ts';
import { receiverForTest } from '../notify/receiver.ts';
import { bunsui } from './command-line.ts';

const shop = fileURLToPath(new URL('./shop/shop.ts', import.meta.url));
const late = fileURLToPath(new URL('./shop/late.ts', import.meta.url));
const skipping = fileURLToPath(new URL('./bell/skipping.ts', import.meta.url));

/** A project's folder with channels in its `bunsui.json`. */
function projectWith(channels: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'bunsui-notify-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'bunsui.json'), JSON.stringify({ channels }));
  return folder;
}

describe('a run that fails', () => {
  it('is told to Slack, to a signed webhook and by mail before the command has ended', async () => {
    const slack = await receiverForTest();
    const webhook = await receiverForTest();
    const folder = projectWith({
      ops: { kind: 'slack', secret: 'env:SLACK_HOOK', allowPrivate: true },
      audit: { kind: 'webhook', url: `${webhook.url}/in`, secret: 'file:hook.secret', allowPrivate: true },
      mail: { kind: 'email', from: 'bunsui@example.com', to: ['ops@example.com'] },
      quiet: { kind: 'webhook', url: `${webhook.url}/quiet`, events: ['cancelled'], allowPrivate: true },
    });
    writeFileSync(join(folder, 'hook.secret'), 'a shared secret\n');
    const environment = { SLACK_HOOK: `${slack.url}/services/canary-8c1f` };

    const ran = await bunsui(['run', shop, '-p', 'flaw=broken', '--json'], { cwd: folder, environment });
    const session = /"session":"(\w+)"/.exec(ran.out)?.[1];
    expect([ran.code, ran.err]).toStrictEqual([1, '']);

    expect(slack.received.map(({ path }) => path)).toStrictEqual(['/services/canary-8c1f']);
    const said = slack.received[0]?.body ?? '';
    for (const part of [session ?? '?', 'shop failed at prices[', 'RangeError: order', 'shop.ts:', 'attempt 2']) {
      expect(said).toContain(part);
    }
    const [one] = webhook.received;
    expect(webhook.received.map(({ path }) => path)).toStrictEqual(['/in']);
    const notice = JSON.parse(one?.body ?? '{}') as Notice;
    expect([notice.session_id, notice.event, notice.channels]).toStrictEqual([
      session,
      'failed',
      ['audit', 'mail', 'ops'],
    ]);
    expect(one?.headers['bunsui-delivery']).toBe(notice.delivery_id);
    const signed = `${one?.headers['bunsui-timestamp']}.${one?.body}`;
    const expected = createHmac('sha256', 'a shared secret').update(signed).digest('hex');
    expect(one?.headers['bunsui-signature']).toBe(`v1=${expected}`);

    const mails = readdirSync(join(folder, '.bunsui/mail'));
    expect(mails).toHaveLength(1);
    const mail = readFileSync(join(folder, '.bunsui/mail', mails[0] ?? ''), 'utf8');
    expect(mail).toMatch(
      /^From: bunsui@example\.com\nTo: ops@example\.com\nSubject: shop failed at prices\[\d\]\/price\n/,
    );
    // The secret is nowhere in the state folder: not in logs, not in the registrations of functions.
    const files = readdirSync(join(folder, '.bunsui'), { recursive: true, withFileTypes: true });
    const texts = files
      .filter((file) => file.isFile())
      .map((file) => readFileSync(join(file.parentPath, file.name), 'utf8'));
    expect(texts.filter((text) => text.includes('canary-8c1f') || text.includes('a shared secret'))).toStrictEqual([]);
  });
});

type Line = { readonly [field: string]: unknown };
const jsonLines = (text: string): readonly Line[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Line => JSON.parse(line));

const deliveryOf = (letter: Line | undefined) => (letter?.['notice'] as Notice | undefined)?.delivery_id;

describe('bunsui notify', () => {
  it('tests channels, shows what they did not take and why, and sends it again', async () => {
    let working = false;
    const webhook = await receiverForTest(() => (working ? 200 : { status: 410, body: 'gone <!channel> \u001b[31m' }));
    const fine = await receiverForTest();
    const folder = projectWith({
      audit: { kind: 'webhook', url: `${webhook.url}/in?token=t0k3n`, allowPrivate: true, events: [] },
      ops: { kind: 'slack', secret: 'env:SLACK_HOOK', allowPrivate: true },
    });
    const environment = { SLACK_HOOK: fine.url };
    const run = (...args: readonly string[]) => bunsui(['notify', ...args], { cwd: folder, environment });

    expect((await run('test', 'ops')).out).toBe('ops has taken the notice\n');
    expect(fine.received[0]?.body).toContain('notify-test succeeded');

    const failed = await run('test', 'audit');
    expect([failed.code, failed.out]).toStrictEqual([
      7,
      'audit did not take the notice: HTTP 410: gone <!channel>  [31m\n',
    ]);

    const dead = await run('dead', '--json');
    const [letter] = jsonLines(dead.out);
    expect(jsonLines(dead.out)).toStrictEqual([
      {
        v: 1,
        type: 'notice.dead',
        channel: 'audit',
        since: expect.stringMatching(/Z$/),
        reason: 'HTTP 410: gone <!channel>  [31m',
        notice: JSON.parse(webhook.received[0]?.body ?? ''),
      },
    ]);
    const table = await run('dead', 'audit');
    expect(table.out).toMatch(
      /^CHANNEL .*REASON\naudit .* notify-test {2}succeeded {2}\w{26} {2}HTTP 410: gone <!channel> {2}\[31m\n$/,
    );
    expect(table.err).toBe('\nwhen the cause is gone, try again: bunsui notify redrive audit\n');
    expect((await run('dead', 'ops')).err).toBe('every notice was delivered, or is still tried\n');

    const list = await run('list', '--json');
    expect(jsonLines(list.out)).toStrictEqual([
      {
        v: 1,
        type: 'channel',
        channel: 'audit',
        kind: 'webhook',
        to: `${webhook.url}/in?…`,
        events: [],
        waiting: 0,
        dead: 1,
      },
      {
        v: 1,
        type: 'channel',
        channel: 'ops',
        kind: 'slack',
        to: 'secret env:SLACK_HOOK',
        events: ['failed', 'deadline', 'approval'],
        waiting: 0,
        dead: 0,
      },
    ]);
    const listed = await run('list');
    expect(listed.out.split('\n').map((line) => line.replaceAll(/ {2,}/g, '|'))).toStrictEqual([
      'CHANNEL|KIND|TO|HEARS|WAITING|DEAD',
      `audit|webhook|${webhook.url}/in?…|what pipelines say|0|1`,
      'ops|slack|secret env:SLACK_HOOK|failed, deadline, approval|0|0',
      '',
    ]);
    expect(listed.err).toBe('\nnotices could not be delivered. See why: bunsui notify dead audit\n');

    working = true;
    expect((await run('redrive', 'audit')).out).toBe('1 notice is tried again\n');
    await webhook.until(2);
    expect(webhook.received.map(({ headers }) => headers['bunsui-delivery'])).toStrictEqual([
      deliveryOf(letter),
      deliveryOf(letter),
    ]);
    expect((await run('redrive', 'audit', '--json')).out).toBe(
      '{"v":1,"type":"notices.redriven","channel":"audit","count":0}\n',
    );
  });

  it('says at once why a channel has not taken a notice that is tried again', async () => {
    const busy = await receiverForTest(() => ({ status: 503, body: 'busy', headers: { 'retry-after': '40' } }));
    const folder = projectWith({
      ops: { kind: 'slack', secret: 'env:BUNSUI_TEST_UNSET' },
      audit: { kind: 'webhook', url: busy.url, allowPrivate: true },
    });
    const unset = await bunsui(['notify', 'test', 'ops'], { cwd: folder });
    expect([unset.code, unset.out]).toStrictEqual([
      7,
      expect.stringMatching(
        /^ops has not taken the notice: BS5001 the secret env:BUNSUI_TEST_UNSET could not be read: the variable is not set in the process that runs the runtime; it is tried again in [56] s\. If it is given up: bunsui notify dead ops\n$/,
      ),
    ]);
    const later = await bunsui(['notify', 'test', 'audit', '--json'], { cwd: folder });
    expect([later.code, jsonLines(later.out)]).toMatchObject([
      7,
      [{ type: 'notice.test', channel: 'audit', outcome: 'waiting', reason: 'HTTP 503: busy', after_seconds: 40 }],
    ]);
  });

  it('says what is wrong with channels, and which there are', async () => {
    const folder = projectWith({ ops: { kind: 'slack', secret: 'https://hooks.slack.com/canary-77' } });
    const wrong = await bunsui(['notify', 'list'], { cwd: folder });
    expect(wrong.code).toBe(3);
    expect(wrong.err).toContain('channels.ops.secret: not the name of a secret');
    expect(wrong.err).not.toContain('canary-77');

    writeFileSync(join(folder, 'bunsui.json'), '{"channels": {}');
    expect([(await bunsui(['notify', 'list'], { cwd: folder })).code]).toStrictEqual([5]);

    writeFileSync(join(folder, 'bunsui.json'), '{}');
    const none = await bunsui(['notify', 'test', 'ops'], { cwd: folder });
    expect([none.code, none.err.split('\n')[0]]).toStrictEqual([5, 'error[BS3009]: there is no channel "ops"']);
  });
});

describe('channels for AWS', () => {
  it('keep nobody from running on this machine, and are said to be for AWS', async () => {
    const folder = projectWith({
      ops: { kind: 'slack', secret: 'bunsui/slack' },
      plain: { kind: 'mail', to: ['a@b.c'] },
    });
    const ran = await bunsui(['run', shop, '-p', 'flaw=broken'], { cwd: folder });
    expect([ran.code, ran.err]).toStrictEqual([1, '']);
    const listed = await bunsui(['notify', 'list'], { cwd: folder });
    expect([listed.code, listed.out, listed.err.split(' (')[0]]).toStrictEqual([
      0,
      '',
      'not on this machine: ops, plain',
    ]);
    const tested = await bunsui(['notify', 'test', 'ops'], { cwd: folder });
    expect([tested.code, tested.err.split('\n')[0]]).toStrictEqual([5, 'error[BS3009]: the channel "ops" is for AWS']);
  });
});

describe('a channel that does not answer', () => {
  it('holds the end of a run up for two seconds at most, and gets its notice when the runtime is next open', async () => {
    let silent = true;
    const slack = await receiverForTest(() => (silent ? 'hang' : 200));
    const folder = projectWith({ ops: { kind: 'slack', secret: 'env:SLACK_HOOK', allowPrivate: true } });
    const environment = { SLACK_HOOK: slack.url };
    const ran = await bunsui(['run', shop, '-p', 'flaw=broken'], { cwd: folder, environment });
    expect([ran.code, ran.err, slack.received.length]).toStrictEqual([1, '', 1]);
    silent = false;
    await bunsui(['session', 'list'], { cwd: folder, environment });
    expect(slack.received.length).toBe(2);
    expect(slack.received[1]?.body).toContain('shop failed');
  });
});

describe('a session on this machine', () => {
  it('is told of when it starts, when a job is tried again, and when it has succeeded, as its pipeline or channel asks', async () => {
    const webhook = await receiverForTest();
    const events = ['started', 'retrying', 'succeeded'];
    const folder = projectWith({ audit: { kind: 'webhook', url: webhook.url, events, allowPrivate: true } });
    const ran = await bunsui(['run', shop, '-p', 'orders=1', '-p', 'flaw=flaky'], { cwd: folder });
    expect([ran.code, ran.err]).toStrictEqual([0, '']);
    const notices = webhook.received.map(({ body }) => JSON.parse(body) as Notice);
    const ofEach = new Map(notices.map((notice) => [notice.delivery_id, notice]));
    const session = notices[0]?.session_id ?? '?';
    expect([...ofEach.keys()].sort()).toStrictEqual([
      `${session}/1/0/retrying/prices[0]/price/1`,
      `${session}/1/0/started`,
      `${session}/1/0/succeeded`,
    ]);
    expect(ofEach.get(`${session}/1/0/retrying/prices[0]/price/1`)).toMatchObject({
      status: 'running',
      job: { job_id: 'prices[0]/price', attempt: 1, source: { file: shop } },
      error: { error_code: 'RangeError', error_message: 'order 1 has no price' },
    });
  });
});

describe('a session that takes too long', () => {
  it('is told of while it runs, once', async () => {
    const folder = projectWith({});
    // The job ends when the notice has come, and not before.
    const webhook = await receiverForTest(() => {
      writeFileSync(join(folder, 'go'), '');
      return 200;
    });
    const audit = { kind: 'webhook', url: webhook.url, allowPrivate: true };
    writeFileSync(join(folder, 'bunsui.json'), JSON.stringify({ channels: { audit } }));
    const ran = await bunsui(['run', late, '-p', `folder=${folder}`], { cwd: folder });
    expect([ran.code, ran.err]).toStrictEqual([0, '']);
    const notices = webhook.received.map(({ body }) => JSON.parse(body) as Notice);
    expect(notices).toMatchObject([{ event: 'deadline', status: 'running', pipeline_id: 'late', completed_jobs: 0 }]);
    const { out } = await bunsui(['session', 'show', 'latest', '--json'], { cwd: folder });
    const { started_at: began, ...shown } = JSON.parse(out) as { readonly started_at: string };
    expect(shown).toMatchObject({
      deadline_missed: true,
      deadline_at: new Date(Date.parse(began) + 1_000).toISOString(),
    });
  });
});

describe('a session that is dropped before it runs', () => {
  it('is told of', async () => {
    const webhook = await receiverForTest();
    const events = ['cancelled'];
    const folder = projectWith({ audit: { kind: 'webhook', url: webhook.url, events, allowPrivate: true } });
    const first = bunsui(['run', skipping, '-p', 'ms=60000', '--json'], { cwd: folder });
    const running = async () =>
      /"status":"running"/.test((await bunsui(['session', 'list', '--json'], { cwd: folder })).out);
    await expect.poll(running, { timeout: 40_000, interval: 500 }).toBe(true);
    const dropped = await bunsui(['run', skipping, '-p', 'ms=1'], { cwd: folder });
    expect([dropped.code, dropped.err.includes('was dropped')]).toStrictEqual([6, true]);
    const [notice] = (await webhook.until(1)).map(({ body }) => JSON.parse(body) as Notice);
    expect(notice).toMatchObject({ event: 'cancelled', status: 'cancelled', error: { error_code: 'Bunsui.Overlap' } });
    const list = await bunsui(['session', 'list', '--json'], { cwd: folder });
    for (const { session_id: id, status } of jsonLines(list.out)) {
      if (status === 'running') await bunsui(['session', 'cancel', String(id)], { cwd: folder });
    }
    await first;
  });
});
