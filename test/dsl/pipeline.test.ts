import { and, eq, get, gt, lambda, not, orElse, type Pipeline, pipeline, pluck, sum, tpl } from 'bunsui';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Diagnostic } from '../../lib/errors.ts';

const here = import.meta.filename;

const load = lambda('load', {
  entry: './handlers/load.ts',
  input: z.object({ key: z.string() }),
  output: z.object({
    rows: z.int(),
    note: z.string().optional(),
    parts: z.array(z.object({ n: z.int(), tag: z.string().optional() })),
    kind: z.enum(['a', 'b']),
  }),
});
const move = lambda('move', {
  entry: './handlers/move.ts',
  input: z.object({ key: z.string(), rows: z.int(), note: z.string().optional() }),
  output: z.object({ moved: z.int() }),
});

// biome-ignore lint/suspicious/noExplicitAny: mistakes that types refuse must reach the check
const any = (value: unknown): any => value;

/** Code, place and text of every mistake; the line proves that the place is right. */
function mistakes({ diagnostics }: Pipeline): readonly string[] {
  return diagnostics.map(({ code, message, path }) => `${code} ${path.join('.')}: ${message}`);
}
function lines(
  { diagnostics }: Pipeline,
  source: (found: Diagnostic) => boolean = () => true,
): readonly (number | undefined)[] {
  return diagnostics.filter(source).map((found) => found.source?.line);
}
/** The line this is called from. */
function line(): number {
  return Number(/pipeline\.test\.ts:(\d+)/.exec(new Error('here').stack?.split('\n')[2] ?? '')?.[1]);
}

describe('a recorded pipeline', () => {
  it('is frozen data with the place of every node', () => {
    let at = 0;
    const recorded = pipeline(
      'daily',
      {
        description: 'moves rows',
        input: z.object({ day: z.string() }),
        output: z.object({ rows: z.int() }),
        timeout: '2h',
      },
      (p, input) => {
        const a = p.job(
          'load',
          load,
          { key: tpl`in/${input.day}` },
          { retry: { max: 3, delay: '2s', jitter: true, errors: ['Flaky'] }, timeout: '90s' },
        );
        at = line();
        p.output({ rows: a.out.rows });
      },
    );
    expect(recorded.diagnostics).toStrictEqual([]);
    expect(JSON.parse(JSON.stringify(recorded.ir.body))).toStrictEqual({
      nodes: [
        {
          kind: 'job',
          id: 'load',
          source: { file: here, line: at - 6, column: expect.any(Number) },
          operation: 'load',
          after: [],
          input: {
            kind: 'object',
            fields: {
              key: {
                kind: 'call',
                name: 'text',
                arguments: [
                  { kind: 'literal', value: 'in/' },
                  { kind: 'ref', target: { kind: 'input' }, path: ['day'] },
                ],
              },
            },
          },
          retry: { max: 3, delaySeconds: 2, backoff: 2, jitter: true, errors: ['Flaky'] },
          timeoutSeconds: 90,
        },
      ],
    });
    expect(recorded.ir.timeoutSeconds).toBe(7_200);
    expect(recorded.ir.operations['load']).toMatchObject({
      entry: here.replace('pipeline.test.ts', 'handlers/load.ts'),
      timeoutSeconds: 60,
      memoryMiB: 512,
    });
    expect(() => Object.assign(recorded.ir.body.nodes, { 0: undefined })).toThrow(TypeError);
  });

  it('says where refs stand when they are used as plain values', () => {
    pipeline('odd', { input: z.object({ n: z.int() }) }, (p, input) => {
      const a = p.job('load', load, { key: 'k' });
      expect(() => `${any(a.out.rows)}`).toThrow(/Ref\(load\.rows\) is known only when the pipeline runs: use tpl/);
      expect(() => any(input.n) + 1).toThrow(/Ref\(input\.n\)/);
      expect(JSON.stringify({ rows: a.out.rows })).toBe('{"rows":"Ref(load.rows)"}');
      expect(any(a.out).then).toBe(undefined);
      expect(() =>
        gt(
          any(() => 1),
          0,
        ),
      ).toThrow('gt(…) was given function');
    });
  });

  it('reaches fields whose names JavaScript itself uses', () => {
    const then = lambda('then', { entry: './x.ts', input: z.object({}), output: z.object({ then: z.string() }) });
    const recorded = pipeline('named', { input: z.object({}), output: z.object({ text: z.string() }) }, (p) => {
      p.output({ text: get(p.job('a', then, {}).out, 'then') });
    });
    expect(recorded.ir.output?.value).toStrictEqual({
      kind: 'object',
      fields: { text: { kind: 'ref', target: { kind: 'node', id: 'a' }, path: ['then'] } },
    });
    expect(recorded.diagnostics).toStrictEqual([]);
  });
});

