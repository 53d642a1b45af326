import { describe, expect, it } from 'vitest';
import { fillMissing } from '../../lib/cli/prompt-input.ts';
import { lengthOfTime, pastMoment } from '../../lib/cli/past-moment.ts';
import { tagsTyped } from '../../lib/cli/tags.ts';
import { yamlDocument } from '../../lib/cli/yaml.ts';

const thrown = (work: () => unknown) => {
  try {
    return work();
  } catch (error) {
    return (error as Error).message;
  }
};

describe('moments', () => {
  const nowMs = Date.parse('2026-03-04T12:00:00Z');
  it.each([
    ['2h', '2026-03-04T10:00:00.000Z'],
    ['7d', '2026-02-25T12:00:00.000Z'],
    ['2026-03-01', '2026-03-01T00:00:00.000Z'],
    ['2026-03-01T06:00:00+02:00', '2026-03-01T04:00:00.000Z'],
  ])('%s is %s', (typed, want) => {
    expect(new Date(pastMoment('--since', typed, nowMs)).toISOString()).toBe(want);
  });
  it.each(['', '0h', '2 h', 'yesterday', '2026-02-31', '2026-03-01T06:00', '1y'])('"%s" is none', (typed) => {
    expect(thrown(() => pastMoment('--since', typed, nowMs))).toMatch(/^--since is ".*", which is no/);
  });
  it('a length of time is a number and a unit', () => {
    expect(['90s', '15m', '4w'].map((typed) => lengthOfTime('--timeout', typed))).toStrictEqual([
      90_000, 900_000, 2_419_200_000,
    ]);
  });
});

it('tags have a key and a value, which may be empty or hold more of "="', () => {
  expect(tagsTyped(['team=data', 'q=', 'url=a=b', 'team=web'])).toStrictEqual({ team: 'web', q: '', url: 'a=b' });
  expect(thrown(() => tagsTyped(['=x']))).toBe('"=x" is no tag: it has no key and "="');
});

it('YAML says what the JSON says, and nothing can be taken for something else', () => {
  const value = {
    plain: 'a text, no: trap',
    safe: 'two words',
    number: 1.5,
    text: '1.5',
    yes: 'yes',
    date: '2026-03-04T12:00:00Z',
    lines: 'a\nb: c',
    nothing: null,
    left: undefined,
    empty: [{}, [], ''],
    list: [{ a: 1, b: [1, 2] }, 'x'],
    'odd key: #': { deep: true },
  };
  expect(yamlDocument(value)).toBe(
    [
      'plain: "a text, no: trap"',
      'safe: two words',
      'number: 1.5',
      'text: "1.5"',
      '"yes": "yes"',
      'date: "2026-03-04T12:00:00Z"',
      'lines: "a\\nb: c"',
      'nothing: null',
      'empty:',
      '  - {}',
      '  - []',
      '  - ""',
      'list:',
      '  - a: 1',
      '    b:',
      '      - 1',
      '      - 2',
      '  - x',
      '"odd key: #":',
      '  deep: true',
      '',
    ].join('\n'),
  );
});

describe('input that is missing', () => {
  const pipeline = {
    id: 'daily',
    input: {
      type: 'object',
      properties: {
        date: { type: 'string', format: 'date', description: 'the day' },
        rows: { type: 'integer', minimum: 1 },
        note: { type: 'string' },
        mode: { type: 'string', default: 'fast' },
      },
      required: ['rows', 'date', 'mode'],
      additionalProperties: false,
    },
  };
  const asking = (...answers: readonly string[]) => {
    const open = [...answers];
    const asked: string[] = [];
    const said: string[] = [];
    const fill = (given: { readonly [field: string]: string }) =>
      fillMissing(
        pipeline,
        given,
        async (question) => {
          asked.push(question);
          return open.shift() ?? '';
        },
        (text) => void said.push(text),
      );
    return { fill, asked, said };
  };

  it('is asked for field by field, with what is allowed, typed as the schema wants it', async () => {
    const { fill, asked } = asking('2026-03-04', '7');
    expect(await fill({})).toStrictEqual({ date: '2026-03-04', rows: 7 });
    expect(asked.map((question) => question.split(' ')[0])).toStrictEqual(['date', 'rows']);
    expect(asked[0]).toMatch(/the day/);
  });

  it('is not asked for where it is given', async () => {
    const { fill, asked } = asking('7');
    expect(await fill({ date: '2026-03-04' })).toStrictEqual({ date: '2026-03-04', rows: 7 });
    expect(asked.length).toBe(1);
  });

  it('is asked for again when the answer does not fit, and left to the check of the whole after three', async () => {
    const { fill, said } = asking('2026-03-04', 'many', '0', '3');
    expect(await fill({})).toStrictEqual({ date: '2026-03-04', rows: 3 });
    expect(said.length).toBe(2);
    const vain = asking('x', 'x', 'x', '3');
    expect(await vain.fill({})).toStrictEqual({ date: 'x', rows: 3 });
  });
});
