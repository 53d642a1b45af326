/** `bunsui session why`: why a job ran, waits, was skipped or failed. */
import { askWhy } from '../../sessions/ask-why.ts';
import type { Why } from '../../sessions/why.ts';
import type { CommandContext } from '../context.ts';
import { localTime } from '../durations.ts';
import { exitCodes } from '../exit-codes.ts';
import { artifactOf, openForSession, sessionNamed, viewNow } from '../find-session.ts';
import { harmlessLine } from '../harmless.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import { readFromPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import { paintOf, symbolOf } from '../screen/symbols.ts';

export async function whyCommand(
  context: CommandContext,
  name: string,
  job: string,
  options: PlatformOptions,
): Promise<number> {
  const { session, why } = await readFromPlatform(
    () => openForSession(context, options.target),
    async (platform) => {
      const item = await sessionNamed(platform, name);
      const artifact = await artifactOf(platform, item);
      const { view } = await viewNow(platform, item, artifact);
      return { session: item.session_id, why: await askWhy(await platform.clients(), { item, artifact, view }, job) };
    },
  );
  const { out } = context.terminal;
  if (options.json) {
    const before = why.before.map(({ ended_at: at, ...one }) => ({ ...one, ...(at && { ended_at: isoTime(at) }) }));
    out.write(jsonLine('job.why', { session, ...why, before }));
  } else out.write(`${whyLines(context, why).join('\n')}\n`);
  return exitCodes.ok;
}

function whyLines({ terminal: { out, unicode } }: CommandContext, { job, status, reasons, before }: Why) {
  const { bold, dim } = out.palette;
  const word = paintOf(status, out.palette)(`${symbolOf(status, unicode)} ${status}`);
  return [
    `${word}  ${bold(job)}`,
    ...reasons.map((reason) => `  ${harmlessLine(reason)}`),
    ...(before.length === 0 ? [] : ['', dim('before it')]),
    ...before.map(({ id, status: own, ended_at: at }) => {
      const when = at === undefined ? '' : dim(`  ended ${localTime(isoTime(at))}`);
      return `  ${paintOf(own, out.palette)(`${symbolOf(own, unicode)} ${own}`)}  ${id}${when}`;
    }),
  ];
}
