/** `bunsui logs summary`: how much each job of a session wrote, how grave, and which errors. */
import type { SessionItem } from '../../sessions/items.ts';
import { logLevels } from '../../sessions/log-query.ts';
import { type LogSummary, logSummary } from '../../sessions/log-summary.ts';
import { sessionLines } from '../../sessions/logs.ts';
import type { CommandContext } from '../context.ts';
import { duration } from '../durations.ts';
import { exitCodes } from '../exit-codes.ts';
import { harmlessJson, harmlessLine } from '../harmless.ts';
import { jsonLine } from '../json-lines.ts';
import { csvRow, type LogFormat } from '../log-formats.ts';
import { type LogOptions, queryOf, readLogOf, requireThere } from '../log-request.ts';
import { formatOf } from './logs.ts';
import { type Column, table } from '../table.ts';
import { cut } from '../text-width.ts';
import { yamlDocument } from '../yaml.ts';

/** Errors that a page shows. */
const shownErrors = 10;

export async function summariseLogs(context: CommandContext, name: string, options: LogOptions): Promise<number> {
  const query = queryOf(options, Date.now());
  const { item, summary } = await readLogOf(context, name, options, async (platform, found) => {
    const counts = logSummary();
    for await (const batch of sessionLines(await platform.clients(), found, query, Date.now())) {
      for (const line of batch) counts.add(line);
    }
    const result = counts.result();
    if (result.jobs.length === 0) await requireThere(platform, found, options.job);
    return { item: found, summary: result };
  });
  context.terminal.out.write(texts[formatOf(options)](context, item, summary));
  if (summary.jobs.length === 0) context.terminal.err.write('nothing was written\n');
  return exitCodes.ok;
}

type ToText = (context: CommandContext, item: SessionItem, summary: LogSummary) => string;

/** The whole as one value. */
const recordOf = ({ session_id }: SessionItem, { jobs, errors }: LogSummary) => ({
  session_id,
  lines: jobs.reduce((sum, { lines }) => sum + lines, 0),
  jobs,
  errors,
});

function page({ terminal }: CommandContext, item: SessionItem, { jobs, errors }: LogSummary): string {
  if (jobs.length === 0) return '';
  const { out } = terminal;
  const { dim, red, yellow } = out.palette;
  const available = out.live ? out.size().columns - 1 : Number.POSITIVE_INFINITY;
  const levels = logLevels.filter((level) => level !== 'CRITICAL' || jobs.some((job) => job.levels.CRITICAL > 0));
  const paints: { readonly [level: string]: (text: string) => string } = { WARNING: yellow, ERROR: red, CRITICAL: red };
  const columns: readonly Column[] = [
    { title: 'JOB' },
    { title: 'LINES', align: 'right' },
    ...levels.map((level): Column => {
      const paint = paints[level];
      return {
        title: level,
        align: 'right',
        ...(paint === undefined ? {} : { paint: (cell) => (cell.trim() === '' ? cell : paint(cell)) }),
      };
    }),
    { title: 'ATTEMPTS', align: 'right' },
    { title: 'OVER', align: 'right' },
  ];
  const rows = jobs.map((job) => [
    harmlessLine(job.job_id),
    String(job.lines),
    ...levels.map((level) => (job.levels[level] === 0 ? '' : String(job.levels[level]))),
    String(job.attempts),
    duration(Date.parse(job.last_at) - Date.parse(job.first_at)),
  ]);
  const count = jobs.reduce((sum, { lines }) => sum + lines, 0);
  const told = errors
    .slice(0, shownErrors)
    .flatMap(({ count: times, message, jobs: of }) => [
      cut(`  ${red(`${times}×`)}  ${harmlessLine(message.split('\n')[0] ?? '')}`, available),
      dim(cut(`      ${harmlessLine(of.join(', '))}`, available)),
    ]);
  const more = errors.length > shownErrors ? [dim(`  and ${errors.length - shownErrors} others`)] : [];
  return [
    `${count} ${count === 1 ? 'line' : 'lines'} of ${jobs.length} ${jobs.length === 1 ? 'job' : 'jobs'}  ${item.session_id}`,
    '',
    ...table(columns, rows, available, dim),
    ...(told.length === 0 ? [] : ['', 'Errors', ...told, ...more]),
    '',
  ].join('\n');
}

const csvColumns = ['job_id', 'operation_id', 'lines', ...logLevels, 'attempts', 'first_at', 'last_at'];

const texts: { readonly [format in LogFormat]: ToText } = {
  text: page,
  jsonl: (_, { session_id }, { jobs, errors }) =>
    harmlessLines([
      ...jobs.map((job) => jsonLine('logs.job', { session_id, ...job })),
      ...errors.map((error) => jsonLine('logs.error', { session_id, ...error })),
    ]),
  json: (_, item, summary) => `${harmlessJson(JSON.stringify(recordOf(item, summary)))}\n`,
  yaml: (_, item, summary) => yamlDocument(recordOf(item, summary)),
  csv: (_, _item, { jobs }) =>
    [
      `${csvColumns.join(',')}\r\n`,
      ...jobs.map((job) =>
        csvRow([
          job.job_id,
          job.operation_id,
          job.lines,
          ...logLevels.map((level) => job.levels[level]),
          job.attempts,
          job.first_at,
          job.last_at,
        ]),
      ),
    ].join(''),
};

/** Line feeds stand at the ends alone. */
const harmlessLines = (lines: readonly string[]) =>
  lines.map((line) => `${harmlessJson(line.slice(0, -1))}\n`).join('');
