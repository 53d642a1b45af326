/** Sessions to render: one that ended well after a retry, one that failed, one still running, a large map, 300 jobs. */
import type { PipelineIr } from '../../lib/ir/nodes.ts';
import type { JobLog, LogLine, ReportData } from '../../lib/sessions/report-data.ts';
import type { JobStatus, SessionStatus } from '../../lib/sessions/status.ts';
import type { AttemptView, FailureView, JobView, SessionView } from '../../lib/sessions/view.ts';
import { branch, job, literal, map, pipeline, ref } from '../graph/sample.ts';

export const began = Date.parse('2026-11-20T21:00:00.000Z');
const source = { file: '/home/ann/etl/pipelines/flights/pipeline.ts', line: 42, column: 15 };
const sessionId = '01k9w3v7q2m8t4x6z0b5c1d9ef';

interface Timing {
  readonly status?: JobStatus;
  /** Seconds from the session's start: begin and end of each attempt; no end while it runs. */
  readonly tries?: readonly (readonly [number, number?])[];
  /** Seconds from the session's start at which its state was entered. @default the first try's begin */
  readonly entered?: number;
  readonly error?: FailureView;
  readonly input?: JobView['input'];
  readonly output?: JobView['output'];
}

/** A job by its path and the times of its attempts. All attempts but the last one have failed. */
export function jobView(path: string, timing: Timing = {}): JobView {
  const { tries = [], status = tries.length === 0 ? 'pending' : 'completed', error, input, output } = timing;
  const at = (seconds: number) => began + Math.round(seconds * 1000);
  const attempts = tries.map(([from, to], index): AttemptView => {
    const last = index === tries.length - 1;
    const attemptStatus = !last
      ? 'failed'
      : to === undefined || status === 'waiting'
        ? 'running'
        : status === 'retrying'
          ? 'failed'
          : status;
    const failure = attemptStatus === 'failed' || attemptStatus === 'timeout';
    return {
      number: index + 1,
      startedAt: at(from),
      ...(to === undefined ? {} : { endedAt: at(to) }),
      status: attemptStatus === 'pending' || attemptStatus === 'skipped' ? 'cancelled' : attemptStatus,
      ...(failure
        ? {
            error: error ?? {
              name: 'ThrottledError',
              cause:
                '{"errorType":"ThrottledError","errorMessage":"slow down: 429 from the weather service","trace":[]}',
            },
          }
        : {}),
      eventId: 5 + index * 4,
    };
  });
  const end = status === 'running' || status === 'retrying' ? undefined : tries.at(-1)?.[1];
  const start = timing.entered ?? tries[0]?.[0];
  const node =
    path
      .split('/')
      .at(-1)
      ?.replace(/\[\d+\]$/, '') ?? path;
  return {
    job: path,
    kind: 'job',
    node,
    operation: `${node}-operation`,
    status,
    attempts,
    ...(input === undefined ? {} : { input }),
    ...(output === undefined ? {} : { output }),
    ...(error === undefined || status === 'completed' ? {} : { error }),
    ...(start === undefined ? {} : { startedAt: at(start) }),
    ...(end === undefined ? {} : { endedAt: at(end) }),
    source: { ...source, line: 40 + node.length },
  };
}

export function mapView(
  path: string,
  status: JobStatus,
  times: readonly [number, number?],
  total: number,
  completed: number,
  failed: number,
): JobView {
  const { operation: _operation, ...view } = jobView(path, { status, tries: [times] });
  return { ...view, kind: 'map', attempts: [], iterations: { total, completed, failed } };
}

export function logOf(
  path: string,
  messages: readonly string[],
  more: { readonly level?: LogLine['level']; readonly attempt?: number } = {},
): JobLog {
  const lines = messages.map(
    (message, index): LogLine => ({
      timestamp: new Date(began + 2_000 + index * 137).toISOString(),
      level: more.level ?? 'INFO',
      message,
      session_id: sessionId,
      job_id: path,
      operation_id: `${path}-operation`,
      attempt: more.attempt ?? 1,
    }),
  );
  return { lines, truncated: false };
}

