/** Records that handlers yield, in the S3 of the local runtime: complete or not there, whatever happens on the way. */
import { existsSync, readdirSync } from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jsonLines, lambda } from 'bunsui';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ensurePlatform } from '../../lib/local/platform.ts';
import { openRuntime, type Runtime } from '../../lib/local/runtime.ts';
import { platformNames } from '../../lib/storage-layout.ts';
import { readJsonLines, writeJsonLines } from '../../lib/wrapper/json-lines.ts';
import { type Fetch, functionPorts, type WrapperPorts } from '../../lib/wrapper/ports.ts';

const folder = mkdtempSync(join(tmpdir(), 'bunsui-json-lines-'));
let runtime: Runtime;
let bucket = '';
beforeAll(async () => {
  runtime = await openRuntime({ stateDir: join(folder, 'state') });
  await ensurePlatform(runtime);
  ({ bucket } = platformNames({ account: runtime.accountId, region: runtime.region }));
}, 120_000);
afterAll(async () => {
  await runtime.close();
  rmSync(folder, { recursive: true, force: true });
});

const order = z.object({ id: z.int(), note: z.string() });
const block = { session: 's1', createdAt: '2026-03-04T05:06:00.000Z', generation: 1 };

/** The world of a function, of which calls may be changed on their way. */
function portsWith(change: (call: string, send: Fetch) => Fetch = (_, send) => send) {
  const plain = functionPorts();
  const calls: string[] = [];
  const ports: WrapperPorts = {
    ...plain,
    environment: {
      AWS_REGION: runtime.region,
      AWS_ACCESS_KEY_ID: runtime.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: runtime.credentials.secretAccessKey,
      AWS_ENDPOINT_URL: runtime.endpoint,
      BUNSUI_BUCKET: bucket,
      BUNSUI_PAYLOADS: 'payloads/flow',
    },
    sleep: async () => undefined,
    fetch: (url, init) => {
      const about = [...url.searchParams.keys()].sort().join(' ');
      const call = about === '' ? init.method : `${init.method} ${about}`;
      calls.push(call);
      return change(call, plain.fetch)(url, init);
    },
  };
  return { ports, calls };
}

const place = (ports: WrapperPorts, job: string, secretIn: (text: string) => string | undefined = () => undefined) => ({
  operation: 'extract',
  stored: { ports, remainingMs: () => Number.POSITIVE_INFINITY, block, job, attempt: 1, secretIn },
});
const write = (ports: WrapperPorts, records: unknown, job = 'extract') =>
  writeJsonLines(order, records, place(ports, job));

/** What of a job lies in the bucket; and the uploads that nobody has ended. */
function left(job: string): readonly string[] {
  const of = join(folder, 'state', 's3', bucket);
  const objects = join(of, 'payloads', 'flow', '2026', '03', '04', 's1', 'records', job);
  return [
    ...(existsSync(objects) ? readdirSync(objects) : []).filter((name) => !name.startsWith('.')),
    ...readdirSync(of).filter((name) => name.startsWith('.u-')),
  ];
}

const megabyte = 'x'.repeat(1024 ** 2);
function* megabytes(count: number) {
  for (let id = 0; id < count; id += 1) yield { id, note: megabyte };
}

async function all(records: AsyncIterable<unknown>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const record of records) found.push(record);
  return found;
}

