/** `bunsui session show`: one session as a page, or as one JSON object. */
import type { SessionItem } from '../../sessions/items.ts';
import type { SessionView } from '../../sessions/view.ts';
import type { CommandContext } from '../context.ts';
import { ago, localTime } from '../durations.ts';
import { exitCodes } from '../exit-codes.ts';
import { artifactOf, openForSession, sessionNamed, viewNow } from '../find-session.ts';
import { harmlessLine } from '../harmless.ts';
import { jsonLine } from '../json-lines.ts';
import { commandLine, placesOf, type SessionPlaces } from '../places.ts';
import { failureLines, jobTable, outcomeLines, resultLines } from '../session-page.ts';
import { whereLines } from '../summary.ts';
import { layoutValue } from '../values.ts';

export interface ShowOptions {
  readonly stateDir: string;
  readonly json?: true;
}

interface Shown {
  readonly item: SessionItem;
  readonly view: SessionView;
  readonly driven: boolean;
  readonly places: SessionPlaces;
}

export async function showSession(context: CommandContext, name: string, options: ShowOptions): Promise<number> {
  const platform = await openForSession(context, options.stateDir);
  let shown: Shown;
  try {
    const item = await sessionNamed(platform, name);
    const { view, driven } = await viewNow(platform, item, await artifactOf(platform, item));
    const at = { session: item.session_id, createdAt: item.created_at };
    shown = { item, view, driven, places: placesOf(platform.runtime.stateDir, platform.names, at) };
  } finally {
    await platform.close();
  }
  const { out } = context.terminal;
  if (options.json) out.write(jsonLine('session', { ...shown.item, ...liveFields(shown) }));
  else out.write(`${pageLines(context, shown, options.stateDir).join('\n')}\n`);
  return exitCodes.ok;
}

/** The record with parsed input and output, the jobs, and the places, in the record's kind of names. */
function liveFields({ item, view, driven, places }: Shown): { readonly [field: string]: unknown } {
  return {
    status: view.endedAt === undefined ? item.status : view.status,
    interrupted: !driven && view.endedAt === undefined,
    input: view.input,
    ...(view.output === undefined ? {} : { output: view.output }),
    jobs: view.jobs,
    report: places.report,
    logs: places.logs,
  };
}

function pageLines(context: CommandContext, shown: Shown, stateDir: string): readonly string[] {
  const { item, view, driven, places } = shown;
  const { out, unicode } = context.terminal;
  const { bold, dim } = out.palette;
  const nowMs = Date.now();
  const options = { output: out, unicode, cwd: context.cwd, nowMs };
  const facts = { session: item.session_id, pipeline: item.pipeline_id, version: item.pipeline_version, view };
  const started = `${localTime(item.created_at)} (${ago(nowMs - Date.parse(item.created_at))})`;
  const by = [item.trigger.kind, item.trigger.detail, item.user_name].filter((part) => part !== undefined).join(', ');
  const failures = view.error === undefined ? [] : failureLines(view, () => [], options);
  const result = resultLines(view, options);
  const input = layoutValue(view.input, { columns: out.size().columns - 3, palette: out.palette });
  const interrupted = view.endedAt === undefined && !driven;
  return [
    ...outcomeLines(facts, options),
    dim(harmlessLine(`version ${item.pipeline_version}, started ${started} by ${by}`)),
    ...(interrupted
      ? [
          '',
          `No process works on it. Go on with it: ${commandLine(context, `session resume ${item.session_id}`, stateDir)}`,
        ]
      : []),
    ...(failures.length === 0 ? [] : ['', ...failures]),
    '',
    ...jobTable(view, options),
    ...(input.length === 0 ? [] : ['', bold('Input'), ...input.map((line) => `  ${line}`)]),
    ...(result.length === 0 ? [] : ['', ...result]),
    '',
    ...whereLines(context, { ...facts, places, stateDir, logsOf: () => [] }, options),
  ];
}