export function reportData(
  ir: PipelineIr,
  status: SessionStatus,
  jobs: readonly JobView[],
  more: {
    readonly view?: Partial<SessionView>;
    readonly logs?: ReportData['logs'];
    readonly session?: Partial<ReportData['session']>;
    readonly seconds?: number;
  } = {},
): ReportData {
  const over = status !== 'running' && status !== 'queued';
  const end = began + (more.seconds ?? 60) * 1000;
  const iso = (ms: number) => new Date(ms).toISOString();
  return {
    artifact: { artifactVersion: 1, pipeline: ir, version: '3f9c1b7a20de', definition: {}, states: {} },
    view: {
      status,
      startedAt: began,
      ...(over ? { endedAt: end } : {}),
      input: { date: '2026-11-20' },
      jobs,
      ...more.view,
    },
    session: {
      session_id: sessionId,
      created_at: iso(began - 400),
      pipeline_id: ir.id,
      pipeline_name: ir.id,
      pipeline_version: '3f9c1b7a20de',
      status,
      started_at: iso(began),
      ...(over ? { completed_at: iso(end) } : {}),
      total_jobs: jobs.length,
      completed_jobs: jobs.filter((each) => each.status === 'completed').length,
      failed_jobs: jobs.filter((each) => each.status === 'failed').length,
      generation: 1,
      input: '{"date":"2026-11-20"}',
      trigger: { kind: 'manual' },
      user_name: 'ann',
      region: 'eu-central-1',
      updated_at: iso(end),
      ...more.session,
    },
    logs: more.logs ?? {},
  };
}

const rejects = { kind: 'call', name: 'gt', arguments: [ref('validate', 'rejected'), literal(0)] } as const;
export const flights: PipelineIr = {
  ...pipeline(
    [
      job('ingest-flights'),
      job('ingest-airports'),
      job('ingest-weather', [], { when: { kind: 'ref', target: { kind: 'input' }, path: ['withWeather'] } }),
      job('validate', ['ingest-flights', 'ingest-airports']),
      branch(
        'any-rejects',
        rejects,
        [job('quarantine', ['validate']), job('tell-owner', ['quarantine'])],
        [job('note-clean', ['validate'])],
      ),
      job('split', ['validate']),
      map(
        'by-origin',
        ref('split', 'groups'),
        [job('aggregate', ['split']), job('enrich', ['aggregate', 'ingest-weather'])],
        8,
      ),
      job('join-airports', ['by-origin', 'ingest-airports']),
      job('delays', ['join-airports', 'ingest-weather']),
      job('publish', ['delays', 'join-airports'], { after: ['any-rejects'] }),
    ],
    'flights',
  ),
  description: 'On-time figures per airport from raw flight records, published daily.',
};

function iterations(count: number, fail: readonly number[] = [], done = count): readonly JobView[] {
  return Array.from({ length: count }, (_, index) => {
    const start = 18 + (index % 8) * 0.4 + Math.floor(index / 8) * 4;
    const lost = fail.includes(index);
    const failed: Timing = {
      status: 'failed',
      tries: [[start + 2.1, start + 3]],
      error: {
        name: 'Bunsui.OutputInvalid',
        cause: 'output does not fit the schema: /mean: expected number, received null',
      },
    };
    const second: Timing = lost
      ? failed
      : index < done
        ? { tries: [[start + 2.1, start + 3.2 + (index % 3) / 4]], output: { mean: index * 1.25 } }
        : { status: 'running', tries: [[start + 2.1]] };
    return [
      jobView(`by-origin[${index}]/aggregate`, {
        tries: [[start, start + 2]],
        input: { group: index },
        output: { rows: index * 31, origin: 'ORD' },
      }),
      jobView(`by-origin[${index}]/enrich`, { ...second, input: { origin: 'ORD', rows: index * 31 } }),
    ];
  }).flat();
}

