import { readFileSync } from 'node:fs';
import { runPipeline, type TestAnswer } from 'bunsui/testing';
import { describe, expect, it } from 'vitest';
import { retrain } from './approvals/retrain.ts';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const doc = read('../../docs/approvals.md');

describe('the page about approvals', () => {
  it('shows the pipeline that is run here', () => {
    expect(doc).toContain(`\`\`\`ts\n${read('./approvals/retrain.ts')}\`\`\``);
    expect(retrain.diagnostics).toStrictEqual([]);
  });

  it.each([
    ['approved', { approve: { stage: 'canary' }, by: 'yui' }, 'deploy', { stage: 'canary', percent: 10, by: 'yui' }],
    ['rejected', { reject: 'AUC fell', by: 'yui' }, 'shelve', { by: 'yui' }],
    ['answered by nobody', 'nobody answers', 'shelve', { by: 'nobody' }],
  ] as const)('and it does what the page says where it is %s', async (_name, answer, job, input) => {
    const run = await runPipeline(retrain, {
      input: { month: '2026-01' },
      operations: {
        train: () => ({ model: 'm1', auc: 0.91 }),
        deploy: () => ({ url: 'https://example.com' }),
        shelve: () => ({}),
      },
      approvals: {
        signoff({ message, who }): TestAnswer {
          expect([message, who]).toStrictEqual(['AUC is 0.91 for 2026-01. Ship m1?', ['ml-leads']]);
          return answer;
        },
      },
    });
    expect(run.status).toBe('SUCCEEDED');
    expect(run.attempts.map((one) => one.job)).toStrictEqual(['train', job]);
    expect(run.attempts[1]?.input).toStrictEqual({ model: 'm1', ...input });
  });
});
