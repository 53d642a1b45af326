/** What jobs may leave in the state machine is shared out wherever their values meet, so that no state carries too much. */
import { type Job, lambda, pipeline, pluck, type Ref, type Scope, tpl } from 'bunsui';
import { runPipeline } from 'bunsui/testing';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { dataLimitBytes, envelopeReserveBytes } from '../../lib/compiler/limits.ts';
import { maxInlineBytes, pointerBytes } from '../../lib/payload-layout.ts';

const text = z.object({ text: z.string() });
const make = lambda('make', { entry: './make.ts', input: z.object({}), output: text });
const read = lambda('read', { entry: './read.ts', input: z.unknown(), output: z.object({ bytes: z.int() }) });

/** The share of a job that its state names, or the most there is. */
function shareOf(machines: readonly unknown[], job: string): number {
  const found = new RegExp(`"job": (?:\\$states.input.path & )?"/?${job}",[^%]*?"inline": (\\d+)`).exec(
    machines.map((machine) => JSON.stringify(machine).replaceAll('\\"', '"')).join('\n'),
  );
  return found === null ? maxInlineBytes : Number(found[1]);
}

describe('values that leave a child machine', () => {
  const count = 20;
  /** Made one after the other, each read by itself: nowhere but at the child's end do they meet. */
  const made = pipeline('made', { input: z.object({ given: z.string() }) }, (p, { given }) => {
    let before: Job<{ text: string }> | undefined;
    const makers = Array.from({ length: count }, (_, index) => {
      before = p.job(`make${index}`, make, {}, before === undefined ? {} : { after: [before] });
      return before;
    });
    const last = makers.at(-1);
    for (const [index, { out }] of makers.entries())
      p.job(`read${index}`, read, { text: out.text, given }, last === undefined ? {} : { after: [last] });
  });
  const budget = { bytes: 16_000, events: 20_000 };

  it('fit through the state that runs it, and reach their readers whole', async () => {
    expect(made.diagnostics).toStrictEqual([]);
    const read: number[] = [];
    const result = await runPipeline(made, {
      input: { given: 'g'.repeat(31_000) },
      budget,
      operations: {
        make: () => ({ text: 'x'.repeat(31_000) }),
        read: (input: unknown) => {
          read.push(JSON.stringify(input).length);
          return { bytes: 0 };
        },
      },
    });
    expect([result.status, result.error, result.cause]).toStrictEqual(['SUCCEEDED', undefined, undefined]);
    expect(read).toStrictEqual(Array.from({ length: count }, () => 62_000 + '{"text":"","given":""}'.length));
  });

  it('share what the state may carry with the input of the pipeline', () => {
    const compiled = compilePipeline(made.ir, { sha256: () => '', budget });
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
    const { definition, shards = [], input } = compiled.artifact;
    const makers = Array.from({ length: count }, (_, index) => `make${index}`);
    const inChild = shards.map((shard) => makers.filter((id) => JSON.stringify(shard).includes(`"${id}":`)));
    expect(Math.max(...inChild.map((ids) => ids.length))).toBeGreaterThan(dataLimitBytes / maxInlineBytes);
    for (const ids of inChild) {
      const shares = ids.map((id) => shareOf([definition, ...shards], id));
      const together = shares.reduce((sum, share) => sum + share, input?.inline ?? maxInlineBytes);
      expect(together).toBeLessThan(dataLimitBytes);
    }
  });
});

describe('a value beside constants', () => {
  const beside = (bytes: number) => {
    const { ir } = pipeline('beside', { input: z.object({}) }, (p) => {
      const { out } = p.job('make', make, {});
      p.job('read', read, { text: out.text, constant: 'c'.repeat(bytes) });
    });
    const compiled = compilePipeline(ir, { sha256: () => '' });
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
    return shareOf([compiled.artifact.definition], 'make');
  };

  it('has the room that they leave, and always that of a pointer', () => {
    expect(beside(100_000)).toBe(maxInlineBytes);
    const share = beside(230_000);
    expect(share).toBeLessThan(240_000 - 230_000);
    expect(share).toBeGreaterThan(240_000 - 230_000 - 100);
    expect(beside(dataLimitBytes - 4_096)).toBe(pointerBytes);
  });
});

