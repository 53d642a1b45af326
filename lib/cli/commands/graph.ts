/** `bunsui graph`: a pipeline's graph as Mermaid text. */
import { graphOf } from '../../graph/graph.ts';
import { toMermaid } from '../../graph/mermaid.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { loadChecked } from '../checked-pipeline.ts';

export async function printGraph(
  context: CommandContext,
  file: string,
  options: { readonly direction: 'TB' | 'LR' | 'BT' | 'RL' },
): Promise<number> {
  const ir = await loadChecked(context, file, { json: false });
  if (ir === undefined) return exitCodes.invalid;
  context.terminal.out.write(toMermaid(graphOf(ir), { direction: options.direction }));
  return exitCodes.ok;
}
