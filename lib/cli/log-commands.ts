/** The commands below `bunsui logs`. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DownloadOptions } from './commands/logs-download.ts';
import type { TailOptions } from './commands/logs.ts';
import type { CommandContext } from './context.ts';
import type { HelpPage } from './help.ts';
import type { LogOptions } from './log-request.ts';
import { collect, jsonOption, onPlatform, oneOf, type Run } from './options.ts';

const levels = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'];
const formats = ['text', 'jsonl', 'json', 'yaml', 'csv'];
const mostLines = 100_000;

function lineCount(typed: string): number {
  const value = Number(typed);
  if (/^\d{1,6}$/.test(typed) && value >= 1 && value <= mostLines) return value;
  throw new InvalidArgumentError(`a number from 1 to ${mostLines} is allowed`);
}

/** A command that reads a session's log, with the options that say which lines. */
function reading(parent: Command, context: CommandContext, name: string): Command {
  return onPlatform(parent.command(name), context)
    .argument('SESSION', 'the session')
    .option(
      '--job <job>',
      'only this job: its path, or its id for all iterations; of a map all its jobs; repeatable',
      collect,
    )
    .addOption(
      new Option('--level <level>', 'only lines as grave as this, or graver').argParser(oneOf('level', levels)),
    )
    .option('-p, --grep <regex>', 'only lines whose message or field (as name=value) matches')
    .option('--case-sensitive', 'for --grep: capital letters count')
    .option('--since <when>', 'written at or after: 10m or 2h ago, a day, or a moment')
    .option('--until <when>', 'written at or before')
    .addOption(
      new Option('--format <format>', 'text, jsonl (JSON Lines), json, yaml or csv').argParser(
        oneOf('format', formats),
      ),
    );
}

export function addLogCommands(program: Command, context: CommandContext, run: Run): void {
  const logs = program
    .command('logs')
    .description('Prints, follows, searches and counts what the handlers of a session wrote.');
  const tail = reading(logs, context, 'tail')
    .summary('print or follow it (logs SESSION is the same)')
    .description(
      'Prints what the handlers of a session wrote, in the order of time, and with --follow what they write.',
    );
  const filter = reading(logs, context, 'filter')
    .summary('print the lines that fit')
    .description('Prints the lines of a session that fit: by job, level, time, and what they say.');
  for (const command of [tail, filter]) {
    command
      .addOption(new Option('-n, --lines <n>', 'only the last so many lines').argParser(lineCount))
      .option('-f, --follow', 'go on until the session has ended')
      .addOption(jsonOption('the same as --format jsonl'))
      .action((id: string, options: TailOptions) =>
        run(async () => (await import('./commands/logs.ts')).printLogs(context, id, options)),
      );
  }
  reading(logs, context, 'download')
    .summary('write it to a file')
    .description('Writes the log of a session to a new file. Nothing that is there is written over.')
    .option(
      '-o, --output <file>',
      'the file, or a folder for it (default SESSION.jsonl here); its ending tells the format',
    )
    .addOption(jsonOption('print what was written as a JSON line'))
    .action((id: string, options: DownloadOptions) =>
      run(async () => (await import('./commands/logs-download.ts')).downloadLogs(context, id, options)),
    );
  reading(logs, context, 'summary')
    .summary('count lines and errors by job')
    .description('Counts the lines of each job of a session by level, and the errors that were written.')
    .addOption(jsonOption('the same as --format jsonl'))
    .action((id: string, options: LogOptions) =>
      run(async () => (await import('./commands/logs-summary.ts')).summariseLogs(context, id, options)),
    );
}

const sessionNote = 'SESSION is an id, its beginning or end as long as only one session has it, or "latest".';
const sourceNote =
  'While a session runs its lines come from CloudWatch Logs, afterwards from the bucket, where they stay. On this machine both lie in the state folder.';

export const logPages: { readonly [command: string]: HelpPage } = {
  logs: {
    examples: [
      ['bunsui logs latest', 'all that its handlers wrote'],
      ['bunsui logs latest --follow', 'and what they write, to its end'],
      ['bunsui logs filter latest --level ERROR', 'what went wrong'],
      ['bunsui logs summary latest', 'how much each job wrote'],
    ],
    notes: ['bunsui logs SESSION is bunsui logs tail SESSION.', sessionNote, sourceNote],
  },
  'logs tail': {
    examples: [
      ['bunsui logs tail latest -n 50', 'the last 50 lines'],
      ['bunsui logs latest --job load --follow', 'one job, all attempts, live'],
      ['bunsui logs latest --json | jq \'select(.level=="ERROR")\'', 'the records as they are stored'],
    ],
    notes: [sessionNote, sourceNote, 'With --follow Ctrl-C ends the following alone.'],
  },
  'logs filter': {
    examples: [
      ["bunsui logs filter latest --grep 'timed? ?out'", 'a regular expression, in JavaScript, in any case'],
      ['bunsui logs filter latest --job convert --level WARNING --since 2h', 'of one job, lately'],
      ['bunsui logs filter 01k9x2 --grep key=orders/ --format csv > lines.csv', 'for a spreadsheet'],
    ],
    notes: [sessionNote, sourceNote],
  },
  'logs download': {
    examples: [
      ['bunsui logs download latest', 'SESSION.jsonl, here'],
      ['bunsui logs download latest -o errors.csv --level ERROR', 'errors, for a spreadsheet'],
    ],
    notes: [sessionNote, 'Exit codes: 0 written, 2 usage, 5 no such session, 6 there is such a file already.'],
  },
  'logs summary': {
    examples: [
      ['bunsui logs summary latest', 'lines by job and level, and the errors'],
      ['bunsui logs summary latest --format json | jq .errors', 'for a program'],
    ],
    notes: [sessionNote],
  },
};
