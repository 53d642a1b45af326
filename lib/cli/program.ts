/**
 * The command tree: what can be typed, and its help. No command's work is loaded before it runs.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { sessionStatuses } from '../sessions/status.ts';
import type { CommandContext } from './context.ts';
import { type HelpPage, helpText } from './help.ts';
import { didYouMean } from './suggest.ts';

/** Runs a command's work and keeps its exit code. */
type Run = (work: () => Promise<number>) => Promise<void>;

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

const sessionNote = 'SESSION is an id, its beginning or end as long as only one session has it, or "latest".';
const runNote =
  'Exit codes: 0 completed, 1 failed, 2 usage, 3 invalid definition or input, 5 no such file, 6 key used with another ' +
  'input, 7 runtime failure, 130 and 143 interrupted (the session can be resumed).';

const pages: { readonly [command: string]: HelpPage } = {
  run: {
    examples: [
      ['bunsui run pipelines/flights/pipeline.ts', 'run with the defaults of its input'],
      [
        'bunsui run daily.ts -p date=2026-11-20 -p regions=\'["eu","us"]\'',
        'give input fields; lists and objects as JSON',
      ],
      [
        'bunsui run daily.ts --input day.json --key daily-2026-11-20',
        'input from a file; the same key never starts a second session',
      ],
      ['bunsui run daily.ts --json | jq -r \'select(.type=="job.failed").job\'', 'follow it with a program'],
    ],
    notes: [runNote],
  },
  session: {
    examples: [
      ['bunsui session list', 'what has run'],
      ['bunsui session show latest', 'the newest session, job by job'],
    ],
    notes: [sessionNote],
  },
  'session list': {
    examples: [
      ['bunsui session list --status failed', 'what went wrong lately'],
      ['bunsui session list --pipeline flights --limit 5', 'the last five sessions of a pipeline'],
      ['bunsui session list --json | jq -r .session_id', 'ids for a script'],
    ],
    notes: [
      'A session that no process works on is shown as interrupted; its status is still "running" or "queued". With --json its record ' +
        'has "interrupted": true, and "input" and "output" are JSON values, as in session show.',
    ],
  },
  'session show': {
    examples: [
      ['bunsui session show latest', 'the newest session'],
      ['bunsui session show 01k9x2 --json | jq .jobs', 'its jobs, for a program'],
    ],
    notes: [sessionNote],
  },
  'session resume': {
    examples: [
      ['bunsui session resume', 'go on with the newest session that has not ended'],
      ['bunsui session resume 01k9x2', 'go on with this one'],
    ],
    notes: [
      sessionNote,
      'Completed jobs are not run again. A session that has ended keeps its end.',
      'Exit codes: 0 completed, 1 failed, 2 usage, 5 no such session, 6 it has ended already, 7 runtime failure, ' +
        '130 and 143 interrupted (the session can be resumed).',
    ],
  },
  logs: {
    examples: [
      ['bunsui logs latest', 'all that its handlers wrote'],
      ['bunsui logs latest --job load', 'one job, all attempts'],
      ['bunsui logs latest --json | jq \'select(.level=="ERROR")\'', 'the records as they are stored'],
    ],
    notes: [sessionNote],
  },
  graph: {
    examples: [
      ['bunsui graph pipelines/flights/pipeline.ts > flights.mmd', 'the graph, for a Markdown file or an editor'],
      ['bunsui graph daily.ts --direction LR', 'drawn from left to right'],
    ],
  },
  compile: {
    examples: [
      ['bunsui compile pipelines/flights/pipeline.ts > flights.asl.json', 'the definition that Step Functions runs'],
      ['bunsui compile daily.ts > /dev/null && echo fine', 'check a pipeline file'],
    ],
    notes: ['Exit codes: 0 compiled (warnings on stderr), 3 the file has mistakes, 5 no such file.'],
  },
};

