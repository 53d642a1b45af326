/** Examples first, then notes: what each command's page says beyond its options. */
import type { HelpPage } from './help.ts';

const sessionNote = 'SESSION is an id, its beginning or end as long as only one session has it, or "latest".';
const runNote =
  'Exit codes: 0 completed, 1 failed, 2 usage, 3 invalid definition or input, 5 no such file, 6 key used with another ' +
  'input, 7 runtime failure, 130 and 143 interrupted (the session can be resumed).';

export const pages: { readonly [command: string]: HelpPage } = {
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
  'session start': {
    examples: [
      ['bunsui session start flights --platform bunsuidev --wait', 'start one on AWS and watch it'],
      [
        'bunsui session start daily -p date=2026-11-20 --key daily-2026-11-20',
        'the same key never starts a second one',
      ],
    ],
    notes: [
      'On this machine a session runs in a process: in the one that owns the state folder, and if there is none in ' +
        'this one, which then follows it to its end.',
      'Exit codes: 0 started, or with --wait completed; 1 failed, 2 usage, 3 the input does not fit, 4 access denied, ' +
        '5 no such platform or pipeline, 6 key used with another input, 7 runtime failure.',
    ],
  },
  'session watch': {
    examples: [
      ['bunsui session watch latest --platform bunsuidev', 'the newest session of a platform on AWS'],
      ['bunsui session watch 01k9x2 --json | jq -r \'select(.type=="job.failed").job\'', 'follow it with a program'],
    ],
    notes: [
      sessionNote,
      'On AWS a session goes on when nobody watches: Ctrl-C ends the watching alone. Exit codes are those of run.',
    ],
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
