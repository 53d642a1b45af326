/** What `bunsui --help` shows: the commands by what they are for, on 80 columns and 24 lines. */
import type { Command } from 'commander';

type Line = readonly [term: string, text: string];

const groups: readonly (readonly [title: string, lines: readonly Line[]])[] = [
  [
    'Run',
    [
      ['run FILE', 'run a pipeline on this machine'],
      ['session start|rerun|pause|resume|cancel', 'start, again, stop, go on'],
      ['approve SESSION JOB', 'answer what waits for a person'],
    ],
  ],
  [
    'Look',
    [
      ['session list|show|watch|wait|tag|delete', 'sessions, one with jobs, live'],
      ['approvals list', 'what waits for a person'],
      ['logs [tail|filter|download|summary]', 'what its handlers wrote'],
      ['durations PIPELINE', 'how long its jobs took, for "durations"'],
    ],
  ],
  [
    'Check',
    [
      ['graph FILE|SESSION', 'a picture: Mermaid, SVG or JSON'],
      ['compile FILE', 'the state machine, as JSON'],
      ['explain FILE', 'when each job starts, why, and the cost'],
      ['plugin list|add|remove|create', 'kinds of operations and channels'],
    ],
  ],
  [
    'Deploy',
    [
      ['deploy [FILE...]', 'bring pipelines to AWS, after a plan'],
      ['stack list|destroy', 'what is deployed; take it away'],
      ['bootstrap', 'prepare an AWS account, once'],
      ['schedule', 'when pipelines start by themselves'],
      ['notify', 'who is told, and what was not delivered'],
    ],
  ],
];

/** Lists only commands that there are. */
export function overview(program: Command, bold: (text: string) => string): string {
  const names = program.commands.map((command) => command.name());
  const lineOf = (title: string, [term, text]: Line) => {
    const words = term.replace(/[^ ]*[A-Z[].*$/, '').trimEnd();
    const line = `${bold(words)}${term.slice(words.length)}`.padEnd(29 + bold(words).length - words.length);
    return `${bold(title.padEnd(6))}  ${line} ${text}`;
  };
  return [
    'Data pipelines in TypeScript, on this machine and on AWS Step Functions.',
    `${bold('Try')}     bunsui run pipelines/flights/pipeline.ts; bunsui session show latest`,
    '',
    ...groups.flatMap(([title, lines]) =>
      lines
        .filter(([term]) => names.includes(term.split(' ')[0] ?? ''))
        .map((line, index) => lineOf(index === 0 ? title : '', line)),
    ),
    '',
    'Commands about sessions work on AWS with --platform NAME.',
    'Options: -h, --help  -V, --version     More: bunsui help COMMAND',
    'Exit codes: 0 ok, 1 pipeline failed, 2 usage, 3 invalid definition or input,',
    '  4 access denied, 5 not found, 6 conflict, 7 runtime failure, 130/143 signals',
    '',
  ].join('\n');
}
