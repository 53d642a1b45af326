import { eq, lambda, not, orElse, pipeline, pluck, tpl } from 'bunsui';
import { runPipeline, type TestApprover } from 'bunsui/testing';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { compilePipeline } from '../../lib/compiler/compile.ts';

const n = z.object({ n: z.int() });
const note = lambda('note', {
  entry: './note.ts',
  input: z.object({ text: z.string() }),
  output: z.object({ said: z.string() }),
});
const operations = { note: ({ text }: { text: string }) => ({ said: text }) };
const stage = z.object({ stage: z.enum(['canary', 'prod']), percent: z.int().default(10) });

const shipping = pipeline(
  'shipping',
  { input: n, output: z.object({ said: z.string(), by: z.string() }) },
  (p, input) => {
    const signoff = p.approve('signoff', { message: tpl`Ship ${input.n}?`, who: ['ml'], form: stage, timeout: '3d' });
    const shipped = p.job('ship', note, {
      text: tpl`${signoff.out.answer.stage} ${signoff.out.answer.percent} at ${signoff.out.at} by ${signoff.out.via}`,
    });
    p.output({ said: shipped.out.said, by: signoff.out.by });
  },
);

const run = (one: Parameters<typeof runPipeline>[0], signoff: TestApprover) =>
  runPipeline(one, { input: { n: 3 }, operations, approvals: { signoff } });

