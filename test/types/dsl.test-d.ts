/**
 * What the types of the DSL promise. Checked by the type-checker alone: every `@ts-expect-error` must be an error,
 * everything else must not be.
 */
import {
  type Failure,
  add,
  and,
  count,
  eq,
  get,
  gt,
  type Job,
  lambda,
  ne,
  not,
  orElse,
  pipeline,
  pluck,
  type Ref,
  type Scope,
  secret,
  sum,
  tpl,
} from 'bunsui';
import { expectTypeOf } from 'vitest';
import * as z from 'zod';

const extract = lambda('extract', {
  entry: './extract.ts',
  input: z.object({ date: z.iso.date() }),
  output: z.object({
    bucket: z.string(),
    key: z.string(),
    rows: z.int(),
    note: z.string().optional(),
    kind: z.enum(['a', 'b']),
    parts: z.array(z.object({ k: z.string(), n: z.int() })),
    maybe: z.object({ deep: z.string() }).nullable(),
  }),
});
const transform = lambda('transform', {
  entry: './transform.ts',
  input: z.object({ src: z.object({ bucket: z.string(), key: z.string() }), rows: z.int(), note: z.string() }),
  output: z.object({ key: z.string(), rejected: z.int() }),
});
const one = lambda('one', {
  entry: './one.ts',
  input: z.object({ k: z.string() }),
  output: z.object({ done: z.boolean() }),
});
const all = lambda('all', {
  entry: './all.ts',
  input: z.object({ items: z.array(z.object({ done: z.boolean() })), label: z.string().optional() }),
  output: z.object({}),
});

// A handler sees plain values: what its schema parses to, and gives what its schema takes.
extract.handler(async (input, context) => {
  expectTypeOf(input).toEqualTypeOf<{ date: string }>();
  context.log.info(input.date);
  return { bucket: 'b', key: 'k', rows: 1, kind: 'a', parts: [], maybe: null };
});
// @ts-expect-error a field of the output is missing
extract.handler(() => ({ bucket: 'b', key: 'k', rows: 1, parts: [], maybe: null }));
// @ts-expect-error a handler that returns nothing
one.handler(async () => {});

// Recursive and free-form JSON outputs are fine.
lambda('json', { entry: './json.ts', input: z.object({}), output: z.object({ j: z.json(), u: z.unknown() }) });
// @ts-expect-error a date does not survive JSON
lambda('dated', { entry: './dated.ts', input: z.object({}), output: z.object({ at: z.date() }) });
const bigInside = z.object({ list: z.array(z.object({ n: z.bigint() })) });
// @ts-expect-error neither does a bigint deep inside
lambda('big', { entry: './big.ts', input: z.object({}), output: bigInside });
// @ts-expect-error a contract needs an entry
lambda('no-entry', { input: z.object({}), output: z.object({}) });

