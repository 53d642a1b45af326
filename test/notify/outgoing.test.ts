/** What may be sent where: the address is checked by the socket that would connect to it. */
import { createHook } from 'node:async_hooks';
import type { LookupAddress } from 'node:dns';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { isBlockedAddress } from '../../lib/notify/addresses.ts';
import { type OutgoingOptions, postOutside } from '../../lib/notify/outgoing.ts';
import { receiverForTest } from './receiver.ts';
import { certificate, privateKey } from './self-signed.ts';

/** Attempts of this process to connect to anything by TCP: the system call, whatever came of it. */
let attempts = 0;
const hook = createHook({
  init(_id, type) {
    if (type === 'TCPCONNECTWRAP') attempts += 1;
  },
});
beforeAll(() => void hook.enable());
afterAll(() => void hook.disable());

async function attempted(act: () => Promise<unknown>): Promise<number> {
  const before = attempts;
  await act();
  return attempts - before;
}

const outcome = (url: string, options: Partial<OutgoingOptions> = {}) =>
  postOutside(url, {}, '{}', { allowPrivate: false, ...options }).then(
    ({ status }) => String(status),
    (error: Error) => ('code' in error ? String(error.code) : error.name),
  );

/** A DNS that answers what it is told, call by call; the last answer stands. */
function dns(...answers: readonly (readonly string[])[]) {
  const asked: string[] = [];
  return {
    asked,
    async lookup(hostname: string): Promise<readonly LookupAddress[]> {
      const answer = answers[Math.min(asked.length, answers.length - 1)] ?? [];
      asked.push(hostname);
      return answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
  };
}

const blockedUrls = [
  // IPv4 in all its spellings.
  'https://127.0.0.1/',
  'https://127.1/',
  'https://127.0.1/',
  'https://2130706433/',
  'https://0x7f000001/',
  'https://0x7f.0.0.1/',
  'https://0177.0.0.1/',
  'https://017700000001/',
  'https://0/',
  'https://0.0.0.0/',
  'https://127.0.0.1./',
  'https://127.255.255.254/',
  'https://10.0.0.1/',
  'https://167772161/',
  'https://172.16.0.1/',
  'https://172.31.255.255/',
  'https://192.168.1.1/',
  'https://0xc0a80101/',
  'https://100.64.0.1/',
  'https://169.254.169.254/latest/meta-data/',
  'https://2852039166/latest/meta-data/',
  'https://0xa9fea9fe/',
  'https://0251.0376.0251.0376/',
  'https://169.254.169.254./',
  'https://169.254.170.2/v2/credentials/',
  'https://198.18.0.1/',
  'https://192.0.0.192/',
  'https://224.0.0.1/',
  'https://255.255.255.255/',
  'https://１２７.０.０.１/',
  'https://①②⑦.⓪.⓪.①/',
  // IPv6, and IPv4 inside of it.
  'https://[::1]/',
  'https://[::]/',
  'https://[0:0:0:0:0:0:0:1]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:7f00:1]/',
  'https://[::ffff:169.254.169.254]/',
  'https://[::127.0.0.1]/',
  'https://[::a9fe:a9fe]/',
  'https://[64:ff9b::169.254.169.254]/',
  'https://[64:ff9b::7f00:1]/',
  'https://[2002:7f00:1::]/',
  'https://[2002:a9fe:a9fe::]/',
  'https://[2001:0:a9fe:a9fe::1]/',
  'https://[fe80::1]/',
  'https://[febf::1]/',
  'https://[fc00::1]/',
  'https://[fd00:ec2::254]/latest/meta-data/',
  'https://[ff02::1]/',
  'https://[2001:db8::1]/',
  // Names that need no DNS.
  'https://localhost/',
  'https://LOCALHOST./',
  'https://a.localhost/',
  'https://metadata.google.internal/computeMetadata/v1/',
  'https://metadata.google.internal./',
  'https://metadata/',
  'https://instance-data/latest/',
  // Not by https, or with somebody's name.
  'http://example.com/',
  'ftp://example.com/',
  'file:///etc/passwd',
  'gopher://127.0.0.1:25/',
  'https://user@example.com/',
  'https://example.com:pass@127.0.0.1/',
  'https://user:pass@example.com/',
  'not a url',
  '',
];

describe('an address that nothing may be sent to', () => {
  it('is refused in all its spellings, without one attempt to connect', async () => {
    expect(blockedUrls.length).toBeGreaterThanOrEqual(40);
    const passed: string[] = [];
    const count = await attempted(async () => {
      for (const url of blockedUrls) if ((await outcome(url)) !== 'BS3010') passed.push(url);
    });
    expect([passed, count]).toStrictEqual([[], 0]);
  });

  it.each([
    [['127.0.0.1']],
    [['::1']],
    [['169.254.169.254']],
    [['fd00:ec2::254']],
    [['::ffff:10.0.0.1']],
    [['93.184.216.34', '10.0.0.1']],
    [['2606:2800:220:1:248:1893:25c8:1946', 'fe80::1%eth0']],
  ])('is refused when a name stands for it: %j', async (addresses) => {
    const { lookup } = dns(addresses);
    const results: string[] = [];
    const count = await attempted(async () => {
      results.push(await outcome('https://hooks.example.com/x', { lookup }));
    });
    expect([results, count]).toStrictEqual([['BS3010'], 0]);
  });

  it('stays so where a channel allows private ones, as far as credentials are to be had there', async () => {
    const still = [
      '169.254.169.254',
      '169.254.170.2',
      '[fd00:ec2::254]',
      '[fe80::1]',
      '0.0.0.0',
      '[::ffff:169.254.169.254]',
    ];
    const results: string[] = [];
    const count = await attempted(async () => {
      for (const host of still) results.push(await outcome(`http://${host}/`, { allowPrivate: true }));
    });
    expect([results, count]).toStrictEqual([still.map(() => 'BS3010'), 0]);
  });

  it('is met by nobody who changes a name between look-ups: one look-up, and what it says is connected to', async () => {
    const receiver = await receiverForTest();
    const { lookup, asked } = dns(['127.0.0.1'], ['169.254.169.254'], ['127.0.0.1']);
    const url = `http://rebinding.example:${receiver.port}/`;
    const send = () => outcome(url, { allowPrivate: true, lookup });
    expect([await send(), await send(), await send()]).toStrictEqual(['200', 'BS3010', '200']);
    expect([asked.length, receiver.connections()]).toStrictEqual([3, 2]);
  });

  it('is not reached by a redirect', async () => {
    const inner = await receiverForTest();
    const outer = await receiverForTest(() => ({ status: 302, headers: { location: inner.url } }));
    expect(await outcome(outer.url, { allowPrivate: true })).toBe('302');
    expect(inner.connections()).toBe(0);
  });
});

describe('addresses', () => {
  it.each(['93.184.216.34', '8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001::8'])(
    'of the internet are open: %s',
    (address) => {
      expect(isBlockedAddress(address, false)).toBe(false);
    },
  );

  it('that are none are blocked', () => {
    expect(
      ['', 'x', '1.2.3', '999.1.1.1', 'fe80::1%lo', '2606::1%1'].filter((one) => !isBlockedAddress(one, true)),
    ).toStrictEqual([]);
  });
});

describe('a receiver', () => {
  const local = { allowPrivate: true };

  it('gets headers and body, and the beginning of its answer is read', async () => {
    const receiver = await receiverForTest(() => ({
      status: 418,
      headers: { 'retry-after': '7' },
      body: 'x'.repeat(9_000),
    }));
    const answer = await postOutside(`${receiver.url}/a?b=c`, { 'x-one': '1' }, 'höi', local);
    const [got] = receiver.received;
    expect([got?.path, got?.headers['x-one'], got?.body]).toStrictEqual(['/a?b=c', '1', 'höi']);
    expect([answer.status, answer.headers['retry-after'], answer.text]).toStrictEqual([418, '7', 'x'.repeat(4_096)]);
  });

  it('that never answers is waited for no longer than is said', async () => {
    const receiver = await receiverForTest(() => 'hang');
    expect(await outcome(receiver.url, { ...local, totalMs: 50 })).toBe('TimeoutError');
  });

  it('that cuts the connection is an error of the network', async () => {
    const receiver = await receiverForTest(() => 'reset');
    expect(await outcome(receiver.url, local)).toBe('ECONNRESET');
  });

  it('that drips its answer without end is waited for no longer than is said', async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('.'), 5);
      response.on('close', () => clearInterval(drip));
    });
    expect(await outcome(`http://127.0.0.1:${await listening(server)}/`, { ...local, totalMs: 100 })).toBe(
      'TimeoutError',
    );
  });

  it('that takes a connection and no TLS is waited for no longer than a connection may take', async () => {
    const server = createServer();
    server.removeAllListeners('connection');
    expect(await outcome(`https://127.0.0.1:${await listening(server)}/`, { ...local, connectMs: 50 })).toBe(
      'TimeoutError',
    );
  });

  it('with a certificate that nobody has signed gets nothing', async () => {
    let heard = 0;
    const server = createTlsServer({ cert: certificate, key: privateKey }, (_request, response) => {
      heard += 1;
      response.end();
    });
    const url = `https://127.0.0.1:${await listening(server)}/`;
    expect([await outcome(url, local), heard]).toStrictEqual(['DEPTH_ZERO_SELF_SIGNED_CERT', 0]);
  });

  async function listening(server: Server & { closeAllConnections(): void }): Promise<number> {
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    const sockets = new Set<{ destroy(): void }>();
    server.on('connection', (socket) => sockets.add(socket));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return (server.address() as AddressInfo).port;
  }
});
