import { lambda, pipeline, tpl } from 'bunsui';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';

const take = lambda('take', {
  entry: './take.ts',
  input: z.object({ stage: z.string() }),
  output: z.object({}),
});
const form = z.object({ stage: z.string() });

type Body = Parameters<typeof pipeline>[2];
const told = (body: Body, options: { readonly timeout?: '1h' } = {}) =>
  pipeline('flow', { input: z.object({ n: z.int() }), ...options }, body as never).diagnostics.map(
    ({ code, severity, message, path, hint, source }) => {
      expect(source?.file).toMatch(/check-approvals\.test\.ts$/);
      return [code, severity, message, path.join('.'), hint];
    },
  );

describe('an approval that nobody could answer is refused', () => {
  it.each([
    ['without a question', { message: ' ' }, 'there is no question in approval "signoff"'],
    ['with an empty list of names', { who: [] }, /^a list of names without a name, or an empty one, in approval/],
    ['with a name that is none', { who: ['ann', ' '] }, /^a list of names without a name/],
    ['with a form that is no object', { form: z.string() }, 'the form is no object in approval "signoff"'],
    ['that ends rejected where a rejection fails', { onTimeout: 'reject' }, /^`onTimeout: "reject"` has nothing/],
    ['with an answer of nobody that does not fit', { form, onTimeout: { approve: {} } }, /stage: Invalid input/],
  ])('%s', (_name, options, message) => {
    const [first] = told((p) => void p.approve('signoff', { message: 'Sure?', ...options } as never));
    expect(first).toStrictEqual([
      'BS1120',
      'error',
      expect.stringMatching(message),
      expect.any(String),
      expect.any(String),
    ]);
  });

  it('with an answer of nobody that only a run would know', () => {
    const [first] = told(
      (p, input) =>
        void p.approve('signoff', {
          message: 'Sure?',
          form,
          onTimeout: { approve: { stage: tpl`${input as never}` } },
        } as never),
    );
    expect(first?.[0]).toBe('BS1120');
  });

  it.each(['400d', 0.5] as const)('with a time that Step Functions does not wait: %s', (timeout) => {
    const found = told((p) => void p.approve('signoff', { message: 'Sure?', timeout }));
    expect(found.map((one) => one.slice(0, 2))).toStrictEqual([['BS1110', 'error']]);
  });
});

describe('an approval is told of', () => {
  it('that waits longer than its pipeline runs', () => {
    const [first] = told((p) => void p.approve('signoff', { message: 'Sure?', timeout: '2h' }), { timeout: '1h' });
    expect(first).toStrictEqual([
      'BS1110',
      'warning',
      'approval "signoff" waits for 7200 seconds, and the pipeline ends after 3600',
      'flow.signoff.timeout',
      'give the approval a shorter timeout, or the pipeline a longer one',
    ]);
  });

  it('whose answer is read where it may have been rejected', () => {
    const [first] = told((p) => {
      const signoff = p.approve('signoff', { message: 'Sure?', form, onReject: 'continue' });
      p.job('take', take, { stage: signoff.out.answer.stage });
    });
    expect(first?.slice(0, 3)).toStrictEqual([
      'BS1107',
      'error',
      'take.input: stage may be absent: "answer" is optional',
    ]);
  });

  it('no more in a branch that is taken when it was approved', () => {
    const found = told((p) => {
      const signoff = p.approve('signoff', { message: 'Sure?', form, onReject: 'continue' });
      p.branch('shipped', signoff.out.approved, (q) => q.job('take', take, { stage: signoff.out.answer.stage }));
    });
    expect(found).toStrictEqual([]);
  });
});