export default pipeline(
  'p',
  {
    input: z.object({ date: z.iso.date(), dry: z.boolean().default(false) }),
    output: z.object({ rejected: z.int(), all: z.array(z.object({ done: z.boolean() })) }),
  },
  (p, input) => {
    const e = p.job('e', extract, { date: input.date });
    const t = p.job('t', transform, {
      src: { bucket: e.out.bucket, key: tpl`x/${e.out.key}` },
      rows: e.out.rows,
      note: orElse(e.out.note, ''),
    });
    const m = p.map('m', e.out.parts, (item, q) => q.job('one', one, { k: item.k }));
    const b = p.branch(
      'b',
      gt(t.out.rejected, 0),
      (q) => q.job('x', transform, { src: { bucket: e.out.bucket, key: 'lit' }, rows: 1, note: 'n' }, { after: [m] }),
      (q) => q.job('y', transform, { src: { bucket: e.out.bucket, key: t.out.key }, rows: 2, note: '' }),
    );
    const lone = p.branch('lone', not(input.dry), (q) => q.job('w', one, { k: 'k' }));
    p.job(
      'z',
      one,
      { k: b.out.key },
      { when: and(eq(e.out.kind, 'a'), t.ok), retry: { max: 2, delay: '2s' }, timeout: '5m' },
    );
    p.job('every', all, { items: m.out });
    p.output({ rejected: b.out.rejected, all: m.out });

    // Every ref has the type of its field.
    expectTypeOf(e).toEqualTypeOf<Job<z.output<typeof extract.output>>>();
    expectTypeOf(e.out.rows).toEqualTypeOf<Ref<number>>();
    expectTypeOf(e.out.note).toEqualTypeOf<Ref<string | undefined>>();
    expectTypeOf(pluck(m.out, 'done')).toEqualTypeOf<Ref<readonly boolean[]>>();
    expectTypeOf(sum(pluck(e.out.parts, 'n'))).toEqualTypeOf<Ref<number>>();
    expectTypeOf(get(e.out.parts, 0).k).toEqualTypeOf<Ref<string>>();
    expectTypeOf(count(m.out)).toEqualTypeOf<Ref<number>>();
    expectTypeOf(e.out.maybe.deep).toEqualTypeOf<Ref<string | undefined>>();
    expectTypeOf(lone.out.done).toEqualTypeOf<Ref<boolean>>();
    expectTypeOf(orElse(lone.out.done, false)).toEqualTypeOf<Ref<boolean>>();

    // @ts-expect-error a field that is not there
    p.job('n1', one, { k: e.out.nope });
    // @ts-expect-error a ref of another type
    p.job('n2', one, { k: e.out.rows });
    // @ts-expect-error a missing field
    p.job('n3', transform, { src: { bucket: 'b', key: 'k' }, rows: 1 });
    // @ts-expect-error a field too many
    p.job('n4', one, { k: 'x', extra: 1 });
    // @ts-expect-error an optional value into a required field
    p.job('n5', one, { k: e.out.note });
    // @ts-expect-error a field of something that may be null
    p.job('n16', one, { k: e.out.maybe.deep });
    // Who needs the output of a branch is skipped where its side is not taken.
    p.job('n17', one, { k: 'k' }, { when: lone.out.done });
    const kinds = p.switch(
      'kinds',
      e.out.kind,
      { a: (q) => q.job('k1', one, { k: 'k' }), b: (q) => q.job('k2', transform, { src: e.out, rows: 1, note: '' }) },
      (q) => {
        q.job('k3', one, { k: 'k' });
      },
    );
    expectTypeOf(get(kinds.out, 'done' as never)).not.toBeAny();
    expectTypeOf(kinds).toEqualTypeOf<Job<{ done: boolean } | { key: string; rejected: number }>>();
    expectTypeOf(e.failure.name).toEqualTypeOf<Ref<string>>();
    p.job('k4', one, { k: e.failure.name }, { after: { job: e, on: 'failure' }, tolerate: ['OutOfStock'] });
    p.job('k5', one, { k: 'k' }, { after: ['k4', { job: 'k4', on: 'done' }, t], tolerate: true });

    p.onFailure((q, failure) => {
      expectTypeOf(failure).toEqualTypeOf<Ref<Failure>>();
      q.job('f1', one, { k: failure.name });
      // @ts-expect-error only the pipeline itself has an output
      q.output({});
    });
    p.finally((q, run) => {
      expectTypeOf(run.ok).toEqualTypeOf<Ref<boolean>>();
      q.job('f2', one, { k: run.failure.cause }, { when: run.failed });
    });
    const carried = z.object({ left: z.int(), key: z.string() });
    const looped = p.loop(
      'l1',
      { state: carried, start: { left: e.out.rows, key: '' }, over: e.out.parts, max: 3 },
      (s, q, r) => {
        expectTypeOf(s.left).toEqualTypeOf<Ref<number>>();
        expectTypeOf(r.item.k).toEqualTypeOf<Ref<string>>();
        expectTypeOf(r.index).toEqualTypeOf<Ref<number>>();
        q.job('l2', one, { k: r.item.k });
        return { left: add(s.left, r.item.n), key: r.item.k };
      },
    );
    expectTypeOf(looped.out.left).toEqualTypeOf<Ref<number>>();
    p.loop('l3', { state: carried, start: { left: 1, key: '' }, while: (s) => gt(s.left, 0), max: 3 }, (s) => s);
    p.wait('w1', { for: '10m', after: looped });
    p.wait('w2', { until: e.out.key, when: t.ok });
    // @ts-expect-error a loop without a bound
    p.loop('n30', { state: carried, start: { left: 1, key: '' }, while: (s) => gt(s.left, 0) }, (s) => s);
    // @ts-expect-error a state with a field missing
    p.loop('n31', { state: carried, start: { left: 1 }, over: [1], max: 1 }, (s) => s);
    // @ts-expect-error the next state has a field of another type
    p.loop('n32', { state: carried, start: { left: 1, key: '' }, over: [1], max: 1 }, (s) => ({
      left: s.key,
      key: '',
    }));
    // @ts-expect-error a condition that is no condition
    p.loop('n33', { state: carried, start: { left: 1, key: '' }, until: (s) => s.left, max: 1 }, (s) => s);
    // @ts-expect-error text is no time that passes
    p.wait('n34', { for: e.out.key });
    // @ts-expect-error a number is no time
    p.wait('n35', { until: e.out.rows });

    p.switch('n18', e.out.kind, {
      a: (q) => q.job('n19', one, { k: 'k' }),
      // @ts-expect-error a case that the enum does not have
      z: (q: Scope) => q.job('n20', one, { k: 'k' }),
    });
    // @ts-expect-error a switch over a number
    p.switch('n21', e.out.rows, {});
    // @ts-expect-error an end that there is not
    p.job('n22', one, { k: 'k' }, { after: { job: e, on: 'finished' } });
    // @ts-expect-error errors have names
    p.job('n23', one, { k: 'k' }, { tolerate: false });
    // @ts-expect-error what a job failed with has a name and a cause
    p.job('n24', one, { k: e.failure.message });
    // @ts-expect-error a wrong type deep inside
    p.job('n6', transform, { src: { bucket: e.out.rows, key: 'k' }, rows: 1, note: '' });
    // @ts-expect-error a list of something else
    p.job('n7', all, { items: e.out.parts });
    // @ts-expect-error a word that the enum does not have
    eq(e.out.kind, 'c');
    // @ts-expect-error a word that the enum does not have
    ne(e.out.kind, 'c');
    // @ts-expect-error text where a number is compared
    gt(e.out.key, 1);
    // @ts-expect-error text where a number is added
    add(e.out.key, 1);
    // @ts-expect-error a number where a condition is wanted
    not(e.out.rows);
    // @ts-expect-error a condition that is no condition
    p.job('n8', one, { k: 'k' }, { when: e.out.rows });
    // @ts-expect-error a list that is no list
    p.map('n9', e.out.rows, (_item, q) => q.job('n10', one, { k: 'k' }));
    // @ts-expect-error the element has no such field
    p.map('n11', e.out.parts, (item, q) => q.job('n12', one, { k: item.nope }));
    // @ts-expect-error a field to pluck that is not there
    pluck(e.out.parts, 'nope');
    // @ts-expect-error native comparison
    if (e.out.rows > 1) p.job('n13', one, { k: 'k' });
    // @ts-expect-error native equality
    if (e.out.rows === 1) p.job('n14', one, { k: 'k' });
    // @ts-expect-error native arithmetic
    e.out.rows + 1;
    // @ts-expect-error an output of the wrong type
    p.output({ rejected: b.out.key, all: m.out });
    // @ts-expect-error an output with a field missing
    p.output({ rejected: 1 });
    // @ts-expect-error a duration that is none
    p.job('n15', one, { k: 'k' }, { timeout: '5 minutes' });
  },
);