describe('records of a job', () => {
  const some = [
    { id: 1, note: 'a "quoted"\nline\u2028 and \u{1f600}' },
    { id: 2, note: '' },
  ];
  it.each([
    ['a list', some],
    ['a generator', some.values()],
    [
      'an asynchronous generator',
      (async function* () {
        yield* some;
      })(),
    ],
  ])('are written in one request where they are few: %s', async (_name, records) => {
    const { ports, calls } = portsWith();
    const at = await write(ports, records);
    expect([at.bucket, at.count, calls]).toStrictEqual([bucket, 2, ['PUT']]);
    expect(at.key).toMatch(/^payloads\/flow\/2026\/03\/04\/s1\/records\/extract\/1-1-[0-9a-f]+-[0-9a-f]+\.jsonl$/);
    expect(at.bytes).toBe(Buffer.byteLength(some.map((one) => `${JSON.stringify(one)}\n`).join('')));
    expect(await all(readJsonLines(order, at, ports))).toStrictEqual(some);
  });

  it('are an empty object where there are none', async () => {
    const { ports } = portsWith();
    const at = await write(ports, []);
    expect([at.count, at.bytes, await all(readJsonLines(order, at, ports))]).toStrictEqual([0, 0, []]);
  });

  it('are sent while they are made, and read a part at a time', async () => {
    const { ports, calls } = portsWith();
    const before: (readonly string[])[] = [];
    const at = await write(
      ports,
      (function* () {
        for (const record of megabytes(20)) {
          before.push([...calls]);
          yield record;
        }
      })(),
      'large',
    );
    // The first part has gone before the last record is asked for, and the second one is under way.
    expect(before.at(-1)?.slice(0, 2)).toStrictEqual(['POST uploads', 'PUT partNumber uploadId']);
    expect(calls.slice(-2)).toStrictEqual(['PUT partNumber uploadId', 'POST uploadId']);
    const asked = calls.length;
    const ids: unknown[] = [];
    let first = 0;
    for await (const record of readJsonLines(order, at, ports)) {
      if (ids.length === 0) first = calls.length - asked;
      const { id, note } = record as z.output<typeof order>;
      ids.push(note === megabyte ? id : 'another text');
    }
    // The first part, and perhaps the next one, before anything is given.
    expect([first < 3, calls.length - asked]).toStrictEqual([true, 3]);
    expect(ids).toStrictEqual(Array.from({ length: 20 }, (_, id) => id));
    expect(left('large')).toStrictEqual([at.key.split('/').at(-1)]);
  });

  it.each([
    ['does not fit', { id: 'x', note: '' }, /Bunsui\.OutputInvalid: record 12 of extract does not fit.*id:/],
    ['is not there', undefined, /Bunsui\.OutputInvalid: record 12 of extract does not fit/],
    ['is thrown', new Error('no more'), /^Error: no more$/],
  ])('leave nothing where one %s', async (_name, bad, message) => {
    const { ports, calls } = portsWith();
    const records = (async function* () {
      yield* megabytes(12);
      if (bad instanceof Error) throw bad;
      yield bad;
    })();
    const failed = await write(ports, records, 'broken').catch((error: Error) => `${error.name}: ${error.message}`);
    expect(failed).toMatch(message);
    expect([calls.at(-1), left('broken')]).toStrictEqual(['DELETE uploadId', []]);
  });

  it('leave nothing where one has no JSON', async () => {
    const { ports } = portsWith();
    const failed = writeJsonLines(z.object({ at: z.date() }), [{ at: new Date(0) }], place(ports, 'dates'));
    await expect(failed).rejects.toThrow('record 0 of extract is not JSON: record.at is a Date');
    expect(left('dates')).toStrictEqual([]);
  });

  it('hold no secret', async () => {
    const { ports } = portsWith();
    const secretIn = (text: string) => (text.includes('hunter2') ? 'warehouse/token' : undefined);
    const failed = writeJsonLines(order, [...some, { id: 3, note: 'hunter2' }], place(ports, 'secrets', secretIn));
    await expect(failed).rejects.toThrow('record 2 of extract holds the value of the secret "warehouse/token"');
    expect(left('secrets')).toStrictEqual([]);
  });

  it.each([['abc'], [3], [{ id: 1, note: '' }], [undefined]])('are no %j', async (returned) => {
    const { ports } = portsWith();
    await expect(write(ports, returned)).rejects.toThrow('the handler of extract returned no records');
  });

  it('are written by a second try beside what the first one has left', async () => {
    const { ports } = portsWith();
    const [first, second] = [await write(ports, some, 'twice'), await write(ports, some.slice(1), 'twice')];
    expect(first.key).not.toBe(second.key);
    expect(await all(readJsonLines(order, first, ports))).toStrictEqual(some);
  });

  it('survive a call that fails, an answer that is lost, and an error that comes late', async () => {
    const seen = new Map<string, number>();
    const { ports, calls } = portsWith((call, send) => async (url, init) => {
      const times = (seen.get(call) ?? 0) + 1;
      seen.set(call, times);
      if (call === 'PUT partNumber uploadId' && times === 1) throw new TypeError('fetch failed');
      if (call !== 'POST uploadId') return send(url, init);
      if (times === 1) {
        const late = new Response('<?xml version="1.0"?>\n<Error><Code>InternalError</Code></Error>', { status: 200 });
        return late;
      }
      const answer = await send(url, init);
      if (times === 2) throw new TypeError('the answer was lost');
      return answer;
    });
    const at = await write(ports, megabytes(10), 'shaken');
    expect(calls.slice(-4)).toStrictEqual(['POST uploadId', 'POST uploadId', 'POST uploadId', 'GET']);
    expect((await all(readJsonLines(order, at, ports))).length).toBe(10);
  });

  it('fail the job where S3 refuses, and leave nothing', async () => {
    const { ports } = portsWith((call, send) =>
      call === 'POST uploadId' ? async () => new Response('AccessDenied', { status: 403 }) : send,
    );
    const failed = await write(ports, megabytes(10), 'refused').catch((error: Error) => error);
    expect(failed).toMatchObject({
      name: 'Bunsui.RecordFailed',
      message: expect.stringMatching(/^CompleteMultipartUpload of .*refused.*403/),
    });
    expect(left('refused')).toStrictEqual([]);
  });

  it('are read only where jobs of the pipeline have written them', async () => {
    const { ports, calls } = portsWith();
    const at = await write(ports, some, 'mine');
    const asked = calls.length;
    const path = at.key.replace('payloads/flow/', '');
    for (const other of [
      { ...at, bucket: 'somebodys' },
      { ...at, key: `payloads/other/${path}` },
      { ...at, key: `payloads/flow/../other/${path}` },
      { ...at, key: `payloads/flow/2026/03/04/s1/records/../../../x.jsonl` },
      { ...at, key: at.key.replace('/records/', '/') },
      { ...at, bucket: ':memory:' },
    ])
      await expect(all(readJsonLines(order, other, ports)), other.key).rejects.toMatchObject({
        name: 'Bunsui.InputInvalid',
      });
    expect(calls.length).toBe(asked);
  });

  it('are told when they are gone, fewer than they were, or of another kind', async () => {
    const { ports } = portsWith();
    const at = await write(ports, some);
    const gone = { ...at, key: at.key.replace('/s1/', '/s2/') };
    await expect(all(readJsonLines(order, gone, ports))).rejects.toThrow('is gone');
    await expect(all(readJsonLines(order, { ...at, count: 3 }, ports))).rejects.toThrow(
      'holds 2 records and not the 3',
    );
    const other = z.object({ name: z.string() });
    await expect(all(readJsonLines(other, at, ports))).rejects.toThrow(/record 0 of .* does not fit its schema: name/);
  });
});

