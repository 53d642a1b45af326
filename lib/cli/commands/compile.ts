/** `bunsui compile`: the state machine of a pipeline, as JSON on stdout. */
import { loadCompiled } from '../checked-pipeline.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';

export async function printDefinition(context: CommandContext, file: string): Promise<number> {
  const artifact = await loadCompiled(context, file, { json: false, notes: true });
  if (artifact === undefined) return exitCodes.invalid;
  context.terminal.out.write(`${JSON.stringify(artifact.definition, null, 2)}\n`);
  return exitCodes.ok;
}