/** A call is typed by what it calls. */
const called = pipeline(
  'called',
  { input: z.object({ k: z.string(), limit: z.int().default(10) }), output: z.object({ rows: z.int() }) },
  (p, input) => {
    const loaded = p.job('load', one, { k: input.k });
    p.output({ rows: 1 });
    expectTypeOf(loaded).not.toBeAny();
  },
);
pipeline('calls', { input: z.object({ k: z.string(), n: z.int() }) }, (p, input) => {
  const waited = p.call('waited', called, { input: { k: input.k } });
  expectTypeOf(waited.out.rows).toEqualTypeOf<Ref<number>>();
  const apart = p.call('apart', called, { input: { k: 'k', limit: input.n }, wait: false, after: waited });
  expectTypeOf(apart.out.session).toEqualTypeOf<Ref<string>>();
  // @ts-expect-error what does not wait gives no output
  apart.out.rows;
  // @ts-expect-error what waits gives the output, and no session
  waited.out.session;
  // @ts-expect-error a number where the child wants text
  p.call('c1', called, { input: { k: input.n } });
  // @ts-expect-error a field that the child does not have
  p.call('c2', called, { input: { k: 'k', more: 1 } });
  // @ts-expect-error without a field that the child needs
  p.call('c3', called, { input: { limit: 1 } });
  // @ts-expect-error an operation is no pipeline
  p.call('c4', one, { input: { k: 'k' } });
  // @ts-expect-error an option that a call does not have
  p.call('c5', called, { input: { k: 'k' }, concurrency: 2 });
});