describe('mistakes of an author', () => {
  it('are reported all together, each with its line', () => {
    const slow = lambda('slow', {
      entry: './s.ts',
      input: z.object({}),
      output: z.object({}),
      timeout: '16m',
      memory: 64,
    });
    const slowLine = line() - 7;
    let first = 0;
    const recorded = pipeline('many', { input: z.object({}) }, (p) => {
      first = line();
      p.job('load', load, { key: 'k' });
      p.job('load', load, { key: 'k' });
      p.job('../x', load, { key: 'k' });
      p.job('slow', slow, {}, { after: ['laod'], retry: { max: -1, delay: '500ms', backoff: 0.5 } });
      p.job('dated', move, { key: any(new Date(0)), rows: any(Number.NaN) });
    });
    expect([...mistakes(recorded)].sort()).toStrictEqual([
      'BS1101 many.../x: the job id "../x" is not allowed',
      'BS1102 many.load: two nodes are named "load"',
      'BS1105 many.slow.after: there is no job "laod"',
      'BS1108 many.dated.input.key: dated.input: key is null, where string is wanted',
      'BS1108 many.dated.input.rows: dated.input: rows is null, where integer is wanted',
      'BS1110 operations.slow.memory: the memory of operation "slow" is 64 MiB',
      'BS1110 operations.slow.timeout: the timeout of operation "slow" is 960 seconds',
      'BS1111 many.slow.retry: slow.retry: backoff is 0.5',
      'BS1111 many.slow.retry: slow.retry: delay is 0.5 seconds',
      'BS1111 many.slow.retry: slow.retry: max is -1',
      'BS1112 many.dated.input.key: dated.input.key is an instance of Date, which JSON cannot hold',
      'BS1112 many.dated.input.rows: dated.input.rows is NaN, which JSON cannot hold',
    ]);
    expect(lines(recorded, ({ code }) => code === 'BS1102')).toStrictEqual([first + 2]);
    expect(lines(recorded, ({ code }) => code === 'BS1105')).toStrictEqual([first + 4]);
    expect(lines(recorded, ({ path }) => path.includes('timeout'))).toStrictEqual([slowLine]);
    expect(recorded.diagnostics.find(({ code }) => code === 'BS1105')?.hint).toBe('did you mean "load"?');
    expect(recorded.diagnostics.every(({ hint, source }) => hint && source?.file === here)).toBe(true);
  });

  it('include cycles, with their path', () => {
    const recorded = pipeline('circle', { input: z.object({}) }, (p) => {
      const a = p.job('a', load, { key: 'k' }, { after: ['c'] });
      const b = p.job('b', move, { key: 'k', rows: a.out.rows });
      p.job('c', move, { key: 'k', rows: b.out.moved });
      p.job('self', load, { key: 'k' }, { after: ['self'] });
    });
    expect(mistakes(recorded)).toStrictEqual([
      'BS1104 circle.a: the jobs wait for each other: a → c → b → a',
      'BS1104 circle.self: the jobs wait for each other: self → self',
    ]);
  });

  it('include refs used outside the branch or map that made them', () => {
    const recorded = pipeline('scopes', { input: z.object({}), output: z.object({ rows: z.int() }) }, (p) => {
      const a = p.job('a', load, { key: 'k' });
      let inside = a;
      let item = a.out.parts as unknown as { n: never };
      p.branch('side', gt(a.out.rows, 0), (q) => {
        inside = q.job('inside', load, { key: 'k' });
      });
      p.map('each', a.out.parts, (part, q) => {
        item = part as never;
        q.job('in-map', move, { key: 'k', rows: part.n }, { after: [a] });
      });
      p.job('b', move, { key: 'k', rows: inside.out.rows });
      p.job('c', move, { key: 'k', rows: item.n });
      p.output({ rows: inside.out.rows });
    });
    expect(mistakes(recorded)).toStrictEqual([
      `BS1106 scopes.in-map.after: "in-map" cannot come after "a", which stands in another scope (${here}:${recorded.ir.body.nodes[0]?.source.line})`,
      expect.stringContaining('BS1106 scopes.b.input: "b" uses the output of "inside" outside the branch that made it'),
      expect.stringContaining('BS1106 scopes.c.input: "c" uses the item of map "each" outside the map that made it'),
      expect.stringContaining(
        'BS1106 scopes.output: the pipeline output uses the output of "inside" outside the branch that made it',
      ),
    ]);
  });

  it('include values that may be absent, wherever one is required', () => {
    const recorded = pipeline(
      'absent',
      {
        input: z.object({ label: z.string().optional(), size: z.int().default(3) }),
        output: z.object({ rows: z.int() }),
      },
      (p, input) => {
        const a = p.job('a', load, { key: any(input.label) });
        p.job('sized', move, { key: 'k', rows: input.size });
        const lone = p.branch('lone', eq(a.out.kind, 'a'), (q) => q.job('in-lone', load, { key: 'k' }));
        p.job('text', load, { key: tpl`${any(a.out.note)}` });
        p.job('compare', load, { key: 'k' }, { when: gt(any(get(a.out.parts, 0).n), 1) });
        p.job('plucks', load, { key: tpl`${sum(any(pluck(a.out.parts, 'tag')))}` });
        p.output({ rows: any(lone.out.rows) });
      },
    );
    expect(mistakes(recorded)).toStrictEqual([
      'BS1107 absent.a.input.key: a.input: key may be absent: "label" is optional',
      'BS1107 absent.text.input: text.input: a value in tpl`…` may be absent: "note" is optional',
      'BS1107 absent.compare.when: compare.when: a value in gt(…) may be absent: the list may be shorter',
      'BS1107 absent.plucks.input: plucks.input: the field "tag" in pluck(…) may be absent: "tag" is optional',
      'BS1107 absent.output.rows: output: rows may be absent: "lone" gives nothing on its other side',
    ]);
  });

  it('are not seen where the condition says that the value is there', () => {
    const recorded = pipeline(
      'present',
      { input: z.object({ label: z.string().optional() }), output: z.object({ moved: z.int(), label: z.string() }) },
      (p, input) => {
        const a = p.job('a', load, { key: orElse(input.label, 'none') });
        const enough = gt(a.out.rows, 1);
        const skipped = p.job('skipped', move, { key: 'k', rows: 1 }, { when: enough });
        p.job('by-ok', move, { key: 'k', rows: skipped.out.moved }, { when: and(skipped.ok, eq(a.out.kind, 'a')) });
        p.job('same-condition', move, { key: 'k', rows: skipped.out.moved, note: a.out.note }, { when: enough });
        p.branch('around', skipped.ok, (q) => q.job('inside', move, { key: 'k', rows: skipped.out.moved }));
        p.job('not-taken', move, { key: 'k', rows: 0 }, { when: not(enough) });
        p.output({ moved: orElse(skipped.out.moved, 0), label: orElse(input.label, '') });
      },
    );
    expect(mistakes(recorded)).toStrictEqual([]);
  });

  it('include inputs that do not fit, however they got past the types', () => {
    const recorded = pipeline('fits', { input: z.object({}), output: z.object({ n: z.int() }) }, (p) => {
      const a = p.job('a', load, any({ key: 1 }));
      p.job('b', move, any({ key: a.out.rows, extra: true }));
      p.branch('c', any(a.out.rows), (q) => q.job('d', load, { key: 'k' }));
      p.map('e', any(a.out.kind), (_item, q) => q.job('f', load, { key: 'k' }));
      const enums = lambda('enums', {
        entry: './x.ts',
        input: z.object({ kind: z.enum(['x', 'y']) }),
        output: z.object({}),
      });
      p.job('g', enums, any({ kind: 'z' }));
      p.output(any({ n: a.out.kind }));
    });
    expect(mistakes(recorded)).toStrictEqual([
      'BS1108 fits.a.input.key: a.input: key is integer, where string is wanted',
      'BS1108 fits.b.input.rows: b.input: rows is missing',
      'BS1108 fits.b.input.key: b.input: key is integer, where string is wanted',
      'BS1108 fits.b.input.extra: b.input: extra is not in the schema',
      'BS1108 fits.c.condition: c.condition: the value is integer, where boolean is wanted',
      'BS1108 fits.e.items: e.items: the value is string, where array is wanted',
      'BS1108 fits.g.input.kind: g.input: kind is "z", which is none of "x", "y"',
      'BS1108 fits.output.n: output: n is string, where integer is wanted',
    ]);
  });

  it('include fields that are not there, with the one that is likely meant', () => {
    const recorded = pipeline(
      'fields',
      { input: z.object({ label: z.string() }), output: z.object({ n: z.int() }) },
      (p, input) => {
        const a = p.job('a', load, { key: any(input).lable });
        p.job('b', move, { key: 'k', rows: any(a.out).row });
        p.job('c', move, { key: 'k', rows: orElse(any(a.out).kind.deep, 0) });
        p.output({ n: sum(pluck(a.out.parts, any('m'))) });
      },
    );
    expect(recorded.diagnostics.map(({ code, message, hint }) => [code, message, hint])).toStrictEqual([
      ['BS1105', 'a.input: there is no field "lable" in the input of the pipeline', 'did you mean "label"?'],
      ['BS1105', 'b.input: there is no field "row" in the output of "a"', 'did you mean "rows"?'],
      ['BS1105', 'c.input: there is no field "deep" in the output of "a"', 'it has no fields'],
      ['BS1105', 'output: there is no field "m" in the output of "a"', 'did you mean "n"?'],
    ]);
  });

  it('include schemas without a JSON form, durations that are none, and two operations of one name', () => {
    const dated = lambda('dated', {
      entry: './d.ts',
      input: z.object({ at: z.date() }),
      output: any(z.object({ big: z.bigint() })),
      timeout: any('5 minutes'),
    });
    const again = lambda('load', { entry: './other.ts', input: z.object({}), output: z.object({}) });
    const recorded = pipeline('schemas', { input: z.object({}), timeout: any('soon') }, (p) => {
      p.job('a', dated, any({ at: '2026-01-01' }));
      p.job('b', load, { key: 'k' });
      p.job('c', again, any({ key: 'k' }));
    });
    expect(mistakes(recorded)).toStrictEqual([
      'BS1110 schemas.timeout: schemas.timeout is "soon", which is no duration',
      'BS1109 operations.dated.input: the schema at operations.dated.input has no JSON form: Date cannot be represented in JSON Schema',
      'BS1109 operations.dated.output: the schema at operations.dated.output has no JSON form: BigInt cannot be represented in JSON Schema',
      'BS1110 operations.dated.timeout: operations.dated.timeout is "5 minutes", which is no duration',
      'BS1103 schemas.c: two operations are named "load"',
    ]);
  });

  it('include jobs of other pipelines, outputs without a schema, and pipelines without jobs', () => {
    let foreign: { readonly out: { readonly rows: never } } | undefined;
    pipeline('other', { input: z.object({}) }, (p) => {
      foreign = any(p.job('load', load, { key: 'k' }));
    });
    const recorded = pipeline('mixed', { input: z.object({}) }, (p) => {
      p.job('load', load, { key: 'k' });
      p.job('b', move, { key: 'k', rows: foreign?.out.rows ?? any(0) });
      p.output(any({ n: 1 }));
    });
    expect(mistakes(recorded)).toStrictEqual([
      'BS1105 mixed.b.input: b.input refers to a job of another pipeline',
      'BS1105 mixed.output: p.output was called, but the pipeline declares no output schema',
    ]);
    expect(mistakes(pipeline('empty', { input: z.object({}), output: z.object({}) }, () => {}))).toStrictEqual([
      'BS1105 empty.output: the pipeline declares an output schema, but p.output was never called',
      'BS1114 empty: the pipeline has no jobs',
    ]);
    expect(
      mistakes(
        pipeline('twice', { input: z.object({}), output: z.object({}) }, (p) => {
          p.job('load', load, { key: 'k' });
          p.output({});
          p.output({});
        }),
      ),
    ).toStrictEqual(['BS1102 twice.output: p.output was called twice']);
  });
});
