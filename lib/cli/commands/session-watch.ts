/** `bunsui session watch`: follows a session that runs, on this machine or on AWS. */
import { BunsuiError } from '../../errors.ts';
import { isTerminal } from '../../sessions/status.ts';
import { attended, attendToEnd } from '../attended-run.ts';
import type { CommandContext } from '../context.ts';
import { artifactOf, openForSession, sessionNamed, viewNow } from '../find-session.ts';
import { hearEndRecords } from '../late-records.ts';
import type { PlatformOptions } from '../options.ts';
import { commandLine } from '../places.ts';
import { openPlatform } from '../platform.ts';

export async function watchCommand(context: CommandContext, name: string, options: PlatformOptions): Promise<number> {
  const { target } = options;
  if (target.kind === 'aws') {
    const [{ watchOnAws }, platform] = await Promise.all([import('../watch-on-aws.ts'), openPlatform(context, target)]);
    const { session_id: session } = await sessionNamed(platform, name);
    return watchOnAws(context, { ...options, target }, platform, { session, origin: 'existing' });
  }
  return attended(context, { ...options, target }, async (run) => {
    const ends = hearEndRecords(run.progress.note);
    const platform = await openForSession(context, target, ends.log);
    const attendance = { platform, ends, stateDir: target.stateDir, cwd: context.cwd };
    run.attendance = attendance;
    const item = await sessionNamed(platform, name);
    const artifact = await artifactOf(platform, item);
    const { interrupted } = await viewNow(platform, item, artifact);
    if (item.execution_arn === undefined || (interrupted && !isTerminal(item.status))) {
      throw new BunsuiError('SessionError', 'BS3005', `no process works on session ${item.session_id}`, {
        hint: `go on with it: ${commandLine(context, `session resume ${item.session_id}`, target)}`,
      });
    }
    const session = {
      session: item.session_id,
      createdAt: item.created_at,
      executionArn: item.execution_arn,
      pipeline: item.pipeline_id,
      version: item.pipeline_version,
      origin: 'existing' as const,
    };
    return attendToEnd(context, { ...options, target }, run, attendance, session, artifact);
  });
}
