/**
 * The command tree: what can be typed, and its help. No command's work is loaded before it runs.
 */
import { Command, Option } from 'commander';
import { addApprovalCommands } from './approval-commands.ts';
import type { GraphOptions } from './commands/graph.ts';
import type { CommandContext } from './context.ts';
import { addDeployCommands } from './deploy-commands.ts';
import { helpText } from './help.ts';
import { addScheduleCommands } from './schedule-commands.ts';
import { addSessionCommands } from './session-commands.ts';
import { overview } from './overview.ts';
import { pages } from './help-pages.ts';
import { addLogCommands } from './log-commands.ts';
import { addNotify } from './notify-commands.ts';
import { addPlugins } from './plugin-commands.ts';
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
  typedTarget,
  wholeNumber,
} from './options.ts';

interface RunOptions extends LocalOptions {
  readonly param?: readonly string[];
  readonly input?: string;
  readonly key?: string;
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

function addRest(program: Command, context: CommandContext, run: Run): void {
  onPlatform(program.command('durations'), context)
    .description("Prints how long a pipeline's jobs took, in seconds, as JSON for its `durations`.")
    .argument('PIPELINE', 'id of the pipeline')
    .addOption(
      new Option('--limit <n>', 'of how many completed sessions, the latest first').argParser(wholeNumber).default(20),
    )
    .action((id: string, options: PlatformOptions & { readonly limit: number }) =>
      run(async () => (await import('./commands/durations.ts')).printDurations(context, id, options)),
    );
  onPlatform(program.command('graph'), context)
    .description(
      'Prints the graph of a pipeline, or of a session with what has become of each job, as Mermaid, SVG or JSON.',
    )
    .argument('FILE|SESSION', 'a pipeline file; or a session: its id, a part of one, or latest')
    .addOption(
      new Option('--format <format>', 'mermaid, svg or json')
        .argParser(oneOf('format', ['mermaid', 'svg', 'json']))
        .default('mermaid'),
    )
    .addOption(
      new Option('--direction <direction>', 'TB, LR, BT or RL')
        .argParser(oneOf('direction', ['TB', 'LR', 'BT', 'RL']))
        .default('TB'),
    )
    .option('--show <job>', 'of a large graph: show this job or group by itself; repeatable', collect)
    .option('--all', 'of a large graph: show every job by itself')
    .action((what: string, options: Omit<GraphOptions, 'typedTarget'>, command: Command) =>
      run(async () =>
        (await import('./commands/graph.ts')).printGraph(context, what, {
          ...options,
          typedTarget: typedTarget(command),
        }),
      ),
    );
  program
    .command('compile')
    .description('Prints the state machine that a pipeline compiles to, in Amazon States Language, as JSON.')
    .argument('FILE', 'a TypeScript or JavaScript file whose default export is a pipeline')
    .action((file: string) => run(async () => (await import('./commands/compile.ts')).printDefinition(context, file)));
  program
    .command('explain')
    .description('Says when each job starts and why, which of them decide how long it takes, and what a run costs.')
    .argument('FILE', 'a TypeScript or JavaScript file whose default export is a pipeline')
    .addOption(jsonOption('print one JSON object'))
    .action((file: string, options: { readonly json?: true }) =>
      run(async () => (await import('./commands/explain.ts')).explainFile(context, file, options)),
    );
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
      nameOf(command) === ''
        ? overview(command, bold)
        : helpText(command, pages[nameOf(command)] ?? { examples: [] }, bold),
  });
  addRun(program, context, run);
  addSessionCommands(program, context, run);
  addScheduleCommands(program, context, run);
  addNotify(program, context, run);
  addApprovalCommands(program, context, run);
  addLogCommands(program, context, run);
  addRest(program, context, run);
  addDeployCommands(program, context, run);
  addPlugins(program, context, run);
  for (const command of [program, ...program.commands, ...program.commands.flatMap((group) => group.commands)]) {
    command.helpCommand(false).helpOption('-h, --help', 'print this page');
  }
  return program;
}
