/** `bunsui approvals list`: what waits for a person, as a table or as records. */
import { listApprovals, type WaitingApproval } from '../../sessions/list-approvals.ts';
import { answerDepsOf } from '../approval-deps.ts';
import type { CommandContext } from '../context.ts';
import { ago, duration } from '../durations.ts';
import { exitCodes } from '../exit-codes.ts';
import { harmlessLine } from '../harmless.ts';
import { jsonLine } from '../json-lines.ts';
import { isUnusedFolder, readFromPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import { commandLine, hintWith } from '../places.ts';
import { openPlatform } from '../platform.ts';
import { table } from '../table.ts';

export async function listApprovalsCommand(context: CommandContext, options: PlatformOptions): Promise<number> {
  const { target } = options;
  // Nothing was ever run here: nothing is made.
  const isNew = target.kind === 'local' && isUnusedFolder(target.stateDir, context.cwd);
  const found = isNew
    ? []
    : await readFromPlatform(
        () => openPlatform(context, target),
        async (platform) => listApprovals(await answerDepsOf(platform)),
      );
  const { out } = context.terminal;
  if (options.json) for (const approval of found) out.write(jsonLine('approval', { ...approval }));
  else out.write(`${pageLines(context, found, options).join('\n')}\n`);
  return exitCodes.ok;
}

function pageLines(
  context: CommandContext,
  found: readonly WaitingApproval[],
  { target }: PlatformOptions,
): readonly string[] {
  const { out } = context.terminal;
  const [first] = found;
  if (first === undefined) return ['nothing waits for a person'];
  const nowMs = Date.now();
  const rows = found.map(({ session_id, job_id, pipeline_id, who, message, asked_at, expires_at }) => [
    session_id,
    job_id,
    pipeline_id,
    who.join(', '),
    ago(nowMs - Date.parse(asked_at)),
    duration(Date.parse(expires_at) - nowMs),
    message,
  ]);
  return [
    ...table(
      [
        { title: 'SESSION', atLeast: 26 },
        { title: 'APPROVAL', atLeast: 12 },
        { title: 'PIPELINE', atLeast: 8 },
        { title: 'WHO', atLeast: 6 },
        { title: 'ASKED', atLeast: 8, paint: out.palette.dim },
        { title: 'LEFT', align: 'right' },
        { title: 'MESSAGE', atLeast: 12 },
      ],
      rows.map((cells) => cells.map(harmlessLine)),
      out.size().columns - 1,
      out.palette.dim,
    ),
    '',
    ...hintWith(
      out,
      'Answer one:',
      commandLine(context, `approve ${first.session_id} ${first.job_id}${fieldsText(first)}`, target),
    ).split('\n'),
  ];
}

/** ` --answer stage=…`: the fields of the form that have to be filled in. */
export function fieldsText({ form }: Pick<WaitingApproval, 'form'>): string {
  const required = Array.isArray(form['required']) ? form['required'] : [];
  const properties = (form['properties'] ?? {}) as { readonly [field: string]: { readonly default?: unknown } };
  return required
    .filter((field) => properties[String(field)]?.default === undefined)
    .map((field) => ` --answer ${field}=…`)
    .join('');
}
