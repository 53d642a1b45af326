/** One interface over four kinds of stores, each on a server that speaks its protocol, and the S3 of the local runtime. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { BlobServiceClient } from '@azure/storage-blob';
import { Storage } from '@google-cloud/storage';
import { copyObject, copyObjects, type Store, storage, type StorageOptions } from 'bunsui/storage';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openRuntime } from '../../lib/local/runtime.ts';
import { azurite, breakingProxy, fakeGcs, motoServer } from './servers.ts';

const folder = mkdtempSync(join(tmpdir(), 'bunsui-stores-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const azureKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';
const azureOn = (port: number, key = azureKey) =>
  `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${key};BlobEndpoint=http://127.0.0.1:${port}/devstoreaccount1;`;
const s3Credentials = { accessKeyId: 'AKIDTEST', secretAccessKey: 'not-for-messages' };

/** A kind of store: what there is to be started, and how its stores are opened by a port. */
interface Kind {
  readonly name: string;
  readonly url: string;
  start(): Promise<{ readonly port: number; stop(): Promise<void> } | { readonly why?: string }>;
  open(url: string, port: number, options?: StorageOptions): Store;
}

const s3On = (url: string, port: number, options: StorageOptions = {}) => {
  vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${port}`);
  return storage(url, { credentials: JSON.stringify(s3Credentials), ...options });
};
const bucketOn = async (
  port: number,
  credentials: { accessKeyId: string; secretAccessKey: string } = s3Credentials,
) => {
  const s3 = new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials,
  });
  await s3.send(new CreateBucketCommand({ Bucket: 'lake' }));
};

let localCredentials = s3Credentials;
const kinds: readonly Kind[] = [
  {
    name: 'S3 (moto)',
    url: 's3://lake',
    async start() {
      const server = await motoServer();
      if ('port' in server) await bucketOn(server.port);
      return server;
    },
    open: s3On,
  },
  {
    name: 'S3 (local runtime)',
    url: 's3://lake',
    async start() {
      const runtime = await openRuntime({ stateDir: join(folder, 'state') });
      localCredentials = runtime.credentials;
      const port = Number(new URL(runtime.endpoint).port);
      await bucketOn(port, localCredentials);
      return { port, stop: () => runtime.close() };
    },
    open: (url, port, options) => s3On(url, port, { credentials: JSON.stringify(localCredentials), ...options }),
  },
  {
    name: 'Azure (Azurite)',
    url: 'az://lake',
    async start() {
      const server = await azurite();
      if ('port' in server) await BlobServiceClient.fromConnectionString(azureOn(server.port)).createContainer('lake');
      return server;
    },
    open: (url, port, options) => storage(url, { credentials: azureOn(port), ...options }),
  },
  {
    name: 'Google Cloud (fake-gcs-server)',
    url: 'gs://lake',
    async start() {
      const server = await fakeGcs();
      if ('port' in server) {
        vi.stubEnv('STORAGE_EMULATOR_HOST', `http://127.0.0.1:${server.port}`);
        await new Storage({ projectId: 'tests' }).createBucket('lake');
      }
      return server;
    },
    open(url, port, options) {
      vi.stubEnv('STORAGE_EMULATOR_HOST', `http://127.0.0.1:${port}`);
      return storage(url, options);
    },
  },
  {
    name: 'a folder',
    url: `file://${folder}/lake`,
    start: async () => ({ port: 0, stop: async () => undefined }),
    open: (url, _port, options) => storage(url, options),
  },
];

async function textOf(store: Store, key: string): Promise<string> {
  let text = '';
  for await (const chunk of await store.read(key)) text += String(chunk);
  return text;
}
const listed = async (store: Store, prefix?: string) => {
  const found: (readonly [string, number])[] = [];
  for await (const { key, bytes } of store.list(prefix)) found.push([key, bytes]);
  return found.toSorted(([a], [b]) => (a < b ? -1 : 1));
};
const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => 'no failure',
    (error: { code?: string; message: string }) => `${error.code}: ${error.message}`,
  );

