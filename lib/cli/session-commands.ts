/** The commands below `bunsui session`. */
import { type Command, Option } from 'commander';
import { sessionStatuses } from '../sessions/status.ts';
import type { CommandContext } from './context.ts';
import {
  collect,
  idempotencyKey,
  jsonOption,
  onPlatform,
  oneOf,
  type PlatformOptions,
  type Run,
  wholeNumber,
} from './options.ts';

interface StartOptions extends PlatformOptions {
  readonly param?: readonly string[];
  readonly input?: string;
  readonly key?: string;
  readonly tag?: readonly string[];
  readonly wait?: true;
}
interface RerunOptions extends PlatformOptions {
  readonly plan?: true;
  readonly wait?: true;
  readonly from?: readonly string[];
  readonly only?: readonly string[];
  readonly skip?: readonly string[];
  readonly failed?: true;
  readonly param?: readonly string[];
  readonly version?: 'latest' | 'same';
}
interface ListOptions extends PlatformOptions {
  readonly format?: 'table' | 'json' | 'yaml';
  readonly pipeline?: string;
  readonly status?: string;
  readonly since?: string;
  readonly until?: string;
  readonly tag?: readonly string[];
  readonly error?: string;
  readonly cursor?: string;
  readonly limit: number;
}
interface CheckpointsOptions extends PlatformOptions {
  readonly job?: string;
  readonly prune?: true;
  readonly all?: true;
  readonly set?: string;
  readonly milestone?: string;
}
interface PurgeOptions extends PlatformOptions {
  readonly olderThan: string;
  readonly pipeline?: string;
  readonly status?: string;
  readonly limit: number;
  readonly plan?: true;
  readonly yes?: true;
}

