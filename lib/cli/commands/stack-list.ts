/** `bunsui stack list`: what `bunsui deploy` has deployed to an account and region. */
import { awsError } from '../aws-errors.ts';
import type { CommandContext } from '../context.ts';
import { ago, localTime } from '../durations.ts';
import { exitCodes } from '../exit-codes.ts';
import { harmlessLine } from '../harmless.ts';
import { jsonLine } from '../json-lines.ts';
import { listStacks, type StackTarget, stackClient } from '../stacks.ts';
import { table } from '../table.ts';

export interface StackListOptions extends StackTarget {
  readonly json?: true;
}

export async function listStacksCommand(context: CommandContext, options: StackListOptions): Promise<number> {
  const { out, err } = context.terminal;
  const stacks = await listStacks(stackClient(options)).catch((thrown: unknown) => {
    throw awsError(thrown, { kind: 'aws', name: '', ...options }) ?? thrown;
  });
  if (options.json) {
    for (const { deployedAt, ...stack } of stacks) out.write(jsonLine('stack', { ...stack, deployed_at: deployedAt }));
    return exitCodes.ok;
  }
  if (stacks.length === 0) {
    err.write(`nothing is deployed there. Deploy something: ${context.commandName} deploy FILE\n`);
    return exitCodes.ok;
  }
  const nowMs = Date.now();
  const rows = stacks.map(({ name, platform, pipeline, status, deployedAt }) => [
    name,
    platform,
    harmlessLine(pipeline ?? '(the platform)'),
    status.toLowerCase().replaceAll('_', ' '),
    out.live ? ago(nowMs - Date.parse(deployedAt)) : localTime(deployedAt),
  ]);
  const columns = [
    { title: 'STACK', atLeast: 16 },
    { title: 'PLATFORM' },
    { title: 'PIPELINE' },
    { title: 'STATUS' },
    { title: 'DEPLOYED' },
  ];
  const available = out.live ? out.size().columns - 1 : Number.POSITIVE_INFINITY;
  out.write(`${table(columns, rows, available, out.palette.dim).join('\n')}\n`);
  return exitCodes.ok;
}
