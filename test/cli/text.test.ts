import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ago, duration, localTime } from '../../lib/cli/durations.ts';
import { harmlessLine, harmlessText } from '../../lib/cli/harmless.ts';
import { didYouMean } from '../../lib/cli/suggest.ts';
import { table } from '../../lib/cli/table.ts';
import { showsUnicode, wantsColour } from '../../lib/cli/terminal.ts';
import { cut, sized, textWidth } from '../../lib/cli/text-width.ts';

describe('text from outside', () => {
  it('loses its escape sequences and shows its other control characters', () => {
    const hostile = [
      '\x1b[31mred\x1b[0m',
      '\x1b]0;title\x07after',
      'a\rb',
      'a\bb',
      'a\nb',
      'a\tb',
      'left\u202eright',
      'zero\u200bwidth',
      'nul\0',
      '\x9b31m',
      'lone\ud800',
      'next\u2028line',
    ];
    expect(hostile.map(harmlessLine)).toStrictEqual([
      'red',
      'after',
      'a\\rb',
      'a\\x08b',
      'a\\nb',
      'a\\tb',
      'left\\u{202e}right',
      'zero\\u{200b}width',
      'nul\\x00',
      '',
      'lone\ufffd',
      'next\\u{2028}line',
    ]);
  });

  it('keeps line feeds and tabs where lines are wanted, and no other control', () => {
    expect(harmlessText('one\r\n\ttwo\rthree\x1b[2J')).toBe('one\n\ttwo\\rthree');
  });

  it('never holds a control, bidi or invisible character, whatever comes in', () => {
    // biome-ignore lint/complexity/useRegexLiterals: the same set, written independently of the code
    const forbidden = new RegExp('[\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}]', 'u');
    const nasty = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('\x1b', '\x9b', '\u202e', '\u2066', '\x1b]8;;', '\x1b[', '\r', '\x07', '\u061c', '\u{e0041}'),
    );
    fc.assert(
      fc.property(fc.array(nasty), (parts) => {
        const line = harmlessLine(parts.join(''));
        // Format characters that neither move nor hide anything (Arabic number signs, …) are left alone.
        expect(
          line.replace(
            /[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u{110bd}\u{110cd}\u{13430}-\u{1345f}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}]/gu,
            '',
          ),
        ).not.toMatch(forbidden);
      }),
      { numRuns: 500 },
    );
  });
});

describe('columns', () => {
  it('counts wide characters twice and marks not at all', () => {
    expect(['abc', '日本', 'e\u0301', '🚀', ''].map(textWidth)).toStrictEqual([3, 4, 1, 2, 0]);
  });

  it('cuts to the column and says so', () => {
    expect([cut('abcdef', 4), cut('日本語', 4), cut('abc', 3), cut('abc', 1), cut('abc', 0)]).toStrictEqual([
      'abc…',
      '日…',
      'abc',
      '…',
      '',
    ]);
  });

  it('pads to exactly the columns asked for, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 30 }), (text, columns) => {
        expect(textWidth(sized(harmlessLine(text), columns))).toBe(columns);
      }),
    );
  });
});

describe('times', () => {
  it('are short and of fixed form', () => {
    const lengths = [0, 49, 950, 12_345, 59_949, 59_950, 125_000, 3_599_600, 3_725_000, 90_000_000, -5, Number.NaN];
    expect(lengths.map(duration)).toStrictEqual([
      '0.0s',
      '0.0s',
      '0.9s',
      '12.3s',
      '59.9s',
      '1m 00s',
      '2m 05s',
      '1h 00m',
      '1h 02m',
      '1d 01h',
      '0.0s',
      '0.0s',
    ]);
    expect([0, 9_000, 70_000, 7_200_000, 400_000_000, -1].map(ago)).toStrictEqual([
      'just now',
      '9 s ago',
      '1 min ago',
      '2 h ago',
      '4 days ago',
      'just now',
    ]);
    expect([localTime('2026-11-21T09:05:07.123Z').slice(0, 8), localTime('soon')]).toStrictEqual(['2026-11-', '']);
  });
});