describe('the list of a map', () => {
  /** As many items as a history has events for, beside the job that reads the list. */
  const most = 3_569;
  const each = (items: number, read: (out: Ref<readonly { text: string; note: string }[]>) => unknown) =>
    pipeline('listed', { input: z.object({ list: z.array(z.int()).max(items) }) }, (p, { list }) => {
      const made = p.map('each', list, (_, q) => q.job('make', noted, {}));
      p.job('read', reader, { all: read(made.out) as never });
    });
  const noted = lambda('noted', {
    entry: './noted.ts',
    input: z.object({}),
    output: z.object({ text: z.string(), note: z.string() }),
  });
  const reader = lambda('reader', { entry: './reader.ts', input: z.unknown(), output: z.object({}) });
  const ran = async (of: ReturnType<typeof each>, items: number) => {
    expect(of.diagnostics).toStrictEqual([]);
    let read: { readonly all: unknown } | undefined;
    const { status, error, cause } = await runPipeline(of, {
      input: { list: Array.from({ length: items }, (_, n) => n) },
      operations: {
        noted: () => ({ text: 'x'.repeat(1_000), note: 'n'.repeat(500) }),
        reader: (input: { readonly all: unknown }) => {
          read = input;
          return {};
        },
      },
    });
    return { status, error, cause, all: read?.all };
  };

  it('has room for a pointer to each output, however many items a history has room for', async () => {
    const { all, ...ended } = await ran(
      each(most, (out) => out),
      most,
    );
    expect(ended).toStrictEqual({ status: 'SUCCEEDED', error: undefined, cause: undefined });
    expect(all).toStrictEqual(Array.from({ length: most }, () => ({ text: 'x'.repeat(1_000), note: 'n'.repeat(500) })));
  });

  it('fails with what to do where parts of too many outputs are read one by one', async () => {
    const apart = (items: number) =>
      ran(
        each(items, (out) => pluck(out, 'text')),
        items,
      );
    const { status, error, cause } = await apart(most);
    expect([status, error]).toStrictEqual(['FAILED', 'Bunsui.OutputTooLarge']);
    expect(cause).toMatch(/takes \d\d of this job, .*: give on the whole output .*, or go over fewer items at once/);
    expect(await apart(1_200)).toMatchObject({ status: 'SUCCEEDED', all: { length: 1_200, 0: 'x'.repeat(1_000) } });
  });
});

describe('what of an output must stay', () => {
  it('takes of the room of the constants beside it, in the state that calls the job', () => {
    const names = Array.from({ length: 500 }, (_, index) => `field-${index}`);
    const beside = (bytes: number) => {
      const wide = lambda('wide', {
        entry: './wide.ts',
        input: z.object({ text: z.string() }),
        output: z.object(Object.fromEntries(names.map((name) => [name, z.int()]))),
      });
      const { ir } = pipeline('kept', { input: z.object({}) }, (p) => {
        const { out } = p.job('wide', wide, { text: 'c'.repeat(bytes - '{"text":""}'.length) });
        const fields = names.map((name) => out[name] as unknown as Ref<number>);
        const parts = fields.map(() => '');
        p.job('read', read, { text: tpl(Object.assign([...parts, ''], { raw: [...parts, ''] }), ...fields) });
      });
      return compilePipeline(ir, { sha256: () => '' }).diagnostics.map(({ message }) => message);
    };
    const keep = JSON.stringify(
      Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`field-${index}`, true])),
    );
    const room = dataLimitBytes - envelopeReserveBytes - keep.length;
    expect(beside(room)).toStrictEqual([]);
    expect(beside(room + 1)).toStrictEqual([
      `the constants in the input of "wide" have ${room + 1} bytes, and there is room for ${room}`,
    ]);
  });
});

