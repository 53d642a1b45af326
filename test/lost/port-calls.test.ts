import { describe, expect, it } from 'vitest';
import { portCalls } from './port-calls.ts';

/** What the functions that keep the books call; their own files only read an event and make the clients. */
const handlers = [
  'lib/sessions/start-session.ts',
  'lib/sessions/firing.ts',
  'lib/sessions/record-events.ts',
  'lib/sessions/end-session.ts',
  'lib/sessions/reconcile.ts',
  'lib/sessions/deadlines.ts',
];

const answer = 'reads what is left of an answer whose call has its number';
const handedOver = 'a function of this room that is handed over: it is read where it is written';

/** Awaits that are no port calls and name no function that is read, and why nothing is lost when they never come back. */
const harmless: { readonly [file: string]: { readonly [callee: string]: string } } = {
  'lib/payload-layout.ts': { 'crypto.subtle.digest': 'computes' },
  'lib/sessions/approval-store.ts': { write: handedOver },
  'lib/sessions/cancelled-notice.ts': { write: handedOver, tell: handedOver },
  'lib/sessions/deployed.ts': { 'found.Body?.transformToString': answer },
  'lib/sessions/end-session.ts': { renderReport: 'makes a text of what it is given', tell: handedOver },
  'lib/sessions/failed-records.ts': { 'Body?.transformToString': answer },
  'lib/sessions/log-archive.ts': { 'found.Body?.transformToString': answer, 'archive.add': handedOver },
  'lib/sessions/log-merge.ts': { 'head.batches.next': handedOver },
  'lib/sessions/pipelines.ts': { 'found.Body?.transformToString': answer },
  'lib/sessions/reconcile.ts': { task: handedOver },
  'lib/sessions/reuse-items.ts': { 'found.Body?.transformToString': answer },
  'lib/sessions/splice-histories.ts': { read: handedOver },
  'lib/sessions/start-session.ts': { current: handedOver },
  'lib/sessions/store.ts': { sleep: 'waits' },
  'lib/sessions/whole-values.ts': {
    'found.Body?.transformToByteArray': answer,
    work: handedOver,
    whole: handedOver,
  },
};

describe('an await of the functions that keep the books', () => {
  const read = portCalls(handlers);

  it('is a port call, which tests number and crash at, or leads to such', () => {
    const unnumbered = read.unnumbered.filter(({ at, what }) => harmless[at]?.[what] === undefined);
    expect(unnumbered).toStrictEqual([]);
    console.log(
      `${read.awaits} awaits in ${read.files.length} files: ${read.sites.length} port calls, 0 without a number`,
    );
    // Something was read.
    expect([read.awaits > 200, read.sites.length > 40]).toStrictEqual([true, true]);
  });

  it('is excused only where there is one', () => {
    const there = new Set(read.unnumbered.map(({ at, what }) => `${at} ${what}`));
    const excused = Object.entries(harmless).flatMap(([at, calls]) =>
      Object.keys(calls).map((what) => `${at} ${what}`),
    );
    expect(excused.filter((one) => !there.has(one))).toStrictEqual([]);
  });

  it('reaches the world by no other way than the clients that are handed in', () => {
    // The pause between two tries of a batch.
    expect(read.around.map((one) => one.replace(/:\d+/, ''))).toStrictEqual(['lib/sessions/store.ts setTimeout']);
  });
});

describe('the reading', () => {
  const imports = "import { far } from './y.ts'; import { writeFile } from 'node:fs/promises';";
  const of = (body: string) => {
    const { sites, unnumbered, around } = portCalls(['x.ts'], {
      'x.ts': `${imports} export async function handler() { ${body} }`,
      'y.ts': 'export const far = async () => { await near(); };',
    });
    return { sites, unnumbered: unnumbered.map(({ at, what }) => `${at} ${what}`), around };
  };
  const nothing = { sites: [], unnumbered: [], around: ['x.ts node:fs/promises'] };

  it.each([
    ['a port call', 'await deps.db.send(new PutCommand({})).catch(() => 1);', { ...nothing, sites: ['x.ts:1'] }],
    ['a port call that nobody waits for', 'void sfn.send(1);', { ...nothing, sites: ['x.ts:1'] }],
    ['an await of who knows what', 'await port.call();', { ...nothing, unnumbered: ['x.ts port.call'] }],
    [
      'one of two',
      'const own = async () => {}; await (a ? own() : other.call());',
      { ...nothing, unnumbered: ['x.ts other.call'] },
    ],
    ['a loop', 'for await (const one of port.pages()) use(one);', { ...nothing, unnumbered: ['x.ts port.pages()'] }],
    ['one in another file', 'await far();', { ...nothing, unnumbered: ['y.ts near'] }],
    [
      'a client of another name',
      'await deps.queue.send(1);',
      { ...nothing, around: ['x.ts:1 deps.queue.send', ...nothing.around] },
    ],
    [
      'a client made on the spot',
      'const own = new S3Client({});',
      { ...nothing, around: ['x.ts:1 new S3Client({})', ...nothing.around] },
    ],
    ['a request', 'void fetch("https://x");', { ...nothing, around: ['x.ts:1 fetch', ...nothing.around] }],
    ['a module', 'void writeFile();', nothing],
  ])('sees %s', (_name, text, found) => {
    expect(of(text)).toStrictEqual(found);
  });
});
