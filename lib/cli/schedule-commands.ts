/** `bunsui schedule`: its commands and their help. */
import { type Command, Option } from 'commander';
import type { CommandContext } from './context.ts';
import type { HelpPage } from './help.ts';
import {
  jsonOption,
  type LocalOptions,
  onPlatform,
  onThisMachine,
  type PlatformOptions,
  type Run,
  wholeNumber,
} from './options.ts';

const idNote = 'SCHEDULE is pipeline.schedule as the list shows it, or the pipeline where it has one only.';

export const schedulePages: { readonly [command: string]: HelpPage } = {
  schedule: {
    examples: [
      ['bunsui schedule start daily.ts', 'fire its schedules on this machine, until Ctrl-C'],
      ['bunsui schedule list --platform bunsui', 'when pipelines start by themselves on AWS'],
    ],
  },
  'schedule start': {
    examples: [
      ['bunsui schedule start daily.ts hourly.ts', 'deploy both here, fire and wait'],
      ['bunsui schedule start daily.ts --json | jq -r .session', 'the sessions, for a program'],
    ],
    notes: [
      'Firings that were due while nothing fired them are made up as the schedule says (catchUp: none, last, all). Objects ' +
        'put into local buckets and ends of other pipelines start sessions too.',
    ],
  },
  'schedule list': {
    examples: [
      ['bunsui schedule list', 'the next firings of each schedule, in its zone'],
      ['bunsui schedule list --next 1 --json | jq -r .next[0]', 'for a script'],
    ],
  },
  'schedule enable': { examples: [['bunsui schedule enable daily-etl', 'let it fire again']], notes: [idNote] },
  'schedule disable': {
    examples: [['bunsui schedule disable daily-etl.hourly', 'what was due meanwhile is not made up']],
    notes: [idNote],
  },
  'schedule backfill': {
    examples: [
      ['bunsui schedule backfill daily-etl --from 2026-11-01 --to 2026-11-30', 'a session for each day of November'],
      ['bunsui schedule backfill daily-etl --from 2026-11-01 --to 2026-11-30 --parallel 4', 'four at once'],
    ],
    notes: [
      "Days are those of the schedule's zone, both included; moments (2026-11-01T06:00:00Z) are included and not. What was " +
        'started before for one of the times is not started again: the same command goes on where it was interrupted.',
      'Exit codes: 0 all completed, 1 some did not, 2 usage, 5 no such pipeline or schedule, 130 and 143 interrupted.',
    ],
  },
};

interface BackfillTyped extends PlatformOptions {
  readonly from: string;
  readonly to: string;
  readonly parallel: number;
  readonly schedule?: string;
}

export function addScheduleCommands(program: Command, context: CommandContext, run: Run): void {
  const schedule = program.command('schedule').description('Says when pipelines start by themselves, and makes them.');
  onThisMachine(schedule.command('start'))
    .summary('fire schedules on this machine, until Ctrl-C')
    .description('Deploys pipelines to this machine and stays: fires schedules, hears events, and starts sessions.')
    .argument('FILE...', 'TypeScript or JavaScript files whose default exports are pipelines')
    .addOption(jsonOption('print firings and ends of sessions as JSON Lines'))
    .action((files: readonly string[], options: LocalOptions) =>
      run(async () => (await import('./commands/schedule-start.ts')).startSchedules(context, files, options)),
    );
  onPlatform(schedule.command('list'), context)
    .summary('schedules, and when they are due next')
    .description('Lists schedules and when they are due next, in their time zones.')
    .addOption(new Option('--next <n>', 'due times of each').argParser(wholeNumber).default(3))
    .addOption(jsonOption('print them as JSON Lines'))
    .action((options: PlatformOptions & { readonly next: number }) =>
      run(async () => (await import('./commands/schedule-list.ts')).listSchedules(context, options)),
    );
  for (const [word, enabled] of [
    ['enable', true],
    ['disable', false],
  ] as const) {
    onPlatform(schedule.command(word), context)
      .summary(enabled ? 'let a schedule fire' : 'keep a schedule from firing')
      .description(enabled ? 'Lets a schedule fire.' : 'Keeps a schedule from firing, until it is enabled.')
      .argument('SCHEDULE', 'the schedule')
      .addOption(jsonOption('print what was done as a JSON line'))
      .action((name: string, options: PlatformOptions) =>
        run(async () =>
          (await import('./commands/schedule-enable.ts')).enableSchedule(context, name, enabled, options),
        ),
      );
  }
  onPlatform(schedule.command('backfill'), context)
    .summary('a session for each due time of a span')
    .description('Starts a session for each time in a span at which a schedule was due, and waits for their ends.')
    .argument('PIPELINE', 'its id')
    .requiredOption('--from <day>', "a day of the schedule's zone, or a moment")
    .requiredOption('--to <day>', 'a day, which is included, or a moment, which is not')
    .addOption(new Option('--parallel <n>', 'sessions at once').argParser(wholeNumber).default(1))
    .option('--schedule <id>', 'which of its schedules, if it has several')
    .addOption(jsonOption('print sessions and the summary as JSON Lines'))
    .action((pipeline: string, options: BackfillTyped) =>
      run(async () => (await import('./commands/schedule-backfill.ts')).backfill(context, pipeline, options)),
    );
}
