/** JSON of a channel's own form: what stands in it, and what a notice cannot make of it. */
import { describe, expect, it } from 'vitest';
import { type PostChannel, readAwsChannels, readChannels, secretsOf } from '../../lib/notify/channels.ts';
import { noticeNames, postOf } from '../../lib/notify/post.ts';
import { delivering } from './delivering.ts';
import { failedNotice } from './notices.ts';
import { receiverForTest } from './receiver.ts';

const post = (more: Partial<PostChannel>): PostChannel => ({ kind: 'post', allowPrivate: true, body: {}, ...more });

describe('a channel of kind post', () => {
  it('posts its own form, to the address that its secret holds, with the key that another one holds', async () => {
    const receiver = await receiverForTest();
    const channel = post({
      address: 'env:TEST_PLACE',
      secret: 'env:TEST_KEY',
      headers: { Authorization: 'Token {{secret}}' },
      body: {
        key: '{{secret}}',
        n: 1,
        list: [null, true, 'of {{pipeline}}'],
        say: '{{headline}} ({{event}})',
        what: '{{unknown}}',
      },
    });
    const the = await delivering({ hook: channel }, { TEST_PLACE: `${receiver.url}/canary-77`, TEST_KEY: 'k-1' });
    await the.send('hook', failedNotice);
    expect(await the.takeAll('hook')).toBe(0);
    const [got] = receiver.received;
    expect([got?.path, got?.headers['authorization'], got?.headers['content-type']]).toStrictEqual([
      '/canary-77',
      'Token k-1',
      'application/json',
    ]);
    expect(JSON.parse(got?.body ?? '')).toStrictEqual({
      key: 'k-1',
      n: 1,
      list: [null, true, `of ${failedNotice.pipeline_id}`],
      say: expect.stringMatching(new RegExp(`^${failedNotice.pipeline_id} failed.* \\(failed\\)$`)),
      what: '{{unknown}}',
    });
    expect(await the.dead('hook')).toStrictEqual([]);
  });

  it('is refused by its receiver as others are, and the reason holds no secret', async () => {
    const receiver = await receiverForTest(() => ({ status: 400, body: 'no: k-secret-1 of /canary-77' }));
    const channel = post({ address: 'env:TEST_PLACE', secret: 'env:TEST_KEY', body: { key: '{{secret}}' } });
    const the = await delivering(
      { hook: channel },
      { TEST_PLACE: `${receiver.url}/canary-77`, TEST_KEY: 'k-secret-1' },
    );
    await the.send('hook', failedNotice);
    await the.takeAll('hook');
    expect((await the.dead('hook')).map(({ reason }) => reason)).toStrictEqual([
      expect.stringMatching(/^HTTP 400: no: \[secret\] of/),
    ]);
    expect(JSON.stringify(await the.dead('hook'))).not.toMatch(/canary-77|k-secret/);
  });

  it('says all of its names, and nothing of what is not there', () => {
    const body = Object.fromEntries(noticeNames.map((name) => [name, `{{${name}}}`]));
    const filled = JSON.parse(postOf(post({ body }), failedNotice, undefined, 'https://x.example/a').body);
    expect(Object.entries(filled).filter(([, text]) => String(text).includes('{{') || text === '')).toStrictEqual([]);
    const { error: _, job: __, ...plain } = failedNotice;
    const bare = JSON.parse(postOf(post({ body }), plain, undefined, undefined).body);
    expect([bare.error, bare.job, bare.link]).toStrictEqual(['', '', '']);
  });

  it('a secret is what it is, also with signs that a replacement would read', () => {
    const { headers, body } = postOf(
      post({ headers: { 'X-Key': 'Key {{secret}}' }, body: { key: '{{secret}}' } }),
      failedNotice,
      "a$$b$&c$'",
      undefined,
    );
    expect([headers, JSON.parse(body)]).toStrictEqual([{ 'x-key': "Key a$$b$&c$'" }, { key: "a$$b$&c$'" }]);
  });

  it('a notice ends no text, names nothing, and turns no direction', () => {
    const hostile = { ...failedNotice, pipeline_id: '","admin":true,"x":"{{secret}}\u202e\n{{headline}}' };
    const { body, headers } = postOf(
      post({ headers: { 'X-Key': '{{secret}} {{pipeline}}' }, body: { text: '{{pipeline}}', key: '{{secret}}' } }),
      hostile,
      'the-key',
      undefined,
    );
    expect(JSON.parse(body)).toStrictEqual({ text: '","admin":true,"x":"{{secret}} {{headline}}', key: 'the-key' });
    expect(headers).toStrictEqual({ 'x-key': 'the-key {{pipeline}}' });
  });

  it.each([
    [{ kind: 'post', body: {} }, 'channels.a.url: either the address itself, or in "address" the secret that holds it'],
    [
      { kind: 'post', url: 'http://x.example', body: {} },
      'channels.a.url: a plain http address, which only a channel with "allowPrivate": true may have',
    ],
    [{ kind: 'post', url: 'https://x.example', body: {}, headers: { 'a b': 'c' } }, 'channels.a.headers.a b: '],
    [
      { kind: 'post', url: 'https://x.example', body: {}, headers: { a: 'c\r\nb: d' } },
      'channels.a.headers.a: not the text of a header',
    ],
  ])('is checked: %j', (channel, reason) => {
    expect(() => readChannels({ a: channel }, 'here')).toThrow(reason);
  });

  it('names its secrets, and is for the place that has them', () => {
    const here = post({ address: 'env:A', secret: 'env:B' });
    expect(secretsOf(here)).toStrictEqual(['env:A', 'env:B']);
    expect(readAwsChannels({ here }, 'x').onLaptopOnly).toStrictEqual(['here']);
  });
});