const chunkBytes = 64 * 1024;
function* chunks(count: number) {
  for (let number = 0; number < count; number += 1) yield Buffer.alloc(chunkBytes, `chunk ${number} `);
}
const digestOf = async (pieces: Iterable<Uint8Array> | AsyncIterable<unknown>) => {
  const hash = createHash('sha256');
  for await (const piece of pieces) hash.update(piece as Uint8Array);
  return hash.digest('hex');
};

/** The servers by their kinds: each is started once. */
const servers = new Map<Kind, Awaited<ReturnType<Kind['start']>>>();
const portOf = (kind: Kind | undefined): number | undefined => {
  const server = kind && servers.get(kind);
  return server !== undefined && 'port' in server ? server.port : undefined;
};
const whyNot = (kind: Kind): string => {
  const server = servers.get(kind);
  return (server !== undefined && 'why' in server ? server.why : undefined) ?? 'it did not start';
};
beforeAll(async () => {
  vi.stubEnv('AWS_REGION', 'us-east-1');
  const started = await Promise.all(kinds.map((kind) => kind.start()));
  for (const [index, kind] of kinds.entries()) servers.set(kind, started[index] ?? {});
}, 300_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  for (const server of servers.values()) if ('port' in server) await server.stop();
});

describe.each(kinds)('a store: $name', (kind) => {
  /** A store of the test's own, below the address that all have. */
  const test = (name: string, body: (open: (options?: StorageOptions, at?: number) => Store) => Promise<void>) =>
    it(name, { timeout: 60_000 }, async ({ skip }) => {
      const at = portOf(kind);
      if (at === undefined) return skip(whyNot(kind));
      const below = name.replaceAll(/\W+/g, '-');
      await body((options, otherPort = at) => kind.open(`${kind.url}/${below}`, otherPort, options));
    });

  test('gives back what was written, and replaces it', async (open) => {
    const store = open();
    expect(await store.write('a/hällo wörld.txt', 'first')).toStrictEqual({ bytes: 5 });
    expect(await store.write('a/hällo wörld.txt', ['second: ', Buffer.from('\u{1f600}')])).toStrictEqual({ bytes: 12 });
    expect(await textOf(store, 'a/hällo wörld.txt')).toBe('second: \u{1f600}');
    expect(await store.write('empty', '')).toStrictEqual({ bytes: 0 });
    expect(await textOf(store, 'empty')).toBe('');
  });

  test('lists by prefix, with sizes, below its own address only', async (open) => {
    const store = open();
    for (const key of ['days/1.csv', 'days/2.csv', 'days-off', 'nights/1.csv']) await store.write(key, key);
    expect(await listed(store)).toStrictEqual([
      ['days-off', 8],
      ['days/1.csv', 10],
      ['days/2.csv', 10],
      ['nights/1.csv', 12],
    ]);
    expect(await listed(store, 'days/')).toStrictEqual([
      ['days/1.csv', 10],
      ['days/2.csv', 10],
    ]);
    expect(await listed(store, 'days')).toHaveLength(3);
    expect(await listed(store, 'none/')).toStrictEqual([]);
  });

  test('streams what is large', async (open) => {
    const store = open();
    const count = 320;
    expect(await store.write('large.bin', chunks(count))).toStrictEqual({ bytes: count * chunkBytes });
    expect(await digestOf(await store.read('large.bin'))).toBe(await digestOf(chunks(count)));
  });

  test('says that there is no such object', async (open) => {
    expect(await failureOf(open().read('nothing'))).toMatch(/^BS1162: there is no object \S+:\/\/\S+\/nothing$/);
  });

  test('has all of an object or what was there before', async (open) => {
    const store = open();
    await store.write('kept', 'before');
    for (const key of ['kept', 'new']) {
      const broken = store.write(
        key,
        (async function* () {
          yield* chunks(200);
          throw new RangeError('the source broke off');
        })(),
      );
      await expect(broken).rejects.toThrow(new RangeError('the source broke off'));
    }
    expect(await listed(store)).toStrictEqual([['kept', 6]]);
    expect(await textOf(store, 'kept')).toBe('before');
  });

  test('gives up when it is told to', async (open) => {
    const stopping = new AbortController();
    const store = open({ signal: stopping.signal });
    const written = store.write(
      'given-up',
      (async function* () {
        yield* chunks(10);
        stopping.abort(new Error('the function ends'));
        yield* chunks(200);
      })(),
    );
    expect(await failureOf(written)).toMatch(/BS1163: writing .*the function ends/);
    expect(await listed(open())).toStrictEqual([]);
  });

  test('takes no key that leads elsewhere', async (open) => {
    const store = open();
    const keys = [
      '',
      '../x',
      'a/../../x',
      'a//b',
      '/x',
      'x/',
      'a/./b',
      'a\\..\\b',
      'a\u0000b',
      'x'.repeat(1_025),
      '\ud800',
    ];
    for (const key of keys) {
      expect(await failureOf(store.read(key)), JSON.stringify(key)).toMatch(/^BS1161: /);
      expect(await failureOf(store.write(key, 'x')), JSON.stringify(key)).toMatch(/^BS1161: /);
    }
    expect(await failureOf(listed(store, '../'))).toMatch(/^BS1161: /);
  });

  const isRemote = !kind.url.startsWith('file:');
  // The local runtime takes no request that was signed for another address, which that of something between is.
  if (isRemote && kind.name !== 'S3 (local runtime)') {
    test('goes on with a read that breaks off', async (open) => {
      const count = 64;
      await open().write('broken.bin', chunks(count));
      const proxy = await breakingProxy(portOf(kind) ?? 0, 1_000_000);
      onTestFinished(() => proxy.close());
      const store = open(undefined, proxy.port);
      expect(await digestOf(await store.read('broken.bin'))).toBe(await digestOf(chunks(count)));
      expect(proxy.broken()).toBe(1);
    });
  }

  if (isRemote) {
    test('is given up when it stands still', async (open) => {
      const silent = createServer(() => undefined);
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
      onTestFinished(() => void silent.close());
      const address = silent.address();
      const store = open({ idleMs: 300 }, typeof address === 'object' && address !== null ? address.port : 0);
      expect(await failureOf(store.read('x'))).toMatch(/BS1163: reading .* the store has stood still for 300 ms/);
      expect(await failureOf(store.write('x', chunks(2)))).toMatch(/BS1163: writing .* stood still for 300 ms/);
      expect(await failureOf(listed(store))).toMatch(/BS1163: listing .* stood still for 300 ms/);
    });
  }
});

