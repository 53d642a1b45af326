import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { explainFailure } from '../../lib/report/failure.ts';
import {
  clipText,
  countText,
  durationText,
  numberText,
  shellWord,
  shortPath,
  sizeText,
  timeText,
  utf8Bytes,
} from '../../lib/report/format.ts';
import { escapeText } from '../../lib/html.ts';

describe('text of figures', () => {
  test.each([
    [-5, '0 ms'],
    [999, '999 ms'],
    [1_000, '1.0 s'],
    [9_949, '9.9 s'],
    [9_950, '10 s'],
    [59_499, '59 s'],
    [59_500, '1 m 00 s'],
    [125_000, '2 m 05 s'],
    [3_600_000, '1 h 00 m'],
    [90_000_000, '1 d 1 h'],
  ])('%d ms is %s', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });

  test.each([
    [0, '0'],
    [1234567, '1,234,567'],
    [-1234.5, '-1,234.5'],
    [0.1, '0.1'],
    [1e21, '1e+21'],
  ])('%d is written %s', (value, text) => {
    expect(numberText(value)).toBe(text);
  });

  test('times, counts, sizes, words and paths', () => {
    expect(timeText(Date.parse('2026-11-20T21:00:05.999Z'))).toBe('2026-11-20 21:00:05 UTC');
    expect([countText(1, 'job'), countText(1200, 'job')]).toStrictEqual(['1 job', '1,200 jobs']);
    expect([sizeText(900), sizeText(4300), sizeText(5_000_000)]).toStrictEqual(['900 B', '4.2 KiB', '4.8 MiB']);
    expect([shellWord('load'), shellWord('a[1]/b'), shellWord("it's")]).toStrictEqual([
      'load',
      "'a[1]/b'",
      "'it'\\''s'",
    ]);
    expect([shortPath('/a/b/c.ts'), shortPath('c.ts')]).toStrictEqual(['b/c.ts', 'c.ts']);
  });
});

describe('clipText', () => {
  test('gives the longest beginning that fits the page, or all', () => {
    expect(clipText('a<b', 100)).toStrictEqual({ text: 'a<b' });
    expect(clipText('a<b', 5)).toStrictEqual({ text: 'a<', wholeBytes: 3 });
    expect(clipText('日本', 4)).toStrictEqual({ text: '日', wholeBytes: 6 });
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.nat(120), (text, budget) => {
        const { text: shown, wholeBytes } = clipText(text, budget);
        expect(text.startsWith(shown)).toBe(true);
        expect(wholeBytes === undefined).toBe(shown === text);
        if (wholeBytes !== undefined) expect(utf8Bytes(escapeText(shown))).toBeLessThanOrEqual(budget);
      }),
    );
  });
});

describe('explainFailure', () => {
  test.each([
    ['{"errorType":"E","errorMessage":"m","trace":["a",3,"b"]}', 'm', ['a', 'b']],
    ['{"errorMessage":"m","stackTrace":["a"]}', 'm', ['a']],
    ['{"errorMessage":7}', '{"errorMessage":7}', []],
    ['{not json', '{not json', []],
    ['[1]', '[1]', []],
    ['', '', []],
  ])('takes %s apart', (cause, message, trace) => {
    expect(explainFailure({ name: 'N', cause })).toStrictEqual({ name: 'N', message, trace });
  });
});
