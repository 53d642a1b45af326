/** What must stay where it is, and what may be moved, by the way in which it is read. */
import { count, eq, get, gt, lambda, orElse, pipeline, pluck, type Ref, type Scope, sum, tpl } from 'bunsui';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { keepsOf } from '../../lib/compiler/keeps.ts';
import { nodeIndex } from '../../lib/ir/walk.ts';

const made = z.object({
  n: z.int(),
  text: z.string(),
  list: z.array(z.object({ id: z.int(), data: z.string() })),
  deep: z.object({ on: z.boolean(), more: z.string() }),
});
type Made = z.infer<typeof made>;
const make = lambda('make', { entry: './make.ts', input: z.object({}), output: made });
const read = lambda('read', {
  entry: './read.ts',
  input: z.object({ value: z.unknown().optional(), when: z.boolean().optional() }),
  output: z.object({ ok: z.boolean() }),
});

/** What is kept of the output of `make`. */
function keptBy(use: (out: Ref<Made>, q: Scope) => void) {
  const recorded = pipeline('kept', { input: z.object({ n: z.int() }) }, (p) => use(p.job('make', make, {}).out, p));
  expect(recorded.diagnostics).toStrictEqual([]);
  return keepsOf(recorded.ir, nodeIndex(recorded.ir)).jobs.get('make');
}
const given = (value: (out: Ref<Made>) => unknown) =>
  keptBy((out, q) => {
    q.job('read', read, { value: value(out) as never });
  });

describe('of an output', () => {
  it.each<[string, ReturnType<typeof given>, unknown]>([
    ['nothing stays when it is handed on whole', given((out) => out), undefined],
    ['a part that is handed on has a place of its own', given((out) => out.deep.more), { deep: { more: {} } }],
    ['what a text is made of stays', given((out) => tpl`${out.n} ${out.text}`), { n: true, text: true }],
    [
      'what a fallback is given for may go',
      given((out) => orElse(get(out.list, 0).data, '')),
      { list: { '*': { data: {} } } },
    ],
    ['a part of each item may go', given((out) => pluck(out.list, 'data')), { list: { '*': { data: { '*': {} } } } }],
    ['a list that is counted stays, and its items may go', given((out) => count(out.list)), { list: { '*': {} } }],
    ['numbers that are added up stay', given((out) => sum(pluck(out.list, 'id'))), { list: { '*': { id: true } } }],
    [
      'what stands in an object of a list has a place of its own',
      given((out) => orElse(get(out.list, 0) as never, [{ more: out.deep.more }] as never)),
      { deep: { more: {} }, list: { '*': {} } },
    ],
  ])('%s', (_, kept, expected) => {
    expect(kept).toStrictEqual(expected);
  });

  it('what conditions compare stays', () => {
    const kept = keptBy((out, q) => {
      q.branch('side', gt(out.n, 1), (inner) => inner.job('one', read, {}, { when: eq(out.deep.on, true) }));
    });
    expect(kept).toStrictEqual({ deep: { on: true }, n: true });
  });

  it('a list that a map goes over stays, and of its items what is read in it', () => {
    const kept = keptBy((out, q) => {
      q.map('each', out.list, (item, inner) => inner.job('one', read, { value: item.data, when: gt(item.id, 0) }));
    });
    expect(kept).toStrictEqual({ list: { '*': { data: {}, id: true } } });
  });
});