const start = [
  jobView('ingest-flights', {
    tries: [[0.4, 4.9]],
    entered: 0.2,
    input: { url: 's3://flights-raw/2026-11-20.json' },
    output: { bucket: 'bunsui-data', key: 'flights/2026-11-20.parquet', rows: 20_000 },
  }),
  jobView('ingest-airports', { tries: [[0.4, 2.2]], output: { rows: 3376, key: 'airports.parquet' } }),
  jobView('ingest-weather', {
    tries: [
      [0.4, 1.8],
      [3.9, 5.1],
      [9.2, 12.6],
    ],
    output: { rows: 2922 },
  }),
  jobView('validate', {
    tries: [[5.2, 9.6]],
    entered: 5,
    input: { key: 'flights/2026-11-20.parquet' },
    output: { rows: 19_963, rejected: 37, key: 'valid.parquet' },
  }),
];

export const succeeded = reportData(
  flights,
  'completed',
  [
    ...start,
    jobView('quarantine', { tries: [[9.9, 13.1]], output: { key: 'rejects.json', rows: 37 } }),
    jobView('tell-owner', { tries: [[13.3, 14]], output: { sent: true } }),
    jobView('note-clean', { status: 'skipped' }),
    jobView('split', { tries: [[9.9, 17.5]], output: { groups: ['ORD', 'ATL', 'DFW'] } }),
    mapView('by-origin', 'completed', [17.7, 42.4], 40, 40, 0),
    ...iterations(40),
    jobView('join-airports', { tries: [[42.6, 47.2]], output: { rows: 301 } }),
    jobView('delays', { tries: [[47.4, 52.1]], output: { rows: 301 } }),
    jobView('publish', { tries: [[52.4, 58.8]], output: { key: 'published/2026-11-20/delays.json' } }),
  ],
  {
    view: {
      output: {
        flights: 19_963,
        rejected: 37,
        meanDelayMinutes: 7.42,
        published: 's3://bunsui-data/published/2026-11-20/delays.json',
        worst: [
          { airport: 'EWR', city: 'Newark', flights: 412, meanDelay: 17.9 },
          { airport: 'ORD', city: 'Chicago', flights: 1283, meanDelay: 14.1 },
          { airport: 'SFO', city: 'San Francisco', flights: 655, meanDelay: 12.7 },
        ],
      },
    },
    logs: {
      validate: logOf('validate', [
        'job started',
        'read 20,000 rows from s3://bunsui-data/flights/2026-11-20.parquet',
        'rejected 37 rows: arrival before departure',
        'job completed',
      ]),
      'ingest-weather': {
        lines: [
          ...logOf('ingest-weather', ['job started', 'GET https://weather.example/2026-11-20', 'slow down: 429'], {
            level: 'WARNING',
          }).lines,
          ...logOf('ingest-weather', ['job started', 'job completed'], { attempt: 3 }).lines,
        ],
        truncated: false,
      },
    },
    session: { trigger: { kind: 'schedule', detail: 'daily at 06:00 Asia/Tokyo' } },
  },
);

const lambdaError: FailureView = {
  name: 'SchemaDriftError',
  cause: JSON.stringify({
    errorType: 'SchemaDriftError',
    errorMessage: 'column "arr_delay" of flights/2026-11-20.parquet is text, expected a number\nfirst bad row: 8812',
    trace: [
      'SchemaDriftError: column "arr_delay" is text',
      '    at validate (/home/ann/etl/pipelines/flights/validate.ts:31:11)',
      '    at async run (/home/ann/etl/pipelines/flights/validate.ts:12:3)',
    ],
  }),
};

