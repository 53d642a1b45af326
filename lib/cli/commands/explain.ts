/** `bunsui explain`: when each job of a pipeline starts and why, what decides how long it takes, and what a run costs. */
import { createHash } from 'node:crypto';
import { codeHashes } from '../../code-hash.ts';
import { explainPipeline } from '../../compiler/explain.ts';
import { withFingerprints } from '../../ir/fingerprints.ts';
import { lambdasOf } from '../../ir/operations.ts';
import { loadCompiled } from '../checked-pipeline.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { explanationLines, explanationRecord } from '../explanation-page.ts';

export async function explainFile(
  context: CommandContext,
  file: string,
  options: { readonly json?: true },
): Promise<number> {
  const json = options.json ?? false;
  const compiled = await loadCompiled(context, file, { json, notes: true, said: ['BS1113'] });
  if (compiled === undefined) return exitCodes.invalid;
  const operations = lambdasOf(compiled.pipeline);
  const users = Map.groupBy(operations, ({ entry }) => entry);
  const hashes = await codeHashes(
    [...users.keys()],
    new Map([...users].map(([entry, of]) => [entry, of.map(({ id }) => id)])),
  );
  const artifact = withFingerprints(compiled, {
    sha256: (text) => createHash('sha256').update(text).digest('hex'),
    code: new Map(operations.map(({ id, entry }) => [id, hashes.get(entry) ?? ''])),
  });
  const { terminal, cwd } = context;
  const explanation = explainPipeline(artifact);
  const { fingerprints = {} } = artifact;
  const { out } = terminal;
  if (json) out.write(`${JSON.stringify(explanationRecord(explanation, fingerprints))}\n`);
  else out.write(`${explanationLines(explanation, { output: out, cwd }).join('\n')}\n`);
  return exitCodes.ok;
}