/** Secrets go where a job's input wants text, and nowhere else. */
pipeline('secrets', { input: z.object({}) }, (p) => {
  p.job('ok', transform, { src: { bucket: secret('bucket'), key: 'k' }, rows: 1, note: secret('note') });
  // @ts-expect-error a number is wanted
  p.job('number', transform, { src: { bucket: 'b', key: 'k' }, note: '', rows: secret('rows') });
  // @ts-expect-error no part of a text
  tpl`${secret('token')}`;
  // @ts-expect-error no part of a condition
  eq(secret('token'), 'x');
  // @ts-expect-error has no fields
  secret('token').value;
  // @ts-expect-error is nothing to wait for
  p.job('after', transform, { src: { bucket: 'b', key: 'k' }, rows: 1, note: '' }, { after: [secret('token')] });
});

// An approval is a job: what was filled in is typed by its form.
pipeline('approvals', { input: z.object({ n: z.int() }) }, (p, input) => {
  const signoff = p.approve('signoff', {
    message: tpl`Ship ${input.n}?`,
    who: ['ml', tpl`group ${input.n}`],
    form: z.object({ stage: z.enum(['canary', 'prod']), percent: z.int().default(10) }),
    onTimeout: { approve: { stage: 'canary' } },
    when: gt(input.n, 1),
  });
  expectTypeOf(signoff.out.answer.stage).toEqualTypeOf<Ref<'canary' | 'prod'>>();
  expectTypeOf(signoff.out.answer.percent).toEqualTypeOf<Ref<number>>();
  expectTypeOf(signoff.out.approved).toEqualTypeOf<Ref<boolean>>();
  p.job('one', one, { k: signoff.out.answer.stage });
  // @ts-expect-error a field that the form does not have
  p.job('two', one, { k: signoff.out.answer.place });
  // @ts-expect-error a number where text is wanted
  p.job('three', one, { k: signoff.out.answer.percent });
  // @ts-expect-error a value that the form does not know
  eq(signoff.out.answer.stage, 'moon');
  // @ts-expect-error there must be a question
  p.approve('four', {});
  // @ts-expect-error an answer that does not fit the form
  p.approve('five', { message: 'Sure?', form: z.object({ n: z.int() }), onTimeout: { approve: { n: 'one' } } });
  // @ts-expect-error JSON has no dates
  p.approve('six', { message: 'When?', form: z.object({ at: z.date() }) });
  // @ts-expect-error an unknown way out
  p.approve('seven', { message: 'Sure?', onTimeout: 'approve' });
  // @ts-expect-error a reason need not be given
  p.job('eight', one, { k: signoff.out.reason });
});

// A compensation takes what its job was given and gave.
const undoing = <I extends z.ZodObject>(input: I) =>
  lambda('undo', { entry: './undo.ts', input, output: z.object({}) });
const gave = z.object({ done: z.boolean() });
const undoesOne = undoing(z.object({ input: z.object({ k: z.string() }), output: gave }));
const undoesPart = undoing(z.object({ output: gave }));
const undoesOther = undoing(z.object({ output: z.object({ done: z.string() }) }));
const undoesMore = undoing(z.object({ input: z.object({ k: z.string(), other: z.string() }) }));
const undoesInput = undoing(z.object({ k: z.string() }));

pipeline('compensated', { input: z.object({ k: z.string() }) }, (p, input) => {
  const done = p.job('a', one, { k: input.k }, { compensate: undoesOne, retry: { max: 1 } });
  expectTypeOf(done).toEqualTypeOf<Job<{ done: boolean }>>();
  p.job('b', one, { k: input.k }, { compensate: undoesPart });
  // @ts-expect-error it wants text where the job gives a boolean
  p.job('c', one, { k: input.k }, { compensate: undoesOther });
  // @ts-expect-error it wants a field that the job is not given
  p.job('d', one, { k: input.k }, { compensate: undoesMore });
  // @ts-expect-error it takes the job's input, and not { input, output }
  p.job('e', one, { k: input.k }, { compensate: undoesInput });
  // @ts-expect-error only jobs with an operation of their own can be undone
  p.map('f', [1], (_, q) => q.job('g', one, { k: input.k }), { compensate: undoesOne });
});