export function addSessionCommands(program: Command, context: CommandContext, run: Run): void {
  const session = program
    .command('session')
    .description('Starts, follows, lists, cancels and reruns sessions: the runs of pipelines.');
  onPlatform(session.command('list'), context)
    .summary('sessions, the latest first')
    .description('Lists sessions, the latest first.')
    .option('--pipeline <id>', 'only sessions of this pipeline')
    .addOption(
      new Option('--status <status>', `only sessions with this status: ${sessionStatuses.join(', ')}`).argParser(
        oneOf('status', sessionStatuses),
      ),
    )
    .option('--since <when>', 'created at or after: 2h or 7d ago, a day, or a moment')
    .option('--until <when>', 'created at or before')
    .option('--tag <key[=value]>', 'only sessions with this tag; repeatable', collect)
    .option('--error <text>', 'only sessions whose error has this in its name or message')
    .addOption(new Option('--limit <n>', 'how many, at most').argParser(wholeNumber).default(20))
    .option('--cursor <cursor>', 'go on behind the page that gave it')
    .addOption(
      new Option('--format <format>', 'table, json (JSON Lines) or yaml').argParser(
        oneOf('format', ['table', 'json', 'yaml']),
      ),
    )
    .addOption(jsonOption('the same as --format json'))
    .action((options: ListOptions) =>
      run(async () => (await import('./commands/session-list.ts')).listSessionsCommand(context, options)),
    );
  onPlatform(session.command('show'), context)
    .summary('one session: its jobs, result, report')
    .description('Shows a session: its jobs with attempts and errors, its result, where report and logs lie.')
    .argument('SESSION', 'the session')
    .addOption(jsonOption('print it as one JSON object'))
    .action((id: string, options: PlatformOptions) =>
      run(async () => (await import('./commands/session-show.ts')).showSession(context, id, options)),
    );
  onPlatform(session.command('start'), context)
    .summary('start a session of a deployed pipeline')
    .description('Starts a session of a pipeline that is deployed already, on a platform or by an earlier run.')
    .argument('PIPELINE', 'its id')
    .option('-p, --param <key=value>', 'a field of the input, typed by its schema; repeatable', collect)
    .option('--input <file>', 'the input as a JSON file, or - for stdin; -p goes over it')
    .option('--key <key>', 'idempotency key: starts at most one session', idempotencyKey)
    .option('--tag <key=value>', 'a tag, to find it again; repeatable', collect)
    .option('--wait', 'follow it to its end')
    .addOption(jsonOption('print events as JSON Lines'))
    .action((pipeline: string, options: StartOptions) =>
      run(async () => (await import('./commands/session-start.ts')).startCommand(context, pipeline, options)),
    );
  onPlatform(session.command('watch'), context)
    .summary('follow a session to its end')
    .description('Follows a session that runs to its end.')
    .argument('SESSION', 'the session')
    .addOption(jsonOption('print events as JSON Lines'))
    .action((id: string, options: PlatformOptions) =>
      run(async () => (await import('./commands/session-watch.ts')).watchCommand(context, id, options)),
    );
  onPlatform(session.command('cancel'), context)
    .summary('stop a session that waits or runs')
    .description('Cancels a session that has not ended: what runs of it is stopped.')
    .argument('SESSION', 'the session')
    .option('--reason <text>', 'why, for its record')
    .addOption(jsonOption('print what was done as a JSON line'))
    .action((id: string, options: PlatformOptions & { readonly reason?: string }) =>
      run(async () => (await import('./commands/session-cancel.ts')).cancelCommand(context, id, options)),
    );
  onPlatform(session.command('rerun'), context)
    .summary('go on from where a session failed')
    .description('Runs again what failed or has changed: by redrive where Step Functions can, else as a new execution.')
    .argument('SESSION', 'the session')
    .option('--from <job>', 'run this job and all that comes after it; repeatable', collect)
    .option('--only <job>', 'run this job and no others; repeatable', collect)
    .option('--skip <job>', 'do not run this job; repeatable', collect)
    .option('--failed', 'run only what has no result, whatever has changed')
    .option('-p, --param <key=value>', 'a field of the input that is to be another; repeatable', collect)
    .addOption(
      new Option('--version <version>', 'the version to run: latest, or same as before').argParser(
        oneOf('version', ['latest', 'same']),
      ),
    )
    .option('--plan', 'only say what would run, what would be reused, and why')
    .option('--wait', 'follow it to its end')
    .addOption(jsonOption('print events as JSON Lines'))
    .action((id: string, options: RerunOptions) =>
      run(async () => (await import('./commands/session-rerun.ts')).rerunCommand(context, id, options)),
    );
  onPlatform(session.command('wait'), context)
    .summary('wait for the end of a session')
    .description('Waits until a session has ended, and says how: for scripts.')
    .argument('SESSION', 'the session')
    .option('--timeout <time>', 'at most so long: 90s, 15m, 2h')
    .addOption(jsonOption('print its end as a JSON line'))
    .action((id: string, options: PlatformOptions & { readonly timeout?: string }) =>
      run(async () => (await import('./commands/session-wait.ts')).waitCommand(context, id, options)),
    );
  onPlatform(session.command('tag'), context)
    .summary('set, take away or print tags of a session')
    .description('Sets tags of a session, or takes them away. Without any it prints those that it has.')
    .argument('SESSION', 'the session')
    .argument('[key=value...]', 'tags to set')
    .option('--remove <key>', 'a tag to take away; repeatable', collect)
    .addOption(jsonOption('print all its tags as a JSON line'))
    .action((id: string, tags: readonly string[], options: PlatformOptions & { readonly remove?: readonly string[] }) =>
      run(async () => (await import('./commands/session-tag.ts')).tagCommand(context, id, tags, options)),
    );
  onPlatform(session.command('delete'), context)
    .summary('delete sessions that have ended')
    .description('Deletes sessions that have ended, with records, logs and reports.')
    .argument('SESSION...', 'the sessions')
    .option('--yes', 'do not ask')
    .addOption(jsonOption('print what was deleted as JSON Lines'))
    .action((ids: readonly string[], options: PlatformOptions & { readonly yes?: true }) =>
      run(async () => (await import('./commands/session-delete.ts')).deleteCommand(context, ids, options)),
    );
  onPlatform(session.command('purge'), context)
    .summary('delete old sessions')
    .description('Deletes sessions that have ended and are older than some time, with records, logs and reports.')
    .requiredOption('--older-than <when>', 'created before: 90d ago, a day, or a moment')
    .option('--pipeline <id>', 'only sessions of this pipeline')
    .addOption(
      new Option('--status <status>', 'only sessions that have ended so').argParser(oneOf('status', sessionStatuses)),
    )
    .addOption(new Option('--limit <n>', 'how many, at most').argParser(wholeNumber).default(1000))
    .option('--plan', 'only say which')
    .option('--yes', 'do not ask')
    .addOption(jsonOption('print what was deleted as JSON Lines'))
    .action((options: PurgeOptions) =>
      run(async () => (await import('./commands/session-delete.ts')).purgeCommand(context, options)),
    );
  onPlatform(session.command('why'), context)
    .summary('why a job ran, waits, was skipped or failed')
    .description('Tells from the record why a job ran, waits, was skipped or failed.')
    .argument('SESSION', 'the session')
    .argument('JOB', 'path of the job: load, convert[0]/one')
    .addOption(jsonOption('print it as a JSON line'))
    .action((id: string, job: string, options: PlatformOptions) =>
      run(async () => (await import('./commands/session-why.ts')).whyCommand(context, id, job, options)),
    );
  onPlatform(session.command('diff'), context)
    .summary('what is different between two sessions')
    .description('Compares two sessions: versions, inputs, outputs, and how their jobs went.')
    .argument('A', 'a session')
    .argument('B', 'another one')
    .addOption(jsonOption('print it as a JSON line'))
    .action((a: string, b: string, options: PlatformOptions) =>
      run(async () => (await import('./commands/session-diff.ts')).diffCommand(context, [a, b], options)),
    );
  onPlatform(session.command('checkpoints'), context)
    .summary('what is kept of the jobs of a session')
    .description('Lists results of jobs and what handlers have kept, prints them, or takes them away.')
    .argument('SESSION', 'the session')
    .option('--job <job>', 'only this job, by its path; prints its values')
    .option('--prune', 'delete what no rerun needs')
    .option('--all', 'with --prune: everything, so that a rerun computes it anew')
    .option('--set <json>', 'with --job: keep this value for the next try of the job')
    .option('--milestone <name>', 'with --set: keep it under this name')
    .addOption(jsonOption('print them as JSON Lines, with their values'))
    .action((id: string, options: CheckpointsOptions) =>
      run(async () => (await import('./commands/session-checkpoints.ts')).checkpointsCommand(context, id, options)),
    );
  onPlatform(session.command('pause'), context)
    .summary('stop a session for a time')
    .description('Pauses a session: no job starts any more, and those that run finish.')
    .argument('SESSION', 'the session')
    .option('--now', 'do not wait for jobs that run')
    .option('--reason <text>', 'why, for its record')
    .option('--wait', 'on AWS: wait until it is paused')
    .addOption(jsonOption('print what was done as a JSON line'))
    .action(
      (
        id: string,
        options: PlatformOptions & { readonly now?: true; readonly reason?: string; readonly wait?: true },
      ) => run(async () => (await import('./commands/session-pause.ts')).pauseCommand(context, id, options)),
    );
  onPlatform(session.command('resume'), context)
    .summary('go on with a session that is paused or was interrupted')
    .description('Goes on with a session that is paused, or that an interrupted or killed process left unfinished.')
    .argument('[SESSION]', 'the session; without it the newest one that has not ended')
    .option('--wait', 'follow it to its end')
    .addOption(jsonOption('print events as JSON Lines'))
    .action((id: string | undefined, options: PlatformOptions & { readonly wait?: true }) =>
      run(async () => (await import('./commands/session-resume.ts')).resumeCommand(context, id, options)),
    );
}
