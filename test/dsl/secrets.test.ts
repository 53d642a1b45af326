import { add, eq, lambda, orElse, pipeline, secret, tpl } from 'bunsui';
import * as z from 'zod';
import { describe, expect, it } from 'vitest';
import { compilePipeline } from '../../lib/compiler/compile.ts';

const load = lambda('load', {
  entry: './load.ts',
  input: z.object({
    token: z.string(),
    deep: z.object({ list: z.array(z.string()), n: z.int().optional() }).optional(),
  }),
  output: z.object({ rows: z.int(), note: z.string().optional() }),
});
const compiled = (...args: Parameters<typeof pipeline>) => compilePipeline(pipeline(...args).ir, { sha256: () => '' });
const mistakes = (...args: Parameters<typeof pipeline>) =>
  pipeline(...args).diagnostics.map(({ code, path, source, message }) => [
    code,
    path.join('.'),
    (source?.line ?? 0) > 0,
    message,
  ]);
const any = { input: z.object({}), output: z.object({ said: z.string() }) };

describe('a secret', () => {
  it('stands in the definition by its name, and where it goes stands in the envelope', () => {
    const result = compiled('flow', { input: z.object({}) }, (p) => {
      p.job('one', load, { token: secret('a/b'), deep: { list: ['x', secret('c.d')] } });
    });
    if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
    const { Arguments } = (result.artifact.definition['States'] as unknown as { one: { Arguments: never } }).one;
    const { Payload } = Arguments as { Payload: { bunsui: string; input: unknown } };
    expect(Payload.input).toStrictEqual({ token: '(secret a/b)', deep: { list: ['x', '(secret c.d)'] } });
    expect(Payload.bunsui).toContain(
      '"secrets": [{"at": ["token"], "name": "a/b"}, {"at": ["deep", "list", 1], "name": "c.d"}]',
    );
  });

  it('keeps its place beside values that may be absent', () => {
    const result = compiled('flow', { input: z.object({}) }, (p) => {
      const first = p.job('first', load, { token: 'none' });
      p.job('one', load, { token: secret('a'), deep: { list: [secret('b')], n: first.out.rows } }, { after: [first] });
    });
    expect(result.ok).toBe(true);
  });

  it('is refused where it would be seen, with its place', () => {
    const computed = secret('a') as never;
    expect(
      mistakes('flow', any, (p) => {
        const one = p.job('one', load, { token: tpl`Bearer ${computed}` }, { when: eq(computed, 'x') });
        p.branch('side', eq(computed, 'y'), (q) => q.job('two', load, { token: orElse(one.out.note, computed) }));
        p.output({ said: secret('out') });
        p.map('each', [computed], (item, q) => q.job('three', load, { token: item as never }));
        p.job('four', load, { token: add(computed, 1) as never });
      })
        .filter(([code]) => code === 'BS1130')
        .map(([, path, located]) => [path, located]),
    ).toStrictEqual([
      ['flow.one.when', true],
      ['flow.one.input.token', true],
      ['flow.side.condition', true],
      ['flow.two.input.token', true],
      ['flow.each.items.0', true],
      ['flow.four.input.token', true],
      ['flow.output.said', true],
    ]);
  });

  it('is refused by a name that is none, which is not repeated', () => {
    const value = 'hunter2 with a space';
    const found = mistakes('flow', { input: z.object({}) }, (p) => void p.job('one', load, { token: secret(value) }));
    expect(found).toStrictEqual([
      [
        'BS1130',
        'flow.one.input.token',
        true,
        'input.token: what secret(…) was given is no name'.replace('input', 'one.input'),
      ],
    ]);
  });
});