describe('colours and symbols', () => {
  it('follow FORCE_COLOR, then NO_COLOR, then the terminal', () => {
    const cases: readonly [boolean, Record<string, string>][] = [
      [true, {}],
      [false, {}],
      [true, { NO_COLOR: '1' }],
      [true, { NO_COLOR: '' }],
      [false, { FORCE_COLOR: '1' }],
      [true, { FORCE_COLOR: '0' }],
      [false, { FORCE_COLOR: '1', NO_COLOR: '1' }],
      [true, { TERM: 'dumb' }],
    ];
    expect(cases.map(([isTty, environment]) => wantsColour(isTty, environment))).toStrictEqual([
      true,
      false,
      false,
      true,
      true,
      false,
      true,
      false,
    ]);
  });

  it('stay ASCII where the locale is not UTF-8', () => {
    expect([
      showsUnicode({ LANG: 'en_US.UTF-8' }, 'linux'),
      showsUnicode({ LANG: 'en_US.UTF-8', LC_ALL: 'C' }, 'linux'),
      showsUnicode({}, 'linux'),
      showsUnicode({ LANG: 'C.utf8', TERM: 'linux' }, 'linux'),
      showsUnicode({}, 'darwin'),
    ]).toStrictEqual([true, false, false, false, true]);
  });
});

describe('did you mean', () => {
  const names = ['flights', 'airports', 'weather', 'validate', 'by-weather', 'enrich', 'publish', 'quarantine'];

  it('finds the name behind each of these typing errors', () => {
    const typos = {
      flihgts: 'flights',
      fligts: 'flights',
      Flights: 'flights',
      airport: 'airports',
      wether: 'weather',
      validat: 'validate',
      byWeather: 'by-weather',
      by_weather: 'by-weather',
      enirch: 'enrich',
      pubish: 'publish',
      quar: 'quarantine',
      quarantaine: 'quarantine',
    };
    const found = Object.keys(typos).map((typo) => didYouMean(typo, names));
    expect(found).toStrictEqual(Object.values(typos).map((name) => `did you mean "${name}"?`));
  });

  it('finds at least 90 of 100 names with one random typing error', () => {
    const known = [
      ...names,
      'session',
      'compile',
      'graph',
      'resume',
      'direction',
      'state-dir',
      'normals',
      'by-hour',
      'hubs',
    ];
    let seed = 7;
    const below = (limit: number) => {
      seed = (seed * 48271) % 2147483647;
      return seed % limit;
    };
    const typo = (name: string) => {
      const at = below(name.length);
      const letter = 'abcdefghijklmnopqrstuvwxyz'.charAt(below(26));
      const edits = [
        name.slice(0, at) + name.slice(at + 1),
        name.slice(0, at) + letter + name.slice(at),
        name.slice(0, at) + letter + name.slice(at + 1),
        name.slice(0, at) + name.charAt(at + 1) + name.charAt(at) + name.slice(at + 2),
      ];
      return edits[below(4)] ?? name;
    };
    const tries = Array.from({ length: 100 }, () => known[below(known.length)] ?? '');
    const right = tries.filter((name) => didYouMean(typo(name), known) === `did you mean "${name}"?`);
    expect(right.length).toBeGreaterThanOrEqual(90);
  });

  it('says nothing when nothing is near', () => {
    expect(['', 'x', 'customers', 'ab'.repeat(5000)].map((typed) => didYouMean(typed, names))).toStrictEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

describe('tables', () => {
  const columns = [{ title: 'NAME' }, { title: 'ROWS', align: 'right' as const }, { title: 'NOTE' }];
  const rows = [
    ['flights', '20000', 'from the source, as it came'],
    ['by-hub', '8', ''],
  ];

  it('are as wide as their content', () => {
    expect(table(columns, rows, 80, (text) => text)).toStrictEqual([
      'NAME      ROWS  NOTE',
      'flights  20000  from the source, as it came',
      'by-hub       8',
    ]);
  });

  it('cut their widest column first when they do not fit', () => {
    expect(table(columns, rows, 30, (text) => text)).toStrictEqual([
      'NAME      ROWS  NOTE',
      'flights  20000  from the sour…',
      'by-hub       8',
    ]);
  });
});
