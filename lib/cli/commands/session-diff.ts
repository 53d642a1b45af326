/** `bunsui session diff`: what is different between two sessions. */
import { type DiffSide, diffSessions, type JobChange, type ValueChange } from '../../sessions/diff.ts';
import type { CommandContext } from '../context.ts';
import { duration } from '../durations.ts';
import { exitCodes } from '../exit-codes.ts';
import { artifactOf, openForSession, sessionNamed, viewNow } from '../find-session.ts';
import { harmlessLine } from '../harmless.ts';
import { jsonLine } from '../json-lines.ts';
import { type LocalPlatform, readFromPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import type { AwsPlatform } from '../aws-platform.ts';
import { table } from '../table.ts';
import { cut } from '../text-width.ts';

async function sideOf(platform: LocalPlatform | AwsPlatform, name: string): Promise<DiffSide> {
  const item = await sessionNamed(platform, name);
  const { view } = await viewNow(platform, item, await artifactOf(platform, item));
  return { session: item.session_id, pipeline: item.pipeline_id, version: item.pipeline_version, view };
}

export async function diffCommand(
  context: CommandContext,
  names: readonly [a: string, b: string],
  options: PlatformOptions,
): Promise<number> {
  const [a, b] = await readFromPlatform(
    () => openForSession(context, options.target),
    async (platform) => [await sideOf(platform, names[0]), await sideOf(platform, names[1])] as const,
  );
  const diff = diffSessions(a, b);
  const { out } = context.terminal;
  if (options.json) {
    out.write(jsonLine('session.diff', { a: a.session, b: b.session, ...diff }));
    return exitCodes.ok;
  }
  const { palette } = out;
  const width = out.live ? Math.max(16, Math.floor((out.size().columns - 30) / 2)) : Number.POSITIVE_INFINITY;
  const changed = diff.jobs.filter(isOther);
  const parts = [
    ['Session', diff.facts],
    ['Input', diff.input],
    ['Output', diff.output],
  ] as const;
  const lines = parts.flatMap(([title, changes]) =>
    changes.length === 0 ? [] : ['', palette.bold(title), ...changes.map((change) => changeLine(change, width))],
  );
  const cells = diff.jobs.map((job) => [job.job, sideText(job.a), sideText(job.b), noteOf(job)]);
  const jobs = table(
    [{ title: 'JOB', atLeast: 12 }, { title: 'A' }, { title: 'B' }, { title: '' }],
    cells,
    out.live ? out.size().columns - 1 : Number.POSITIVE_INFINITY,
    palette.dim,
  );
  const same = lines.length === 0 && changed.length === 0 ? ['', 'nothing is different but the time they took'] : [];
  out.write(`${[`A ${a.session}`, `B ${b.session}`, ...lines, ...same, '', ...jobs].join('\n')}\n`);
  return exitCodes.ok;
}

const text = (value: unknown) => (value === undefined ? '–' : harmlessLine(JSON.stringify(value)));

function changeLine({ path, a, b }: ValueChange, width: number): string {
  const name = path === '' ? 'value' : harmlessLine(path);
  const [left, right] = path === 'duration_ms' ? [a, b].map((ms) => duration(Number(ms ?? 0))) : [text(a), text(b)];
  return `  ${name}: ${cut(left ?? '', width)} → ${cut(right ?? '', width)}`;
}

const isOther = ({ a, b, other_output }: JobChange) => other_output === true || a?.status !== b?.status;

function sideText(side: JobChange['a']): string {
  if (side === undefined) return '–';
  const took = side.duration_ms === undefined ? '' : ` ${duration(side.duration_ms)}`;
  return `${side.status}${took}${side.attempts > 1 ? `, ${side.attempts} tries` : ''}`;
}

function noteOf({ a, b, other_output }: JobChange): string {
  if (a === undefined || b === undefined) return a === undefined ? 'only in B' : 'only in A';
  return other_output ? 'other output' : '';
}