describe('a handler of records', () => {
  const orders = jsonLines(order);
  const extract = lambda('extract', { entry: './x.ts', input: z.object({ n: z.int() }), output: orders });
  const load = lambda('load', {
    entry: './x.ts',
    input: z.object({ orders }),
    output: z.object({ ids: z.array(z.int()) }),
  });

  it('gives in a unit test what another one goes over', async () => {
    const made = await extract
      .handler(function* ({ n }) {
        for (let id = 0; id < n; id += 1) yield { id, note: 'n' };
      })
      .run({ n: 3 });
    expect([made.count, JSON.parse(JSON.stringify(made)).count]).toStrictEqual([3, 3]);
    const loaded = await load
      .handler(async ({ orders: given }) => {
        const ids: number[] = [];
        for await (const { id } of given) ids.push(id);
        return { ids };
      })
      .run({ orders: made });
    expect(loaded).toStrictEqual({ ids: [0, 1, 2] });
  });

  it('is refused where its output is a value', async () => {
    const value = lambda('value', { entry: './x.ts', input: z.object({}), output: z.object({}) });
    const run = value
      .handler(async function* () {
        yield 1;
      } as never)
      .run({});
    await expect(run).rejects.toThrow(
      'the handler of value is a generator, and the output of value is no jsonLines(…)',
    );
  });
});