describe('an approval', () => {
  it('asks with the values of the run, and gives what was answered, when and by whom', async () => {
    const asked: unknown[] = [];
    const found = await run(shipping, async (question, { sleep }) => {
      asked.push(question);
      await sleep(7_200_000);
      return { approve: { stage: 'prod' }, by: 'yui' };
    });
    expect(asked).toStrictEqual([{ job: 'signoff', message: 'Ship 3?', who: ['ml'] }]);
    expect(found.output).toStrictEqual({ said: 'prod 10 at 2026-01-01T02:00:00.000Z by api', by: 'yui' });
    expect(found.elapsedMs).toBe(7_200_000);
  });

  it('fails with a rejection, which says by whom and why', async () => {
    const found = await run(shipping, () => ({ reject: 'too risky', by: 'yui' }));
    expect(found).toMatchObject({ status: 'FAILED', error: 'Bunsui.Rejected', attempts: [] });
    expect(JSON.parse(found.cause ?? '')).toMatchObject({ errorMessage: 'rejected by yui: too risky', by: 'yui' });
  });

  it('fails when nobody answers in time', async () => {
    const found = await run(shipping, () => 'nobody answers');
    expect(found).toMatchObject({ status: 'FAILED', error: 'States.Timeout', elapsedMs: 3 * 86_400_000 });
  });

  it('takes an answer in place of a person when it is told to, as one of nobody', async () => {
    const lenient = pipeline('lenient', { input: n, output: z.object({ said: z.string() }) }, (p) => {
      const signoff = p.approve('signoff', {
        ...{ message: 'Ship?', form: stage, timeout: '1h' },
        onTimeout: { approve: { stage: 'canary' } },
      });
      const { answer, by, via, at } = signoff.out;
      const shipped = p.job('ship', note, { text: tpl`${answer.stage} ${answer.percent} ${by} ${via} ${at}` });
      p.output({ said: shipped.out.said });
    });
    const found = await run(lenient, () => 'nobody answers');
    expect(found.output).toStrictEqual({ said: 'canary 10 nobody timeout 2026-01-01T01:00:00.000Z' });
  });

  const decided = pipeline(
    'decided',
    { input: n, output: z.object({ said: z.string(), shipped: z.boolean() }) },
    (p) => {
      const signoff = p.approve('signoff', {
        ...({ message: 'Ship?', form: stage, timeout: '1h', onReject: 'continue', onTimeout: 'reject' } as const),
      });
      const yes = p.job('ship', note, { text: signoff.out.answer.stage }, { when: eq(signoff.out.approved, true) });
      p.job('shelve', note, { text: orElse(signoff.out.reason, 'no reason') }, { when: not(signoff.out.approved) });
      p.output({ said: orElse(yes.out.said, 'shelved'), shipped: yes.ok });
    },
  );

  it.each([
    ['is approved', { approve: { stage: 'prod' } }, { said: 'prod', shipped: true }, 'prod'],
    ['is rejected', { reject: 'late' }, { said: 'shelved', shipped: false }, 'late'],
    ['is answered by nobody', 'nobody answers', { said: 'shelved', shipped: false }, 'no reason'],
  ] as const)('goes on where it %s', async (_name, answer, output, text) => {
    const found = await run(decided, () => answer);
    expect(found).toMatchObject({ status: 'SUCCEEDED', output, attempts: [{ input: { text } }] });
  });

  it('is skipped as a job is, and then nobody is asked', async () => {
    const careful = pipeline('careful', { input: n, output: z.object({ by: z.string() }) }, (p, input) => {
      const signoff = p.approve('signoff', { message: 'Sure?', when: eq(input.n, 4) });
      p.output({ by: orElse(signoff.out.by, 'nobody was asked') });
    });
    const never = () => expect.fail('somebody was asked');
    expect((await run(careful, never)).output).toStrictEqual({ by: 'nobody was asked' });
  });

  it('asks once for each item of a map, by the path of the item', async () => {
    const each = pipeline('each', { input: n, output: z.object({ said: z.array(z.string()) }) }, (p) => {
      const all = p.map('all', ['a', 'b'], (item, q) => {
        const signoff = q.approve('signoff', {
          message: tpl`Ship ${item}?`,
          timeout: '1h',
          onTimeout: { approve: {} },
        });
        return q.job('ship', note, { text: tpl`${item} ${signoff.out.by}` });
      });
      p.output({ said: pluck(all.out, 'said') });
    });
    const found = await run(each, ({ job, message }) => {
      expect(message).toBe(job === 'all[0]/signoff' ? 'Ship a?' : 'Ship b?');
      return job === 'all[0]/signoff' ? { approve: {}, by: 'yui' } : 'nobody answers';
    });
    expect(found.output).toStrictEqual({ said: ['a yui', 'b nobody'] });
  });

  it.each(['signoff', 'other'])('is waited for at gates, with "%s" read by two jobs', async (twice) => {
    const gated = pipeline('gated', { input: n, output: z.object({ text: z.string() }) }, (p) => {
      const signoff = p.approve('signoff', { message: 'Ship?', form: stage });
      const other = p.job('other', note, { text: 'other' });
      const one = p.job('one', note, { text: twice === 'signoff' ? signoff.out.answer.stage : other.out.said });
      const both = p.job('both', note, { text: tpl`${signoff.out.answer.stage} ${other.out.said}` });
      p.output({ text: tpl`${one.out.said}, ${both.out.said}` });
    });
    const compiled = compilePipeline(gated.ir, { sha256: () => '' });
    expect(compiled.ok && compiled.artifact.gates).toStrictEqual(
      twice === 'other' ? { openedBy: ['note'], openedByStates: false } : { openedBy: [], openedByStates: true },
    );
    const found = await run(gated, async (_question, { sleep }) => {
      await sleep(60_000);
      return { approve: { stage: 'prod' } };
    });
    expect(found.output).toStrictEqual({ text: `${twice === 'signoff' ? 'prod' : 'other'}, prod other` });
  });

  it('refuses an answer of a test that does not fit the form', async () => {
    const found = await run(shipping, () => ({ approve: { stage: 'moon' } }));
    expect(found).toMatchObject({ status: 'FAILED', error: 'Bunsui.OutputInvalid', attempts: [] });
    expect(found.cause).toMatch(/^the answer does not fit the form of approval "signoff": stage: /);
  });

  it('needs a function in a test', async () => {
    const none = runPipeline(shipping, { input: { n: 3 }, operations });
    await expect(none).rejects.toMatchObject({ code: 'BS1105', hint: 'give approvals: { signoff: (question) => … }' });
  });
});
