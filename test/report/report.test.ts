import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { renderReport } from '../../lib/report/report.ts';
import { script, scriptHash } from '../../lib/report/script.ts';
import { style, styleHash } from '../../lib/report/style.ts';
import type { ReportData } from '../../lib/sessions/report-data.ts';
import type { JobStatus } from '../../lib/sessions/status.ts';
import type { JobView } from '../../lib/sessions/view.ts';
import { branch, job, literal, map, pipeline, ref } from '../graph/sample.ts';
import { harmless, withPrefix } from './hostile.ts';
import { payloads } from './payloads.ts';
import {
  began,
  failed,
  flights,
  jobView,
  largeMap,
  logOf,
  manyJobs,
  reportData,
  running,
  succeeded,
} from './samples.ts';

/** The words of a part of the page, tags taken out. */
function textOf(page: string, from: string, to: string): string {
  const start = page.indexOf(from);
  return page
    .slice(start, page.indexOf(to, start))
    .replaceAll(/<style>.*?<\/style>/gs, '')
    .replaceAll(/<[^>]*>/g, '\n')
    .replaceAll('&#34;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&gt;', '>')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('\n');
}

/** The page without its style and its script, which are the same for all. */
const dataOf = (page: string) => page.slice(page.indexOf('<body>'), page.lastIndexOf('<script>'));

const embedded = (page: string): unknown =>
  JSON.parse(/<script type="application\/json" id="bunsui-report">(.*?)<\/script>/s.exec(page)?.[1] ?? '');