function oneOf(what: string, allowed: readonly string[]) {
  return (typed: string): string => {
    const known = allowed.find((name) => name === typed) ?? allowed.find((name) => name === typed.toUpperCase());
    if (known !== undefined) return known;
    const suggestion = didYouMean(typed, allowed);
    throw new InvalidArgumentError(
      `a ${what} is one of ${allowed.join(', ')}${suggestion === undefined ? '' : `\n${suggestion}`}`,
    );
  };
}

function wholeNumber(typed: string): number {
  const value = Number(typed);
  if (!/^\d{1,4}$/.test(typed) || value < 1 || value > 1000) {
    throw new InvalidArgumentError('a number from 1 to 1000 is allowed');
  }
  return value;
}

const maxKeyCharacters = 1024;

function idempotencyKey(typed: string): string {
  if (typed.length >= 1 && typed.length <= maxKeyCharacters) return typed;
  throw new InvalidArgumentError(`a key has 1 to ${maxKeyCharacters} characters, this one has ${typed.length}`);
}

const collect = (typed: string, before: readonly string[] | undefined) => [...(before ?? []), typed];

const stateDirOption = () =>
  new Option('--state-dir <dir>', 'where sessions, data and logs are kept').default('.bunsui');
const jsonOption = (text: string) => new Option('--json', text);

interface StateOptions {
  readonly stateDir: string;
  readonly json?: true;
}
interface RunOptions extends StateOptions {
  readonly param?: readonly string[];
  readonly input?: string;
  readonly key?: string;
}
interface ListOptions extends StateOptions {
  readonly pipeline?: string;
  readonly status?: string;
  readonly limit: number;
}

function addRun(program: Command, context: CommandContext, run: Run): void {
  program
    .command('run')
    .description('Runs a pipeline on this machine and follows it to its end.')
    .argument('FILE', 'a TypeScript or JavaScript file whose default export is a pipeline')
    .option('-p, --param <key=value>', 'a field of the input, typed by its schema; repeatable', collect)
    .option('--input <file>', 'the input as a JSON file, or - for stdin; -p goes over it')
    .option('--key <key>', 'idempotency key: starts at most one session, follows it if it is there', idempotencyKey)
    .addOption(jsonOption('print events as JSON Lines'))
    .addOption(stateDirOption())
    .action((file: string, options: RunOptions) =>
      run(async () => (await import('./commands/run.ts')).runPipeline(context, file, options)),
    );
}

function addSession(program: Command, context: CommandContext, run: Run): void {
  const session = program.command('session').description('Lists, shows and resumes sessions: the runs of pipelines.');
  session
    .command('list')
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
    .addOption(stateDirOption())
    .action((options: ListOptions) =>
      run(async () => (await import('./commands/session-list.ts')).listSessionsCommand(context, options)),
    );
  session
    .command('show')
    .summary('one session: its jobs, result, report')
    .description('Shows a session: its jobs with attempts and errors, its result, where report and logs lie.')
    .argument('SESSION', 'the session')
    .addOption(jsonOption('print it as one JSON object'))
    .addOption(stateDirOption())
    .action((id: string, options: StateOptions) =>
      run(async () => (await import('./commands/session-show.ts')).showSession(context, id, options)),
    );
  session
    .command('resume')
    .summary('go on with a session that was interrupted')
    .description('Goes on with a session that an interrupted or killed process left unfinished, and follows it.')
    .argument('[SESSION]', 'the session; without it the newest one that has not ended')
    .addOption(jsonOption('print events as JSON Lines'))
    .addOption(stateDirOption())
    .action((id: string | undefined, options: StateOptions) =>
      run(async () => (await import('./commands/session-resume.ts')).resumeSession(context, id, options)),
    );
}

function addRest(program: Command, context: CommandContext, run: Run): void {
  program
    .command('logs')
    .description('Prints what the handlers of a session wrote, job by job in the order of time.')
    .argument('SESSION', 'the session')
    .option('--job <job>', 'only this job: its path, or its id for all iterations; of a map all its jobs')
    .addOption(jsonOption('print the records as JSON Lines'))
    .addOption(stateDirOption())
    .action((id: string, options: StateOptions & { readonly job?: string }) =>
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