export const failed = reportData(
  flights,
  'failed',
  [
    ...start.slice(0, 3),
    jobView('validate', {
      status: 'failed',
      tries: [
        [5.2, 7.9],
        [9.9, 12.4],
        [16.4, 19.1],
      ],
      entered: 5,
      error: lambdaError,
      input: { key: 'flights/2026-11-20.parquet' },
    }),
    ...['quarantine', 'tell-owner', 'note-clean', 'split', 'join-airports', 'delays', 'publish'].map((id) =>
      jobView(id),
    ),
    {
      ...mapView('by-origin', 'pending', [0], 0, 0, 0),
      startedAt: undefined,
      iterations: undefined,
    } as unknown as JobView,
  ],
  {
    seconds: 19.4,
    view: { error: { ...lambdaError, job: 'validate', source: { ...source, line: 61 } } },
    session: { error_code: 'SchemaDriftError', error_message: 'column "arr_delay" is text' },
    logs: {
      validate: {
        lines: [
          ...logOf('validate', [
            'job started',
            'read 20,000 rows',
            'checking 14 columns',
            'row 8812: arr_delay is "n/a"',
          ]).lines,
          ...logOf('validate', ['job failed: SchemaDriftError: column "arr_delay" is text'], {
            level: 'ERROR',
            attempt: 3,
          }).lines,
        ],
        truncated: false,
      },
    },
  },
);

export const running = reportData(
  flights,
  'running',
  [
    ...start,
    jobView('quarantine', { status: 'retrying', tries: [[9.9, 13.1]] }),
    jobView('tell-owner'),
    jobView('note-clean', { status: 'skipped' }),
    jobView('split', { tries: [[9.9, 17.5]] }),
    mapView('by-origin', 'running', [17.7], 40, 11, 1),
    ...iterations(16, [3], 12),
    jobView('join-airports'),
    jobView('delays'),
    jobView('publish'),
  ],
  { seconds: 29 },
);

export const largeMap = reportData(
  pipeline(
    [
      job('split'),
      map('by-origin', ref('split', 'groups'), [job('aggregate'), job('enrich', ['aggregate'])]),
      job('publish', ['by-origin']),
    ],
    'monthly-rollup',
  ),
  'failed',
  [
    jobView('split', { tries: [[0, 17]], output: { groups: 40 } }),
    mapView('by-origin', 'failed', [17.5, 43], 40, 37, 3),
    ...iterations(40, [7, 19, 33]),
    jobView('publish', { status: 'cancelled' }),
  ],
  {
    seconds: 43.2,
    view: {
      error: {
        name: 'Bunsui.OutputInvalid',
        cause: 'output does not fit the schema: /mean: expected number, received null',
        job: 'by-origin[7]/enrich',
        source,
      },
    },
  },
);

/** Many jobs in layers that read from the layers before, each with values and a log. */
export function manyJobs(count: number, valueBytes = 300, suffix = ''): ReportData {
  let seed = 7;
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed / 2_147_483_648;
  };
  const name = (index: number) => `table-${String(index).padStart(3, '0')}${suffix}`;
  const nodes = Array.from({ length: count }, (_, index) => {
    const reads = index < 6 ? [] : [1, 2].map(() => name(Math.max(0, index - 1 - Math.floor(random() * 14))));
    return job(name(index), [...new Set(reads)]);
  });
  const jobs = nodes.map(({ id }, index) => {
    const from = Math.floor(index / 6) * 2 + random();
    const note = 'records "a" & <b> of a table; '.repeat(Math.ceil(valueBytes / 30)).slice(0, valueBytes);
    return jobView(id, { tries: [[from, from + 1 + random() * 3]], input: { note }, output: { note, rows: index } });
  });
  const logs = Object.fromEntries(
    nodes.map(({ id }) => [
      id,
      logOf(
        id,
        Array.from({ length: 20 }, (_, line) => `line ${line} of ${id}`),
      ),
    ]),
  );
  return reportData(pipeline(nodes, 'warehouse'), 'completed', jobs, { logs, seconds: count / 3 + 5 });
}
