import { lambda, type Pipeline, pipeline } from 'bunsui';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';

const load = lambda('load', {
  entry: './load.ts',
  input: z.object({ key: z.string() }),
  output: z.object({ rows: z.int() }),
});
const key = z.object({ key: z.string() });

const child = pipeline('child', { input: key, output: z.object({ rows: z.int() }) }, (p, input) => {
  const loaded = p.job('load', load, { key: input.key });
  p.output({ rows: loaded.out.rows });
});

/** What is wrong with a pipeline, and on which line of this file. */
function mistakes({ diagnostics }: Pipeline) {
  return diagnostics.map(({ code, message, hint, source }) => ({
    code,
    message,
    hint,
    file: source?.file.split('/').at(-1),
  }));
}
const file = 'calls.test.ts';

describe('p.call', () => {
  it('is a job of an operation whose contract is that of the pipeline it calls', () => {
    const { ir, calls, diagnostics } = pipeline('parent', { input: key }, (p, input) => {
      p.call('waited', child, { input: { key: input.key }, retry: { max: 2 }, timeout: '1h', tolerate: true });
      p.call('apart', child, { input: { key: 'k' }, wait: false });
      p.call('again', child, { input: { key: 'k' }, wait: true });
    });
    expect(diagnostics).toStrictEqual([]);
    expect(calls).toStrictEqual({ child });
    expect(ir.body.nodes).toMatchObject([
      { kind: 'job', id: 'waited', operation: 'call-child', timeoutSeconds: 3600, tolerate: ['States.ALL'] },
      { kind: 'job', id: 'apart', operation: 'start-child' },
      { kind: 'job', id: 'again', operation: 'call-child' },
    ]);
    expect(ir.operations).toMatchObject({
      'call-child': {
        kind: 'call',
        input: child.ir.input,
        output: { required: ['rows'] },
        call: { pipeline: 'child', waits: true },
        task: { resource: 'arn:aws:states:::states:startExecution.sync:2', result: ['Output'] },
      },
      'start-child': {
        output: { required: ['session'] },
        call: { pipeline: 'child', waits: false },
        task: { resource: 'arn:aws:states:::states:startExecution', result: [] },
      },
    });
  });

  it('refuses what circles of imports give in the place of a pipeline', () => {
    const calling = pipeline('parent', { input: key }, (p) => {
      p.job('load', load, { key: 'k' });
      p.call('nothing', undefined as never, { input: {} });
      p.call('wrong', { id: 'child' } as never, { input: {} });
    });
    expect(mistakes(calling)).toStrictEqual([
      {
        code: 'BS1125',
        message: 'call "nothing" is given undefined in the place of a pipeline',
        hint: 'files that import each other give undefined, and a pipeline cannot call itself: put what both need into a third file, or repeat with p.loop',
        file,
      },
      {
        code: 'BS1125',
        message: 'call "wrong" is given something else in the place of a pipeline',
        hint: 'give what pipeline(…) returns',
        file,
      },
    ]);
  });

  it('refuses pipelines that call each other', () => {
    const between = pipeline('between', { input: key }, (p, input) => {
      p.call('child', child, { input: { key: input.key } });
    });
    const named = pipeline('child', { input: key }, (p, input) => {
      p.call('between', between, { input: { key: input.key } });
    });
    expect(mistakes(named)).toStrictEqual([
      {
        code: 'BS1125',
        message: 'the pipelines call each other without an end: child → between → child',
        hint: 'leave out one of these calls, rename one of the pipelines if two are meant, or repeat with p.loop',
        file,
      },
      expect.objectContaining({ code: 'BS1114' }),
    ]);
  });

  it('refuses two pipelines of one name, however deep', () => {
    const other = pipeline('child', { input: key }, (p, input) => {
      p.job('load', load, { key: input.key });
    });
    const between = pipeline('between', { input: key }, (p, input) => {
      p.call('child', other, { input: { key: input.key } });
    });
    const calling = pipeline('parent', { input: key }, (p, input) => {
      p.call('one', child, { input: { key: input.key } });
      p.call('two', between, { input: { key: input.key } });
    });
    expect(mistakes(calling)).toStrictEqual([
      {
        code: 'BS1125',
        message: 'two pipelines named "child" are called, and a platform has one of a name',
        hint: 'rename one of them, or import the same one in both places',
        file,
      },
    ]);
  });

  it('tells of the mistakes of what is called, once', () => {
    const broken = pipeline('broken', { input: key }, (p) => {
      p.job('load', load, { key: 1 as never });
    });
    const calling = pipeline('parent', { input: key }, (p, input) => {
      p.call('one', broken, { input: { key: input.key } });
      p.call('two', broken, { input: { key: input.key }, wait: false });
    });
    expect(mistakes(calling)).toStrictEqual([expect.objectContaining({ code: 'BS1108', file })]);
  });

  it('checks what the child is given against its input', () => {
    const calling = pipeline('parent', { input: z.object({ n: z.int(), key: z.string().optional() }) }, (p, input) => {
      p.call('number', child, { input: { key: input.n as never } });
      p.call('absent', child, { input: { key: input.key as never } });
      p.call('missing', child, { input: {} as never });
    });
    expect(mistakes(calling).map(({ code, message }) => [code, message])).toStrictEqual([
      ['BS1108', expect.stringMatching(/number\.input.*key/)],
      ['BS1107', expect.stringMatching(/absent\.input.*key/)],
      ['BS1108', expect.stringMatching(/missing\.input.*key/)],
    ]);
  });
});
