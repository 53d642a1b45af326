/**
 * What a deployed platform costs by AWS's price list: a month in which nothing runs, and the books of a thousand jobs
 * beside the state transitions of those jobs. Every line is a formula: a count from the template or a stated figure,
 * times a price (`lib/prices.ts`).
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { price } from '../lib/prices.ts';

const folder = mkdtempSync(join(tmpdir(), 'bunsui-cost-'));
type Resource = { readonly Type: string; readonly Properties?: { readonly [name: string]: unknown } };
function synthesised(): readonly (readonly [id: string, resource: Resource])[] {
  try {
    execFileSync(process.execPath, ['bin/cdk-app.ts'], {
      env: { ...process.env, CDK_OUTDIR: folder },
      stdio: 'ignore',
    });
    const text = readFileSync(join(folder, 'Bunsui.template.json'), 'utf8');
    return Object.entries((JSON.parse(text) as { readonly Resources: { readonly [id: string]: Resource } }).Resources);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const resources = synthesised();
const count = (type: string) => resources.filter(([, { Type }]) => Type === type).length;
/** GiB of the function whose description begins so. */
function memoryGb(part: string): number {
  const found = resources.find(([id, { Type }]) => Type === 'AWS::Lambda::Function' && id.includes(part));
  return Number(found?.[1].Properties?.['MemorySize'] ?? Number.NaN) / 1024;
}

interface Line {
  readonly what: string;
  readonly formula: string;
  readonly usd: number;
}

function print(title: string, lines: readonly Line[]): number {
  const sum = lines.reduce((total, { usd }) => total + usd, 0);
  process.stdout.write(`${title}\n`);
  for (const { what, formula, usd } of lines) {
    process.stdout.write(`  ${what.padEnd(44)}${usd.toFixed(5).padStart(10)}  ${formula}\n`);
  }
  return sum;
}

const minutes = 30 * 24 * 60;
const alarms = count('AWS::CloudWatch::Alarm');
const dashboards = count('AWS::CloudWatch::Dashboard');
const sources = count('AWS::Lambda::EventSourceMapping');
const reconcileGb = memoryGb('Reconcile');
const reconcileSeconds = 0.5;
const reconcileReads = 6;
const reconcileLogKb = 1.2;
// Lambda asks each queue with five long polls of twenty seconds.
const polls = 5 * 3 * minutes;
const idle = print('idle, per month', [
  { what: 'alarms', formula: `${alarms} × ${price.alarmMonth}`, usd: alarms * price.alarmMonth },
  { what: 'dashboard', formula: `${dashboards} × ${price.dashboardMonth}`, usd: dashboards * price.dashboardMonth },
  {
    what: 'reconciler, every minute',
    formula: `${minutes} × (request + ${reconcileSeconds} s × ${reconcileGb} GB)`,
    usd: minutes * (price.lambdaRequest + reconcileSeconds * reconcileGb * price.lambdaGbSecond),
  },
  {
    what: 'its reads',
    formula: `${minutes} × ${reconcileReads} read units`,
    usd: minutes * reconcileReads * price.dynamodbRead,
  },
  {
    what: 'its log',
    formula: `${minutes} × ${reconcileLogKb} KB`,
    usd: ((minutes * reconcileLogKb) / 1e6) * price.logsGb,
  },
  {
    what: 'queues of channels, polled',
    formula: `${sources} × ${polls} polls`,
    usd: sources * polls * price.sqsRequest,
  },
]);
process.stdout.write(`idle: ${idle.toFixed(2)} USD per month (goal 5.00; ${sources} channels)\n\n`);

const jobs = 1_000;
/** Of a session, so that what is paid once for each can be shared out. */
const jobsPerSession = 12;
const sessions = jobs / jobsPerSession;
const eventsPerJob = 5;
const eventKb = 0.7;
const transitions = jobs * price.transition;
const books = print(`books of ${jobs} jobs in sessions of ${jobsPerSession}`, [
  {
    what: 'records: begun, ended, checkpoint',
    formula: `${jobs} × 3 writes of 1 KB`,
    usd: jobs * 3 * price.dynamodbWrite,
  },
  {
    what: 'looks for a checkpoint',
    formula: `${jobs} × 1 consistent read`,
    usd: jobs * price.dynamodbRead,
  },
  {
    what: 'session items, with two indexes',
    formula: `${sessions.toFixed(0)} sessions × 6 writes × 3`,
    usd: sessions * 18 * price.dynamodbWrite,
  },
  {
    what: 'log of events, which the live feed reads',
    formula: `${jobs} × ${eventsPerJob} events × ${eventKb} KB`,
    usd: ((jobs * eventsPerJob * eventKb) / 1e6) * price.logsGb,
  },
  {
    what: 'record-events, a batch for every two jobs',
    formula: `${jobs / 2} × (request + 0.1 s × ${memoryGb('RecordEvents')} GB)`,
    usd: (jobs / 2) * (price.lambdaRequest + 0.1 * memoryGb('RecordEvents') * price.lambdaGbSecond),
  },
  {
    what: 'session-ended',
    formula: `${sessions.toFixed(0)} × (request + 1 s × ${memoryGb('SessionEnded')} GB)`,
    usd: sessions * (price.lambdaRequest + memoryGb('SessionEnded') * price.lambdaGbSecond),
  },
]);
const archive = jobs * price.s3Put + sessions * price.s3Put;
process.stdout.write(
  `transitions of these jobs: ${transitions.toFixed(5)} USD; books: ${books.toFixed(5)} USD = ${((100 * books) / transitions).toFixed(0)} % of them (goal 25 %)\n`,
);
process.stdout.write(
  // One object for each job, because that is what its key promises; whoever reads one job's log reads one object.
  `archive of their logs and reports: ${archive.toFixed(5)} USD more = ${((100 * archive) / transitions).toFixed(0)} % of them (${jobs} + ${sessions.toFixed(0)} objects in S3 at ${price.s3Put} USD)\n`,
);
