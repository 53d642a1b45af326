/** The page about notifications: what it shows works as it stands there. */
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { describe, expect, it } from 'vitest';
import { readChannels, readLaptopChannels } from '../../lib/notify/channels.ts';
import { signedHeaders } from '../../lib/notify/signature.ts';
import { typeCheck } from './type-check.ts';

const page = readFileSync(new URL('../../docs/notifications.md', import.meta.url), 'utf8');
const blockWith = (language: string, text: string) =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))]
    .map(([, code = '']) => code)
    .find((code) => code.includes(text)) ?? '';

type Verify = (headers: Record<string, string | undefined>, body: string, secret: string) => boolean;

async function verifier(): Promise<Verify> {
  const code = stripTypeScriptTypes(blockWith('ts', 'isFromBunsui'));
  const module = await import(`data:text/javascript,${encodeURIComponent(code)}`);
  return module.isFromBunsui;
}

describe('the page about notifications', () => {
  it('has a function that tells our requests from others', async () => {
    const isFromBunsui = await verifier();
    const body = '{"delivery_id":"a","error":"ö"}';
    const headers = { ...signedHeaders('a', body, ['next', 'old'], Date.now()) };
    const late = { ...signedHeaders('a', body, ['old'], Date.now() - 301_000) };
    const early = { ...signedHeaders('a', body, ['old'], Date.now() + 301_000) };
    expect([isFromBunsui(headers, body, 'old'), isFromBunsui(headers, body, 'next')]).toStrictEqual([true, true]);
    expect([
      isFromBunsui(headers, body, 'other'),
      isFromBunsui(headers, `${body} `, 'old'),
      isFromBunsui({ ...headers, 'bunsui-timestamp': String(Number(headers['bunsui-timestamp']) - 1) }, body, 'old'),
      isFromBunsui(late, body, 'old'),
      isFromBunsui(early, body, 'old'),
      isFromBunsui({ ...headers, 'bunsui-signature': 'v1=00' }, body, 'old'),
      isFromBunsui({ ...headers, 'bunsui-signature': undefined }, body, 'old'),
      isFromBunsui({}, body, 'old'),
    ]).toStrictEqual(Array.from({ length: 8 }, () => false));
  });

  it('has a function that type-checks', () => {
    expect(typeCheck(blockWith('ts', 'isFromBunsui')).errors).toStrictEqual([]);
  });

  it('has channels that are right, for AWS and for a laptop', () => {
    const forAws = /channels: (\{.*\n {2}\}),\n/s.exec(blockWith('ts', 'new Platform'))?.[1] ?? '';
    const channels: unknown = new Function(`return ${forAws}`)();
    expect(Object.keys(readChannels(channels, 'docs'))).toStrictEqual(['ops', 'audit', 'people', 'plain']);
    const file = JSON.parse(blockWith('json', '"channels"'));
    expect(Object.keys(readLaptopChannels(file.channels, 'docs').channels)).toStrictEqual(['ops', 'audit']);
  });
});
