/** The commands below `bunsui session`. */
import { type Command, Option } from 'commander';
import { sessionStatuses } from '../sessions/status.ts';
import type { CommandContext } from './context.ts';
import {
  collect,
  idempotencyKey,
  jsonOption,
  type LocalOptions,
  onPlatform,
  onThisMachine,
  oneOf,
  type PlatformOptions,
  type Run,
  wholeNumber,
} from './options.ts';

interface StartOptions extends PlatformOptions {
  readonly param?: readonly string[];
  readonly input?: string;
  readonly key?: string;
  readonly wait?: true;
}
interface ListOptions extends PlatformOptions {
  readonly pipeline?: string;
  readonly status?: string;
  readonly limit: number;
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
    .addOption(new Option('--limit <n>', 'how many, at most').argParser(wholeNumber).default(20))
    .addOption(jsonOption('print the records as JSON Lines'))
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
    .description('Runs a session again from where it failed: by redrive where Step Functions can, else from the start.')
    .argument('SESSION', 'the session')
    .option('--plan', 'only say what would run, and what would be kept')
    .option('--wait', 'follow it to its end')
    .addOption(jsonOption('print events as JSON Lines'))
    .action((id: string, options: PlatformOptions & { readonly plan?: true; readonly wait?: true }) =>
      run(async () => (await import('./commands/session-rerun.ts')).rerunCommand(context, id, options)),
    );
  onThisMachine(session.command('resume'))
    .summary('go on with a session that was interrupted')
    .description('Goes on with a session that an interrupted or killed process left unfinished, and follows it.')
    .argument('[SESSION]', 'the session; without it the newest one that has not ended')
    .addOption(jsonOption('print events as JSON Lines'))
    .action((id: string | undefined, options: LocalOptions) =>
      run(async () => (await import('./commands/session-resume.ts')).resumeSession(context, id, options)),
    );
}
