/** The workflows as texts: what they may do, and on whose code they count. The deploy script runs in the LocalStack suite. */
import { accessSync, constants } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ciText, scriptOf, workflowText } from '../localstack/workflow.ts';

const usesOf = (text: string) => [...text.matchAll(/^\s+- uses: (.*)$/gm)].map((match) => match[1] ?? '');
const permissionsOf = (text: string) =>
  [...text.matchAll(/^(\s*)permissions:(.*)\n((?:\1 +\S.*\n)*)/gm)].map((match) => [
    match[2]?.trim(),
    match[3]?.trim().split(/\n\s*/),
  ]);

it.each([
  ['deploy', workflowText, 3],
  ['ci', ciText, 2],
])('%s uses actions by commit, and says which version that is', (_name, text, count) => {
  const uses = usesOf(text);
  expect(uses).toHaveLength(count);
  for (const action of uses) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
});

it('takes the same actions in both', () => {
  expect(usesOf(ciText).filter((action) => !usesOf(workflowText).includes(action))).toStrictEqual([]);
});

it('tests a change with the script that everybody can run, and may read the repository, nothing else', () => {
  expect([...ciText.matchAll(/^\s+- run: (.*)$/gm)].map((match) => match[1])).toStrictEqual(['.ci/run']);
  accessSync(fileURLToPath(new URL('../../.ci/run', import.meta.url)), constants.X_OK);
  expect(permissionsOf(ciText)).toStrictEqual([
    ['{}', ['']],
    ['', ['contents: read']],
  ]);
});

it('may read the repository and ask for an identity, nothing else', () => {
  expect(permissionsOf(workflowText)).toStrictEqual([
    ['{}', ['']],
    ['', ['contents: read', 'id-token: write']],
  ]);
});

it('puts no input into a script as text', () => {
  expect(scriptOf('Plan and deploy')).toContain('npx --no-install bunsui "${words[@]}" --plan');
  expect(scriptOf('Plan and deploy')).not.toContain('${{');
});
