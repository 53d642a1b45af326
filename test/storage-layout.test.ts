import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attemptKey,
  isInstant,
  isJobPath,
  isSafeId,
  jobKeyPart,
  objectKeys,
  readExecutionBlock,
} from '../lib/storage-layout.ts';

/** Ids that somebody may try: they would leave their folder, end a text early, or be another id's key. */
const hostile = [
  '',
  '.',
  '..',
  '../x',
  'a/../b',
  '/etc',
  'a/b',
  'a\\b',
  'a\0',
  '\0',
  'a#b',
  'a b',
  'a\nb',
  '%2e%2e',
  '-a',
  '_a',
  'ä',
  'a\u0308',
  'a\u202eb',
  '．．',
  'x'.repeat(1_024),
  'x'.repeat(129),
];
const block = { session: 'abc', createdAt: '2026-01-02T03:04:05.678Z', generation: 1 };

describe('an id', () => {
  it.each(hostile.map((id) => [JSON.stringify(id).slice(0, 40), id] as const))('%s is refused', (_shown, id) => {
    expect(isSafeId(id)).toBe(false);
    expect(isJobPath(`load/${id}/`)).toBe(false);
    expect(isJobPath(`load/${id.replaceAll('/', '#')}`)).toBe(false);
    expect(readExecutionBlock({ ...block, session: id })).toBe(undefined);
  });

  it('may be letters, digits, dashes and underscores, 128 at most', () => {
    expect(['a', 'A-1_b', '0', 'x'.repeat(128)].map(isSafeId)).toStrictEqual([true, true, true, true]);
  });
});

describe('a block of an execution', () => {
  it('is read with nothing but its fields', () => {
    expect(readExecutionBlock({ ...block, more: true })).toStrictEqual(block);
  });

  it.each([
    ['../../2026'],
    ['2026-01-02'],
    ['2026-01-02T03:04:05.678+01:00'],
    ['2026-13-02T03:04:05Z'],
    ['2026-01-02T03:04:05Z/..'],
    [1_767_322_800_000],
    [undefined],
  ])('is none with the time %j', (createdAt) => {
    expect(isInstant(createdAt)).toBe(false);
    expect(readExecutionBlock({ ...block, createdAt })).toBe(undefined);
  });

  it.each([[0], [-1], [1.5], [1e6], ['1'], [Number.NaN], [undefined]])(
    'is none with the generation %j',
    (generation) => {
      expect(readExecutionBlock({ ...block, generation })).toBe(undefined);
    },
  );

  it.each([[null], ['text'], [[]], [undefined]])('is none when it is %j', (value) => {
    expect(readExecutionBlock(value)).toBe(undefined);
  });
});

describe('a key', () => {
  const id = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,8}$/);
  const path = fc
    .array(fc.tuple(id, fc.option(fc.nat(99), { nil: undefined })), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.map(([name, index]) => (index === undefined ? name : `${name}[${index}]`)).join('/'));

  it('of a job is that of no other job', () => {
    fc.assert(
      fc.property(path, path, (a, b) => {
        fc.pre(a !== b);
        expect(isJobPath(a)).toBe(true);
        expect(attemptKey(a, block.createdAt, 1, 2)).not.toBe(attemptKey(b, block.createdAt, 1, 2));
        expect(jobKeyPart(a)).toMatch(/^[A-Za-z0-9_.-]+$/);
      }),
    );
  });

  it('of a log lies below its session, under the day the session was made', () => {
    const at = { createdAt: block.createdAt, session: 'abc', job: 'convert[17]/one', operation: 'one' };
    expect(objectKeys.log(at)).toBe('logs/2026/01/02/abc/convert.17.one/one.jsonl');
    expect(objectKeys.report(at)).toBe('reports/2026/01/02/abc.html');
  });
});