describe('stores together', () => {
  it('copy to one another, all that is below a prefix', { timeout: 300_000 }, async ({ skip }) => {
    const missing = kinds.find((kind) => portOf(kind) === undefined);
    if (missing !== undefined) return skip(whyNot(missing));
    const opened = kinds.map((kind) => () => kind.open(`${kind.url}/chain`, portOf(kind) ?? 0));
    const first = opened[0]?.();
    if (first === undefined) throw new Error('no store');
    await first.write('days/1', chunks(20));
    await first.write('days/2', 'two');
    await first.write('other', 'x');
    for (const [index, open] of opened.slice(1).entries()) {
      // The SDK of S3 takes its address from the environment when it is first used.
      const from = opened[index]?.();
      const bytes = 20 * chunkBytes + 3;
      if (from === undefined) throw new Error('no store');
      const read = await digestOf(await from.read('days/1'));
      const to = open();
      expect(await copyObjects(from, to, { prefix: 'days/', concurrency: 2 })).toStrictEqual({ objects: 2, bytes });
      expect(await digestOf(await to.read('days/1'))).toBe(read);
      expect(await copyObject(to, 'days/2', to, 'again')).toStrictEqual({ bytes: 3 });
      expect((await listed(to)).map(([key]) => key)).toStrictEqual(['again', 'days/1', 'days/2']);
    }
  });
});