describe('renderReport', () => {
  test('allows by its policy exactly its own script and style, and refers to nothing outside', () => {
    const hash = (text: string) => `sha256-${createHash('sha256').update(text).digest('base64')}`;
    expect({ scriptHash, styleHash }).toStrictEqual({ scriptHash: hash(script), styleHash: hash(style) });
    const page = renderReport(succeeded);
    expect(page).toContain(
      `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src '${scriptHash}'; style-src '${styleHash}'; base-uri 'none'; form-action 'none'">`,
    );
    expect(page.match(/ (?:href|src|style|on\w+)="(?!#)[^"]*"/g)).toBeNull();
    expect(page.match(/<script\b[^>]*>/g)).toStrictEqual([
      '<script type="application/json" id="bunsui-report">',
      '<script>',
    ]);
  });

  test('says first what ran and how it ended', () => {
    expect(textOf(renderReport(succeeded), '<header', '</header>')).toBe(
      [
        ...['Session report', 'flights', 'completed', 'session', '01k9w3v7q2m8t4x6z0b5c1d9ef'],
        'On-time figures per airport from raw flight records, published daily.',
        ...['Duration', '1 m 00 s', 'Started', '2026-11-20 21:00:00 UTC', 'Ended', '2026-11-20 21:01:00 UTC'],
        ...[
          'Trigger',
          'schedule · daily at 06:00 Asia/Tokyo · ann',
          'Version',
          '3f9c1b7a20de',
          'Where',
          'eu-central-1',
        ],
        ...['Jobs', '90 completed', '1 skipped'],
      ].join('\n'),
    );
  });

  test('shows the result for a person: figures, and a list of records as a table', () => {
    expect(textOf(renderReport(succeeded), '<section class="panel" aria-labelledby="h-result"', '</section>')).toBe(
      [
        ...['Result', 'flights', '19,963', 'rejected', '37', 'meanDelayMinutes', '7.42'],
        ...['published', 's3://bunsui-data/published/2026-11-20/delays.json'],
        ...['worst', 'airport', 'city', 'flights', 'meanDelay'],
        ...['EWR', 'Newark', '412', '17.9', 'ORD', 'Chicago', '1,283', '14.1', 'SFO', 'San Francisco', '655', '12.7'],
      ].join('\n'),
    );
  });

  test('says of a failure the job, the error, the attempts, the place, the last lines and what to type', () => {
    expect(textOf(renderReport(failed), '<section class="panel bad"', '</section>')).toBe(
      [
        ...['validate', 'failed', 'SchemaDriftError'],
        ...['column "arr_delay" of flights/2026-11-20.parquet is text, expected a number', 'first bad row: 8812'],
        ...['Thrown at', 'flights/validate.ts:31', 'Job written in', 'flights/pipeline.ts:61'],
        ...['Attempts', '3 attempts', 'Operation', 'validate-operation'],
        ...['Stack trace', 'SchemaDriftError: column "arr_delay" is text'],
        'at validate (/home/ann/etl/pipelines/flights/validate.ts:31:11)',
        'at async run (/home/ann/etl/pipelines/flights/validate.ts:12:3)',
        'Last log lines',
        ...['21:00:02.137', '#1', 'INFO', 'read 20,000 rows'],
        ...[
          '21:00:02.274',
          '#1',
          'INFO',
          'checking 14 columns',
          '21:00:02.411',
          '#1',
          'INFO',
          'row 8812: arr_delay is "n/a"',
        ],
        ...['21:00:02.000', '#3', 'ERROR', 'job failed: SchemaDriftError: column "arr_delay" is text'],
        ...['Look further', 'npx bunsui session show 01k9w3v7q2m8t4x6z0b5c1d9ef'],
        'npx bunsui logs 01k9w3v7q2m8t4x6z0b5c1d9ef --job validate',
      ].join('\n'),
    );
  });

  test('calls a side of a branch taken only when something in it began or was passed by on its own', () => {
    const sides = (yes: JobView, more: JobView, no: JobView) => {
      const ir = pipeline([branch('b', literal(true), [job('y'), job('more')], [job('n')])]);
      const page = renderReport(reportData(ir, 'failed', [yes, more, no]));
      return [...page.matchAll(/<text[^>]*>((?:yes|no)(?: ·[^<]*)?)<\/text>/g)].map((match) => match[1]).toSorted();
    };
    const view = (id: string, status: JobStatus) => jobView(id, { status });
    const never = ['y', 'more', 'n'].map((id) => view(id, 'cancelled'));
    const [y = view('y', 'pending'), more = view('more', 'pending'), n = view('n', 'pending')] = never;
    const begun = jobView('y', { status: 'cancelled', tries: [[0, 1]] });
    expect([
      sides(y, more, n),
      sides(view('y', 'pending'), view('more', 'pending'), view('n', 'pending')),
      sides(begun, more, view('n', 'skipped')),
      sides(view('y', 'skipped'), more, view('n', 'skipped')),
      sides(view('y', 'skipped'), view('more', 'skipped'), jobView('n', { tries: [[0, 1]] })),
    ]).toStrictEqual([
      ['no', 'yes'],
      ['no', 'yes'],
      ['no · not taken', 'yes · taken'],
      ['no · not taken', 'yes · taken'],
      ['no · taken', 'yes · not taken'],
    ]);
  });

  test('leaves Lambda’s words for a failure and the stack in a field out of the log', () => {
    const [line] = logOf('a', ['job failed']).lines;
    const error = { name: 'E', message: 'lost', stack: 'E: lost\n    at /work/a.ts:1:2' };
    const lines = line === undefined ? [] : [{ ...line, error }, ...logOf('a', ['ERROR\tInvoke Error\t{}']).lines];
    const failure = { name: 'E', cause: 'lost' };
    const page = renderReport(
      reportData(
        pipeline([job('a')]),
        'failed',
        [jobView('a', { status: 'failed', tries: [[0, 1]], error: failure })],
        {
          logs: { a: { lines, truncated: false } },
        },
      ),
    );
    expect(textOf(page, '<h3>Log</h3>', '</details>')).toBe(
      ['Log', '21:00:02.000', 'INFO', 'job failed  error=E: lost'].join('\n'),
    );
  });

  test('quotes a path with brackets for the shell', () => {
    expect(textOf(renderReport(largeMap), '<section class="panel bad"', '</section>')).toContain(
      "--job 'by-origin[7]/enrich'",
    );
  });

  test('tells a failure that only the record knows, and one that nobody explained', () => {
    const waiting = [jobView('a')];
    const ir = pipeline([job('a')]);
    const recorded = reportData(ir, 'failed', waiting, {
      session: { error_code: 'BS5001', error_message: 'no such role' },
    });
    expect(textOf(renderReport(recorded), '<section class="panel bad"', '<h3>')).toBe(
      ['The session ended as failed', 'BS5001', 'no such role'].join('\n'),
    );
    const unexplained = reportData(ir, 'failed', [
      jobView('a', { status: 'timeout', tries: [[0, 9]], error: { name: 'States.Timeout', cause: '' } }),
    ]);
    expect(textOf(renderReport(unexplained), '<h2 id="h-failure"', '<dl')).toBe(
      ['a', 'timed out', 'States.Timeout'].join('\n'),
    );
    const gone = reportData(ir, 'failed', waiting, { view: { error: { name: 'E', cause: 'lost', job: 'm[7]/gone' } } });
    expect(textOf(renderReport(gone), '<h2 id="h-failure"', '<dl')).toBe('m[7]/gone failed\nE\nlost');
    const silent = reportData(ir, 'timeout', waiting);
    expect(textOf(renderReport(silent), '<section class="panel bad"', '<h3>')).toBe(
      ['The session timed out', 'Unknown', 'no reason was recorded'].join('\n'),
    );
  });

  test('has a row per job, with what ended sessions never came to as not run', () => {
    const rows = textOf(renderReport(failed), '<table class="jobs">', '</table>');
    expect(rows).toBe(
      [
        ...['Job', 'Status', 'Attempts', 'Began', 'Duration', 'Operation'],
        ...['ingest-flights', 'completed', '1', '+200 ms', '4.7 s', 'ingest-flights-operation'],
        ...['ingest-airports', 'completed', '1', '+400 ms', '1.8 s', 'ingest-airports-operation'],
        ...['ingest-weather', 'completed', '3', '+400 ms', '12 s', 'ingest-weather-operation'],
        ...['validate', 'failed', '3', '+5.0 s', '14 s', 'validate-operation'],
        ...['quarantine', 'tell-owner', 'note-clean', 'split', 'join-airports', 'delays', 'publish'].flatMap((id) => [
          ...[id, 'not run', '–', '–', '–', `${id}-operation`],
        ]),
        ...['by-origin', 'not run', '–', '–', '–', 'map'],
      ].join('\n'),
    );
  });

  test('has in the details of a job its error, attempts, values and log', () => {
    const page = renderReport(failed);
    expect(textOf(page, '<details class="job" id="job-3"', '</details>')).toBe(
      [
        ...['validate', 'failed', '14 s', 'Operation', 'validate-operation', 'Began', '2026-11-20 21:00:05 UTC'],
        ...['Critical path', 'yes', 'Written in', 'flights/pipeline.ts:48', 'Error', 'SchemaDriftError'],
        ...['thrown at', 'flights/validate.ts:31'],
        ...['column "arr_delay" of flights/2026-11-20.parquet is text, expected a number', 'first bad row: 8812'],
        'SchemaDriftError: column "arr_delay" is text',
        'at validate (/home/ann/etl/pipelines/flights/validate.ts:31:11)',
        'at async run (/home/ann/etl/pipelines/flights/validate.ts:12:3)',
        ...['Attempts', '#', 'Status', 'Duration', 'Error'],
        ...['2.7 s', '2.5 s', '2.7 s'].flatMap((took, index) => [
          ...[`${index + 1}`, 'failed', took, 'SchemaDriftError'],
          'column "arr_delay" of flights/2026-11-20.parquet is text, expected a number',
        ]),
        ...['Input', '{', '"key": "flights/2026-11-20.parquet"', '}', 'Log'],
        ...['21:00:02.000', '#1', 'INFO', 'job started', '21:00:02.137', '#1', 'INFO', 'read 20,000 rows'],
        ...[
          '21:00:02.274',
          '#1',
          'INFO',
          'checking 14 columns',
          '21:00:02.411',
          '#1',
          'INFO',
          'row 8812: arr_delay is "n/a"',
        ],
        ...['21:00:02.000', '#3', 'ERROR', 'job failed: SchemaDriftError: column "arr_delay" is text'],
      ].join('\n'),
    );
    expect(textOf(page, '<details class="job" id="job-2"', '</details>')).toContain('Runs if\ninput.withWeather');
  });

  test('says what it leaves out: long values, long logs, many fields and rows', () => {
    const long = { text: 'x'.repeat(20_000) };
    const wide = Object.fromEntries(Array.from({ length: 45 }, (_, index) => [`field${index}`, index]));
    const table = Array.from({ length: 25 }, (_, row) =>
      Object.fromEntries('abcdefghij'.split('').map((name) => [name, row])),
    );
    const lines = Array.from({ length: 400 }, (_, index) => `line ${index}`);
    const data = reportData(pipeline([job('a')]), 'completed', [jobView('a', { tries: [[0, 1]], input: long })], {
      view: { output: { ...wide, table, prose: 'one\ntwo', list: [1, 2] } },
      logs: { a: { ...logOf('a', lines), truncated: true } },
    });
    const page = renderReport(data);
    const result = textOf(page, 'id="h-result"', '</section>');
    expect(result.match(/\d+ more \w+ not shown\./g)).toStrictEqual([
      '5 more rows not shown.',
      '2 more columns not shown.',
      '5 more fields not shown.',
    ]);
    expect(result).toContain('prose\none\ntwo\nlist\n[\n1,\n2\n]');
    const details = textOf(page, '<details class="job" id="job-0"', '</details>');
    expect(details).toContain('the beginning of 19.5 KiB.');
    expect(details).toMatch(/Log\n\d+ earlier lines not shown\n/);
    expect(details).toMatch(/line 399$/);
  });

  test('a result that is no record is shown too, an empty one is not', () => {
    const withOutput = (output: NonNullable<ReportData['view']['output']>) =>
      renderReport(
        reportData(pipeline([job('a')]), 'completed', [jobView('a', { tries: [[0, 1]] })], { view: { output } }),
      );
    expect(textOf(withOutput(12_000), '<h2 id="h-result"', '</section>')).toBe('Result\n12,000');
    expect(withOutput({})).not.toContain('id="h-result"');
  });

  test('while it runs, bars end now and nothing is unknown', () => {
    const page = renderReport(running);
    expect(dataOf(page).match(/NaN|Invalid Date|undefined|Infinity/)).toBeNull();
    expect(textOf(page, '<dl class="facts">', '<dt>Trigger')).toBe(
      [
        'Duration',
        '29 s',
        'so far',
        'Started',
        '2026-11-20 21:00:00 UTC',
        'Ended',
        'not yet; as of',
        '2026-11-20 21:00:29 UTC',
      ].join('\n'),
    );
    expect(/aria-label="by-origin\[15\]\/enrich: running, 2\.1 s".*?<rect ([^>]*)>/.exec(page)?.[1]).toBe(
      'class="b running" x="92.76%" width="7.24%"/',
    );
  });

  test('a session that has not begun has a report', () => {
    const ir = pipeline([job('a'), map('m', ref('a'), [job('b')])]);
    const { started_at: _started, ...session } = reportData(ir, 'queued', []).session;
    const page = renderReport({
      ...reportData(ir, 'queued', []),
      session,
      view: { status: 'queued', input: null, jobs: [] },
    });
    expect(dataOf(page).match(/NaN|Invalid Date|undefined|Infinity|id="h-time"/)).toBeNull();
    expect(textOf(page, '<dl class="facts">', '<dt>Trigger')).toBe(
      ['Duration', '–', 'Started', 'not yet', 'Ended', 'not yet; as of', '2026-11-20 21:01:00 UTC'].join('\n'),
    );
  });

  test('carries its data as JSON', () => {
    const ir = pipeline([job('a')]);
    const error = { name: 'E', cause: 'because <of> this' };
    const view = jobView('a', {
      status: 'failed',
      tries: [[0, 1]],
      error,
      input: { n: 1 },
      output: 'x'.repeat(70_000),
    });
    const data = reportData(ir, 'failed', [view], { view: { error, output: { done: false } } });
    const { input: _input, output: _output, ...item } = data.session;
    expect(embedded(renderReport(data))).toStrictEqual({
      reportVersion: 1,
      session: item,
      input: { date: '2026-11-20' },
      output: { done: false },
      error,
      jobsNotShown: 0,
      jobs: [
        {
          job: 'a',
          status: 'failed',
          operation: 'a-operation',
          startedAt: began,
          endedAt: began + 1000,
          critical: true,
          attempts: [{ number: 1, startedAt: began, endedAt: began + 1000, status: 'failed', error, eventId: 5 }],
          input: { n: 1 },
          output: { omittedBytes: 70_002 },
          error,
        },
      ],
    });
  });

  test.each(payloads.map((payload) => [payload]))('every field may hold %j', (payload) => {
    for (const data of [failed, succeeded]) {
      const tags = (page: string) => page.split('<').length;
      expect(tags(renderReport(withPrefix(data, payload)))).toBe(
        tags(renderReport(withPrefix(data, harmless(payload)))),
      );
    }
  });

  test('stays below 1 MB for 500 jobs with large values, and for far more jobs leaves the least urgent out', () => {
    const bytes = (page: string) => Buffer.byteLength(page);
    const five = renderReport(manyJobs(500, 4_000));
    expect(bytes(five)).toBeLessThanOrEqual(1_000_000);
    expect(textOf(five, '<table class="jobs">', '</section>')).not.toContain('not shown');
    const many = renderReport(manyJobs(1_500, 2_000, '-with-a-name-as-long-as-names-may-be'.repeat(2)));
    expect(bytes(many)).toBeLessThanOrEqual(1_000_000);
    expect(textOf(many, 'id="h-graph"', '</section>')).toContain('stand for several of the 1,500 nodes');
    expect(textOf(many, '<table class="jobs">', '</section>')).toContain('1,200 jobs of 1,500 not shown.');
  });

  test('renders the same twice, whatever the clock says', () => {
    expect(renderReport(running)).toBe(renderReport(running));
    expect(renderReport({ ...succeeded, artifact: { ...succeeded.artifact, pipeline: flights } })).toBe(
      renderReport(succeeded),
    );
  });
});
