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