describe('a folder', () => {
  const outside = join(folder, 'outside');
  const inside = join(folder, 'inside');
  beforeAll(() => {
    mkdirSync(outside);
    mkdirSync(inside);
    writeFileSync(join(outside, 'secret'), 'secret');
    symlinkSync(outside, join(inside, 'way-out'));
    symlinkSync(join(outside, 'secret'), join(inside, 'link'));
  });

  it('is not left by links', async () => {
    const store = storage(`file://${inside}`);
    expect(await failureOf(store.read('link'))).toMatch(/^BS1161: .*a link that leads out/);
    expect(await failureOf(store.read('way-out/secret'))).toMatch(/^BS1161: /);
    expect(await failureOf(store.write('way-out/new', 'x'))).toMatch(/^BS1161: /);
    expect(await failureOf(store.write('way-out/deeper/new', 'x'))).toMatch(/^BS1161: /);
    expect(readdirSync(outside)).toStrictEqual(['secret']);
    expect(await listed(store)).toStrictEqual([]);
    await store.write('link', 'mine');
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
    expect(await textOf(store, 'link')).toBe('mine');
  });

  it('shows nothing of what is being written', async () => {
    const store = storage(`file://${folder}/fresh`);
    const seen: unknown[] = [];
    await store.write(
      'a/b',
      (async function* () {
        yield 'one';
        seen.push(await listed(store), existsSync(join(folder, 'fresh/a/b')));
        yield 'two';
      })(),
    );
    expect([seen, await listed(store)]).toStrictEqual([[[], false], [['a/b', 6]]]);
  });

  it('is one below the folder of the process too', async () => {
    expect(storage('file:data/in').url).toBe('file:data/in');
    expect(await listed(storage('file:no-such-folder'))).toStrictEqual([]);
  });
});

describe('an address', () => {
  it.each([
    ['http://lake', 'http:…'],
    ['lake', 'it has no scheme'],
    ['s3://', 's3:…'],
    ['s3://user:hunter2@lake/x', 's3:…'],
    ['s3://lake?x=hunter2', 's3:…'],
    ['s3://lake/../x', 's3:…'],
    ['s3://Lake', 's3:…'],
    ['file://somewhere/else', 'file:…'],
    ['constructor:x', 'constructor:…'],
  ])('%s is refused', (url, shown) => {
    const open = () => storage(url);
    expect(open).toThrow(
      expect.objectContaining({ code: 'BS1160', message: `this is no address of a store: ${shown}` }),
    );
  });

  it.each([
    ['s3://lake', '{"accessKeyId":"hunter2"}'],
    ['s3://lake', 'hunter2'],
    ['gs://lake', '{"private_key":"hunter2"}'],
    ['az://lake', 'AccountName=hunter2'],
  ])('%s does not take credentials of another kind, and does not tell them', (url, credentials) => {
    let thrown: unknown;
    try {
      storage(url, { credentials });
    } catch (error) {
      thrown = error;
    }
    const { code, message, hint } = thrown as { code: string; message: string; hint: string };
    expect([code, `${message} ${hint}`.includes('hunter2')]).toStrictEqual(['BS1160', false]);
  });

  it('of Azure asks for an account', () => {
    expect(() => storage('az://lake')).toThrow('nothing says which account az:// is in');
  });

  it('tells no credentials when they are refused', { timeout: 60_000 }, async ({ skip }) => {
    const azure = kinds.find(({ url }) => url === 'az://lake');
    const port = portOf(azure);
    if (azure === undefined || port === undefined) return skip('Azurite is missing');
    const wrong = Buffer.from('hunter2 hunter2 hunter2').toString('base64');
    const failed = await failureOf(storage('az://lake', { credentials: azureOn(port, wrong) }).read('x'));
    expect(failed).toMatch(/^BS1163: reading az:\/\/lake\/x failed: .*\(status 403\)$/);
    expect(failed).not.toContain(wrong);
  });
});
