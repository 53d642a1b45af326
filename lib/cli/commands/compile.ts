/** `bunsui compile`: the state machine of a pipeline, as JSON on stdout. */
import { machinePlaceholder } from '../../ir/artifact.ts';
import { loadCompiled } from '../checked-pipeline.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';

export async function printDefinition(context: CommandContext, file: string): Promise<number> {
  const artifact = await loadCompiled(context, file, { json: false, notes: true });
  if (artifact === undefined) return exitCodes.invalid;
  const { definition, shards } = artifact;
  // Of a pipeline that is cut into several machines all of them, by what stands for them in the first.
  const children = (shards ?? []).map((shard, index) => [machinePlaceholder(index + 1), shard] as const);
  const shown = shards === undefined ? definition : { definition, machines: Object.fromEntries(children) };
  context.terminal.out.write(`${JSON.stringify(shown, null, 2)}\n`);
  return exitCodes.ok;
}
