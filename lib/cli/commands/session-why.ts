/** `bunsui session why`: why a job ran, waits, was skipped or failed. */
import { BunsuiError } from '../../errors.ts';
import { nearest } from '../../ir/spelling.ts';
import { readPlan, reusedIn } from '../../sessions/reuse-items.ts';
import { listJobRecords } from '../../sessions/store.ts';
import { type Why, whyJob } from '../../sessions/why.ts';
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
      const clients = await platform.clients();
      const isRerun = item.generation > 1;
      const plan = item.rerun_plan === undefined ? undefined : (await readPlan(clients, item.rerun_plan)).jobs;
      const { checkpoints } = isRerun ? await listJobRecords(clients, item.session_id) : { checkpoints: [] };
      const reused = reusedIn(checkpoints, item.generation);
      const found = whyJob({ artifact, view, job, reused, ...(plan === undefined ? {} : { plan }) });
      if (found !== undefined) return { session: item.session_id, why: found };
      const near = nearest(
        job,
        view.jobs.map((one) => one.job),
      );
      throw new BunsuiError('SessionError', 'BS3006', `session ${item.session_id} has no job "${job.slice(0, 100)}"`, {
        hint: near === undefined ? 'see session show; a job of a map is named convert[0]/one' : `is "${near}" meant?`,
      });
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
