/** Examples first, then notes: what each command's page says beyond its options. */
import { approvalPages } from './approval-commands.ts';
import type { HelpPage } from './help.ts';
import { logPages } from './log-commands.ts';
import { notifyPages } from './notify-commands.ts';
import { pluginPages } from './plugin-commands.ts';
import { schedulePages } from './schedule-commands.ts';

const sessionNote = 'SESSION is an id, its beginning or end as long as only one session has it, or "latest".';
const platformNote =
  'On this machine, unless --platform NAME or BUNSUI_PLATFORM names a platform on AWS. Credentials and region are found ' +
  'as the AWS CLI finds them, where --profile and --region do not say.';
const runNote =
  'Exit codes: 0 completed, 1 failed, 2 usage, 3 invalid definition or input, 5 no such file, 6 key used with another ' +
  'input, 7 runtime failure, 130 and 143 interrupted (the session can be resumed).';

export const pages: { readonly [command: string]: HelpPage } = {
  ...approvalPages,
  ...logPages,
  ...notifyPages,
  ...pluginPages,
  ...schedulePages,
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
  durations: {
    examples: [
      ['bunsui durations flights > durations.json', 'for pipeline(…, { mode: "auto", durations })'],
      ['bunsui durations flights --platform bunsuidev', 'of sessions on AWS'],
    ],
    notes: ['The mean of what completed attempts took; of a job in a map, of one item.', platformNote],
  },
  session: {
    examples: [
      ['bunsui session list', 'what has run'],
      ['bunsui session show latest', 'the newest session, job by job'],
      ['bunsui session list --platform bunsuidev', 'what has run on AWS'],
    ],
    notes: [sessionNote, platformNote],
  },
  'session list': {
    examples: [
      ['bunsui session list --status failed', 'what went wrong lately'],
      ['bunsui session list --platform bunsuidev --region eu-west-1', 'on AWS'],
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
  'session cancel': {
    examples: [
      ['bunsui session cancel 01k9x2 --platform bunsuidev', 'stop a session on AWS'],
      ['bunsui session cancel latest --reason "wrong date"', 'with a reason, for its record'],
    ],
    notes: [sessionNote, 'Cancelling a session again changes nothing; one that has ended otherwise ends with 6.'],
  },
  'session rerun': {
    examples: [
      ['bunsui session rerun latest --plan', 'what would run again, what is reused, and why'],
      ['bunsui session rerun 01k9x2 --platform bunsuidev --wait', 'do it, and watch it'],
      ['bunsui session rerun 01k9x2 --from transform', 'this job and all that comes after it'],
      ['bunsui session rerun 01k9x2 -p date=2026-11-21', 'the same session with another input'],
    ],
    notes: [
      sessionNote,
      'A redrive keeps every job that has completed. Where Step Functions cannot redrive an execution, or something ' +
        'has changed, a new execution is started for the same session. It reuses the result of each job whose code, ' +
        'contract and expressions, and whatever it depends on, are what they were. What comes after a job that runs ' +
        'runs "if changed": where it is given the same input again, its result is reused all the same.',
      'On this machine the file of the pipeline is deployed first. --version same runs the version that it ran.',
    ],
  },
  'session why': {
    examples: [
      ['bunsui session why latest transform', 'why it ran, or why not'],
      ["bunsui session why 01k9x2 'convert[0]/one'", 'a job of a map'],
    ],
    notes: [sessionNote],
  },
  'session diff': {
    examples: [['bunsui session diff 01k9x2 latest', 'this one, and the newest']],
    notes: ['A and B: ids, unique parts of ids, or latest.'],
  },
  'session checkpoints': {
    examples: [
      ['bunsui session checkpoints latest', 'all that is kept'],
      ['bunsui session checkpoints latest --job load', 'the result of a job, as JSON'],
      ['bunsui session checkpoints 01k9x2 --prune', 'delete what no rerun needs'],
      ['bunsui session checkpoints latest --job copy --set \'{"next":200}\'', 'keep a value for its next try'],
    ],
    notes: [sessionNote, 'Only what has ended is pruned.'],
  },
  'session pause': {
    examples: [
      ['bunsui session pause latest --reason "source is down"', 'no job starts any more; those that run finish'],
      ['bunsui session pause 01k9x2 --platform bunsuidev --now', 'do not wait for those that run'],
    ],
    notes: [sessionNote, 'Go on with bunsui session resume. It survives restarts and deployments.'],
  },
  'session wait': {
    examples: [['bunsui session wait latest --timeout 15m && echo done', 'in a script']],
    notes: [sessionNote, 'Exit codes: 0 completed, 1 ended otherwise, 6 not ended in time, or interrupted.'],
  },
  'session tag': {
    examples: [
      ['bunsui session tag latest team=data day=mon', 'set two tags'],
      ['bunsui session list --tag team=data', 'find it by one'],
    ],
    notes: [sessionNote],
  },
  'session delete': {
    examples: [['bunsui session delete 01k9x2 01k9x3 --yes', 'two sessions, without being asked']],
    notes: [sessionNote, 'The key of a session stays used up: its firing starts no other one.'],
  },
  'session purge': {
    examples: [
      ['bunsui session purge --older-than 90d --plan', 'which would be deleted'],
      ['bunsui session purge --older-than 30d --status completed --yes', 'in a script'],
    ],
    notes: ['Sessions that have not ended are left alone.'],
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
  deploy: {
    examples: [
      ['bunsui deploy pipelines/flights/pipeline.ts --plan', 'what would change'],
      ['bunsui deploy --stage dev', 'the pipelines of bunsui.json, as stage dev'],
      ['bunsui deploy --stage prod -p removal=retain -p logRetentionDays=90 --yes', 'in a script'],
    ],
    notes: [
      'Needs aws-cdk, aws-cdk-lib and constructs beside bunsui, and an account that is prepared (bunsui bootstrap). ' +
        'The platform is one stack, each pipeline another: a deployment touches only the pipelines that are given.',
      'bunsui.json: {"pipelines": ["etl/*.ts"], "params": {...}, "context": {...}, "channels": {...}, "stages": ' +
        '{"dev": {"profile": "dev", "region": "eu-west-1", "params": {...}}}}; or the same as the default export of ' +
        'bunsui.config.ts. The command line goes over the stage, the stage over the rest.',
      'Parameters: removal (retain, destroy), logRetentionDays, logsDays, reportsDays, logLevel, schedules (on, off), ' +
        'apiRateLimit, apiLogRole (on, off), and env.NAME, a variable of every handler. Handlers of a pipeline may read ' +
        'and write data/{pipeline}/ in the bucket of the platform; for other permissions write a CDK app ' +
        '(bunsui/constructs).',
    ],
  },
  bootstrap: {
    examples: [
      ['bunsui bootstrap --profile dev --region eu-west-1', 'an account and region'],
      ['bunsui bootstrap --stage prod', 'those that bunsui.json names for a stage'],
    ],
  },
  stack: {
    examples: [
      ['bunsui stack list', 'what is deployed'],
      ['bunsui stack destroy bunsuidev-flights', 'take one pipeline away'],
    ],
  },
  'stack list': {
    examples: [
      ['bunsui stack list --profile dev', 'what is deployed there'],
      ['bunsui stack list --json | jq -r .pipeline', 'pipelines, for a script'],
    ],
  },
  'stack destroy': {
    examples: [
      ['bunsui stack destroy bunsuidev-flights', 'one pipeline; its sessions stay on record'],
      ['bunsui stack destroy bunsuidev --yes', 'the platform with all its pipelines, without asking'],
    ],
    notes: ['What a stack retains (tables, bucket, logs, unless removal=destroy was given) is listed and stays.'],
  },
  graph: {
    examples: [
      ['bunsui graph pipelines/flights/pipeline.ts > flights.mmd', 'the graph, for a Markdown file or an editor'],
      ['bunsui graph daily.ts --format svg --direction LR > daily.svg', 'a picture, drawn from left to right'],
      ['bunsui graph latest --format svg > now.svg', 'the newest session, with what has become of each job'],
      ['bunsui graph 01k9x2 --platform bunsuidev', 'a session on AWS'],
      ["bunsui graph latest --format json | jq -r '.nodes[] | [.id, .status] | @tsv'", 'for a program'],
    ],
    notes: [
      'In a graph of more than 100 nodes those that belong together stand in one box, except where something failed or ' +
        'waits for a person. JSON has always all of them.',
      sessionNote,
      platformNote,
    ],
  },
  explain: {
    examples: [
      ['bunsui explain pipelines/flights/pipeline.ts', 'when each job starts and why; * marks the longest path'],
      ['bunsui explain daily.ts --json | jq .transitions', 'how many states a run enters, for a program'],
      [
        "bunsui explain daily.ts --json | jq -r '.nodes[] | [.id, .fingerprint] | @tsv'",
        'what the result of each job depends on',
      ],
    ],
    notes: [
      'Numbers are of a run that succeeds without retries. Money is that of state transitions by list prices of us-east-1.',
      'Exit codes: 0 explained, 3 the file has mistakes, 5 no such file.',
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
