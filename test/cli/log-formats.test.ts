import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { csvCell, logFormats, logWriter } from '../../lib/cli/log-formats.ts';
import { writeNewFile } from '../../lib/cli/new-file.ts';
import { palette } from '../../lib/cli/terminal.ts';
import type { LogLine } from '../../lib/sessions/report-data.ts';

const line = (message: string, more: { readonly [field: string]: LogLine[string] } = {}): LogLine => ({
  timestamp: '2026-11-21T09:00:01.000Z',
  level: 'INFO',
  message,
  session_id: '01k9',
  job_id: 'load',
  operation_id: 'load',
  attempt: 1,
  ...more,
});

function written(format: (typeof logFormats)[number], lines: readonly LogLine[], live = false): string {
  const writer = logWriter(format, { palette: palette(false), live });
  return [writer.begin(), ...lines.map((one) => writer.lines([one])), writer.end()].join('');
}

describe('a log', () => {
  it('is JSON Lines, one array, YAML, or CSV', () => {
    const lines = [line('one, "two"'), line('three', { rows: 3, error: { name: 'E' } })];
    expect(written('jsonl', lines)).toBe(`${lines.map((one) => JSON.stringify(one)).join('\n')}\n`);
    expect(JSON.parse(written('json', lines))).toStrictEqual(lines);
    expect(written('yaml', [line('three', { rows: 3 })])).toBe(
      '- timestamp: "2026-11-21T09:00:01.000Z"\n  level: INFO\n  message: three\n  session_id: "01k9"\n  job_id: load\n  operation_id: load\n  attempt: 1\n  rows: 3\n',
    );
    expect(written('csv', lines).split('\r\n')).toStrictEqual([
      'timestamp,level,job_id,operation_id,attempt,message,fields',
      '"2026-11-21T09:00:01.000Z","INFO","load","load",1,"one, ""two""",""',
      '"2026-11-21T09:00:01.000Z","INFO","load","load",1,"three","{""rows"":3,""error"":{""name"":""E""}}"',
      '',
    ]);
  });

  it('is well formed when it is empty', () => {
    expect(logFormats.map((format) => written(format, []))).toStrictEqual([
      '',
      '',
      '[\n]\n',
      '[]\n',
      'timestamp,level,job_id,operation_id,attempt,message,fields\r\n',
    ]);
  });

  // biome-ignore lint/complexity/useRegexLiterals: the same set, written independently of the code
  const acting = new RegExp(
    '[\\p{Cc}\\p{Zl}\\p{Zp}\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufeff\\u{e0000}-\\u{e007f}]',
    'u',
  );
  const nasty = fc
    .array(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.constantFrom(
          '\x1b[2J',
          '\x9b31m',
          '\u202e',
          '\u2066',
          '\n',
          '\r\n',
          '\t',
          '\u2028',
          '\u{e0041}',
          '=1+1',
          '"',
          ',',
          '\ud800',
        ),
      ),
      { maxLength: 8 },
    )
    .map((parts) => parts.join(''));

  it('acts on no terminal in any form, whatever handlers wrote', () => {
    fc.assert(
      fc.property(nasty, nasty, nasty, (message, name, value) => {
        const hostile = [line(message, { [`f${name}`]: value, deep: { [name]: [value] } })];
        for (const format of logFormats) {
          for (const live of [false, true]) {
            const text = written(format, hostile, live);
            const bare = text.replaceAll(format === 'csv' ? /\r\n/g : /\n/g, '');
            expect(bare).not.toMatch(acting);
          }
        }
        expect(written('csv', hostile).split('\r\n').length).toBe(3);
        expect(written('jsonl', hostile).split('\n').length).toBe(2);
        expect(JSON.parse(written('jsonl', hostile))).toStrictEqual(JSON.parse(JSON.stringify(hostile[0])));
        expect(JSON.parse(written('json', hostile))).toStrictEqual(JSON.parse(JSON.stringify(hostile)));
      }),
      { numRuns: 300 },
    );
  });

  it('says in YAML what it says in JSON', () => {
    fc.assert(
      fc.property(nasty, (message) => {
        // Of YAML's escapes ours are those of JSON and \U.
        const scalar = /^ {2}message: (.*)$/m.exec(written('yaml', [line(`x${message}`)]))?.[1] ?? '';
        const json = scalar.replaceAll(/\\U([0-9a-f]{8})/g, (_, hex: string) =>
          String.fromCodePoint(Number.parseInt(hex, 16)),
        );
        expect(scalar.startsWith('"') ? JSON.parse(json) : scalar).toBe(`x${message}`.toWellFormed());
      }),
    );
  });

  it.each([
    '=1+1',
    '+1',
    '-1',
    '@SUM(A1)',
    '\t=1',
    '\r=1',
    '\n=1',
    ' =1',
    '\u3000=1',
    '\uff1d1+1',
    '\uff0b1',
    '\x1b[0m=1',
    '|calc',
    '%x',
    '\u00a0=1',
  ])('%j is no formula in a spreadsheet', (text) => {
    const cell = csvCell(text);
    expect(cell).toMatch(/^"(?:'|\\[trn])/);
    expect(csvCell('a=1')).toBe('"a=1"');
  });
});

describe('a file that a command makes', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bunsui-file-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const file = () => join(folder, 'log.jsonl');

  it('is there when it is whole', async () => {
    const count = await writeNewFile(file(), 'hint', async (put) => {
      await put('one\n');
      expect(readdirSync(folder).includes('log.jsonl')).toBe(false);
      await put('two\n');
      return 2;
    });
    expect([count, readdirSync(folder), readFileSync(file(), 'utf8')]).toStrictEqual([2, ['log.jsonl'], 'one\ntwo\n']);
  });

  it('leaves nothing behind when it fails', async () => {
    const failing = writeNewFile(file(), 'hint', async (put) => {
      await put('one\n');
      throw new Error('gone');
    });
    await expect(failing).rejects.toThrow('gone');
    expect(readdirSync(folder)).toStrictEqual([]);
  });

  it('is not written over one that is there, nor over one that has come meanwhile', async () => {
    writeFileSync(file(), 'mine');
    const refused = expect.objectContaining({ code: 'BS2006', hint: 'hint' });
    await expect(writeNewFile(file(), 'hint', async () => {})).rejects.toThrow(refused);
    rmSync(file());
    const late = writeNewFile(file(), 'hint', async () => writeFileSync(file(), 'theirs'));
    await expect(late).rejects.toThrow(refused);
    expect([readdirSync(folder), readFileSync(file(), 'utf8')]).toStrictEqual([['log.jsonl'], 'theirs']);
  });

  it('has a folder that is there', async () => {
    await expect(writeNewFile(join(folder, 'none', 'x'), 'hint', async () => {})).rejects.toThrow(
      expect.objectContaining({ code: 'BS2002', message: expect.stringContaining('its folder is not there') }),
    );
  });
});