describe('values that stand in variables at the same time', () => {
  /** Jobs one after the other, each of which makes a text that is read behind all of them, by itself. */
  const held = (count: number) =>
    pipeline('held', { input: z.object({}) }, (p) => {
      const makers: Job<{ text: string }>[] = [];
      for (let index = 0; index < count; index += 1)
        makers.push(p.job(`make${index}`, make, {}, { after: makers.slice(-1) }));
      for (const [index, { out }] of makers.entries())
        p.job(`read${index}`, read, { text: out.text }, { after: makers.slice(-1) });
    });
  /** The same in each iteration of a map, of which so many run at once. */
  const inMap = (items: number, concurrency: number, count: number) =>
    pipeline('held', { input: z.object({ list: z.array(z.int()).max(items) }) }, (p, { list }) => {
      p.map(
        'each',
        list,
        (_, q) => {
          const makers: Job<{ text: string }>[] = [];
          for (let index = 0; index < count; index += 1)
            makers.push(q.job(`make${index}`, make, {}, { after: makers.slice(-1) }));
          for (const [index, { out }] of makers.entries())
            q.job(`read${index}`, read, { text: out.text }, { after: makers.slice(-1) });
        },
        { concurrency },
      );
    });
  const compiled = ({ ir, diagnostics }: ReturnType<typeof held>) => {
    expect(diagnostics).toStrictEqual([]);
    const result = compilePipeline(ir, { sha256: () => '' });
    if (!result.ok) throw new Error(JSON.stringify(result.diagnostics));
    return result.artifact;
  };
  const text31 = 'x'.repeat(31_000);
  const ran = (of: ReturnType<typeof held>, input: unknown) =>
    runPipeline(of, { input, operations: { make: () => ({ text: text31 }), read: () => ({ bytes: 0 }) } } as never);

  it('share the 10 MiB that an execution has for them', async () => {
    // So many fit with all that one may have.
    expect(shareOf([compiled(held(280)).definition], 'make0')).toBe(maxInlineBytes);
    const share = shareOf([compiled(held(400)).definition], 'make0');
    expect(share).toBeLessThan(10_485_760 / 400);
    expect(share).toBeGreaterThan(9_000_000 / 400);
    // They come to more than there is room for, and the run does not fail of it.
    const { status, error, cause } = await ran(held(345), {});
    expect([345 * text31.length > 10_485_760, status, error, cause]).toStrictEqual([
      true,
      'SUCCEEDED',
      undefined,
      undefined,
    ]);
  });

  it('are counted for each iteration of a map that runs at once', async () => {
    const inline = (items: number, concurrency: number, count: number) =>
      shareOf([compiled(inMap(items, concurrency, count)).definition], 'make0');
    expect(inline(200, 40, 7)).toBe(maxInlineBytes);
    expect(inline(200, 40, 9)).toBeLessThan(10_485_760 / 40 / 9);
    // Of a list of ten no more than ten run at once, and of one of hundreds no more than its author wants.
    expect([inline(10, 40, 9), inline(200, 10, 9), inline(200, 0, 9) < maxInlineBytes]).toStrictEqual([
      maxInlineBytes,
      maxInlineBytes,
      true,
    ]);
    const { status, error, cause } = await ran(inMap(40, 40, 9), { list: Array.from({ length: 40 }, (_, n) => n) });
    expect([status, error, cause]).toStrictEqual(['SUCCEEDED', undefined, undefined]);
  });

  it('have room for something however maps within maps multiply, because a history ends before', () => {
    const nested = (depth: number): ReturnType<typeof held> =>
      pipeline('held', { input: z.object({ list: z.array(z.int()) }) }, (p, { list }) => {
        const inner = (q: Scope, level: number): void => {
          if (level < depth) return void q.map(`level${level}`, list, (_, r) => inner(r, level + 1));
          const { out } = q.job('make', make, {});
          q.job('read', read, { text: out.text });
        };
        inner(p, 0);
      });
    const shares = [1, 2, 3, 4].map((depth) => shareOf([compiled(nested(depth)).definition], 'make'));
    expect(shares[0]).toBe(maxInlineBytes);
    expect([(shares[1] ?? 0) * 40 * 40 < 10_485_760, (shares[1] ?? 0) > 480]).toStrictEqual([true, true]);
    // 64,000 iterations at once would be more than the 25,000 events of a history, of which an output takes five.
    expect([shares[2], shares[3]]).toStrictEqual([480, 480]);
    expect(480 * (25_000 / 5)).toBeLessThan(10_485_760 / 2);
  });

  it('leave their room to others where they are always short, and are those of one machine', () => {
    const numbers = lambda('numbers', {
      entry: './n.ts',
      input: z.object({}),
      output: z.object({ a: z.int(), b: z.int() }),
    });
    const mixed = pipeline('mixed', { input: z.object({}) }, (p) => {
      for (let index = 0; index < 200; index += 1) {
        const { out } = p.job(`number${index}`, numbers, {});
        const texts = p.job(`make${index}`, make, {});
        p.job(`read${index}`, read, { a: out.a, b: out.b, text: texts.out.text });
      }
    });
    expect(shareOf([compiled(mixed).definition], 'make0')).toBe(maxInlineBytes);
    const { ir } = held(400);
    const cut = compilePipeline(ir, { sha256: () => '', budget: { bytes: 250_000, events: 20_000 } });
    if (!cut.ok) throw new Error(JSON.stringify(cut.diagnostics));
    const { definition, shards = [] } = cut.artifact;
    // Those of the jobs that are read in another machine go through the state that runs it: there they meet.
    expect(shards.length).toBeGreaterThan(1);
    expect(shareOf([definition, ...shards], 'make0')).toBeLessThan(maxInlineBytes);
  });
});
