/** The deploy workflow as a text: what it may do, and on whose code it counts. Its script runs in the LocalStack suite. */
import { expect, it } from 'vitest';
import { scriptOf, workflowText } from '../localstack/workflow.ts';

it('uses actions by commit, and says which version that is', () => {
  const uses = [...workflowText.matchAll(/^\s+- uses: (.*)$/gm)].map((match) => match[1] ?? '');
  expect(uses).toHaveLength(3);
  for (const action of uses) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
});

it('may read the repository and ask for an identity, nothing else', () => {
  const permissions = [...workflowText.matchAll(/^(\s*)permissions:(.*)\n((?:\1 +\S.*\n)*)/gm)].map((match) => [
    match[2]?.trim(),
    match[3]?.trim().split(/\n\s*/),
  ]);
  expect(permissions).toStrictEqual([
    ['{}', ['']],
    ['', ['contents: read', 'id-token: write']],
  ]);
});

it('puts no input into a script as text', () => {
  expect(scriptOf('Plan and deploy')).toContain('npx --no-install bunsui "${words[@]}" --plan');
  expect(scriptOf('Plan and deploy')).not.toContain('${{');
});
