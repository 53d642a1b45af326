/**
 * The command tree: what can be typed, and its help. No command's work is loaded before it runs.
 */
import { Command, Option } from 'commander';
import { sessionStatuses } from '../sessions/status.ts';
import type { CommandContext } from './context.ts';
import { helpText } from './help.ts';
import { pages } from './help-pages.ts';
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

const overview = (bold: (text: string) => string) =>
  [
    'Data pipelines in TypeScript, on this machine and on AWS Step Functions.',
    '',
    bold('Examples'),
    '  bunsui run pipelines/flights/pipeline.ts       run a pipeline and watch it',
    '  bunsui session show latest                     what it did, job by job',
    '  bunsui logs latest --job load                  what one of its jobs wrote',
    '',
    bold('Run'),
    `  ${bold('run')} FILE                   run a pipeline on this machine`,
    `  ${bold('session resume')} [SESSION]   go on with a session that was interrupted`,
    bold('Look'),
    `  ${bold('session list')}               sessions, the latest first`,
    `  ${bold('session show')} SESSION       one session: its jobs, result, report`,
    `  ${bold('logs')} SESSION               what its handlers wrote`,
    bold('Check'),
    `  ${bold('graph')} FILE                 the pipeline's graph, as Mermaid`,
    `  ${bold('compile')} FILE               the state machine, as JSON`,
    '',
    'Options: -h, --help  -V, --version     More: bunsui help COMMAND',
    'Exit codes: 0 ok, 1 pipeline failed, 2 usage, 3 invalid definition or input,',
    '  4 access denied, 5 not found, 6 conflict, 7 runtime failure, 130/143 signals',
    '',
  ].join('\n');

interface RunOptions extends LocalOptions {
  readonly param?: readonly string[];
  readonly input?: string;
  readonly key?: string;
}
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

function addRun(program: Command, context: CommandContext, run: Run): void {
  onThisMachine(program.command('run'))
    .description('Runs a pipeline on this machine and follows it to its end.')
    .argument('FILE', 'a TypeScript or JavaScript file whose default export is a pipeline')
    .option('-p, --param <key=value>', 'a field of the input, typed by its schema; repeatable', collect)
    .option('--input <file>', 'the input as a JSON file, or - for stdin; -p goes over it')
    .option('--key <key>', 'idempotency key: starts at most one session, follows it if it is there', idempotencyKey)
    .addOption(jsonOption('print events as JSON Lines'))
    .action((file: string, options: RunOptions) =>
      run(async () => (await import('./commands/run.ts')).runPipeline(context, file, options)),
    );
}

function addSession(program: Command, context: CommandContext, run: Run): void {
  const session = program.command('session').description('Lists, shows and resumes sessions: the runs of pipelines.');
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
  onThisMachine(session.command('resume'))
    .summary('go on with a session that was interrupted')
    .description('Goes on with a session that an interrupted or killed process left unfinished, and follows it.')
    .argument('[SESSION]', 'the session; without it the newest one that has not ended')
    .addOption(jsonOption('print events as JSON Lines'))
    .action((id: string | undefined, options: LocalOptions) =>
      run(async () => (await import('./commands/session-resume.ts')).resumeSession(context, id, options)),
    );
}

function addRest(program: Command, context: CommandContext, run: Run): void {
  onPlatform(program.command('logs'), context)
    .description('Prints what the handlers of a session wrote, job by job in the order of time.')
    .argument('SESSION', 'the session')
    .option('--job <job>', 'only this job: its path, or its id for all iterations; of a map all its jobs')
    .addOption(jsonOption('print the records as JSON Lines'))
    .action((id: string, options: PlatformOptions & { readonly job?: string }) =>
      run(async () => (await import('./commands/logs.ts')).printLogs(context, id, options)),
    );
  program
    .command('graph')
    .description("Prints a pipeline's graph as Mermaid text.")
    .argument('FILE', 'a TypeScript or JavaScript file whose default export is a pipeline')
    .addOption(
      new Option('--direction <direction>', 'TB, LR, BT or RL')
        .argParser(oneOf('direction', ['TB', 'LR', 'BT', 'RL']))
        .default('TB'),
    )
    .action((file: string, options: { readonly direction: 'TB' | 'LR' | 'BT' | 'RL' }) =>
      run(async () => (await import('./commands/graph.ts')).printGraph(context, file, options)),
    );
  program
    .command('compile')
    .description('Prints the state machine that a pipeline compiles to, in Amazon States Language, as JSON.')
    .argument('FILE', 'a TypeScript or JavaScript file whose default export is a pipeline')
    .action((file: string) => run(async () => (await import('./commands/compile.ts')).printDefinition(context, file)));
}

/** Full name below the program: `session list`. */
function nameOf(command: Command): string {
  const names: string[] = [];
  for (let at: Command | null = command; at?.parent; at = at.parent) names.unshift(at.name());
  return names.join(' ');
}

/**
 * The commands. Errors of usage are thrown as commander's own `CommanderError`, its text given to `onUsageError`.
 */
export function buildProgram(
  context: CommandContext,
  version: string,
  run: Run,
  onUsageError: (text: string) => void,
): Command {
  const { out } = context.terminal;
  const program = new Command('bunsui').version(version, '-V, --version', 'print the version');
  program.helpCommand(false);
  program.exitOverride();
  program.configureOutput({
    writeOut: (text) => out.write(text),
    writeErr: () => {},
    outputError: (text) => onUsageError(text),
  });
  const { bold } = out.palette;
  program.configureHelp({
    formatHelp: (command) =>
      nameOf(command) === '' ? overview(bold) : helpText(command, pages[nameOf(command)] ?? { examples: [] }, bold),
  });
  addRun(program, context, run);
  addSession(program, context, run);
  addRest(program, context, run);
  for (const command of [program, ...program.commands, ...program.commands.flatMap((group) => group.commands)]) {
    command.helpCommand(false).helpOption('-h, --help', 'print this page');
  }
  return program;
}
