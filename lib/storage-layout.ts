/**
 * Storage layout: the table keys, index names, object keys and environment variables that infrastructure,
 * wrappers and bookkeeping must agree on. Table and key names are the ones users know.
 */

import { gateAttributes } from './gate-layout.ts';

/** Physical names for one platform. `prefix` defaults to `bunsui`. */
export interface PlatformNames {
  readonly sessionsTable: string;
  readonly jobHistoryTable: string;
  readonly pipelinesTable: string;
  readonly bucket: string;
}

/** The names a platform has when nobody chooses others: `{prefix}-sessions`, …, bucket `{prefix}-{account}-{region}`. */
export function platformNames(options: {
  readonly prefix?: string;
  readonly account: string;
  readonly region: string;
}): PlatformNames {
  const prefix = options.prefix ?? 'bunsui';
  return {
    sessionsTable: `${prefix}-sessions`,
    jobHistoryTable: `${prefix}-job-history`,
    pipelinesTable: `${prefix}-pipelines`,
    bucket: `${prefix}-${options.account}-${options.region}`,
  };
}

/** The table of gates: nobody but machines, functions of jobs and deployments has to do with it. */
export function gatesTableName(prefix = 'bunsui'): string {
  return `${prefix}-gates`;
}

/**
 * Name of a child machine of a pipeline. It begins, after the platform's prefix, with its number, as no pipeline's does:
 * so what covers a platform's machines covers it, and nobody takes its executions for sessions. At most 80 characters.
 *
 * @param prefix with its hyphen; empty where machines are named for their pipelines alone
 */
export function childMachineName(prefix: string, pipeline: string, number: number): string {
  const whole = `${prefix}${number}_${pipeline}`;
  if (whole.length <= 80) return whole;
  let hash = 0x811c9dc5;
  for (const character of pipeline) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return `${whole.slice(0, 71)}_${(hash >>> 0).toString(16).padStart(8, '0')}`;
}

/** Of the 64 characters that Lambda takes for a function's name, what two hashes of eight leave. */
const maxReadable = 46;

/** What the name of an operation's function begins with: the part that a person can read. */
export function readableFunctionName(pipeline: string, operation: string): string {
  return `${pipeline}-${operation}`.slice(0, maxReadable);
}

const longestPlace = (service: string, kind: string) => `arn:aws-us-gov:${service}:us-gov-west-1:123456789012:${kind}:`;

/** Most characters that the ARN of the published version of an operation's function has. */
export function longestFunctionArn(pipeline: string, operation: string): number {
  const name = `${readableFunctionName(pipeline, operation)}-12345678-12345678`;
  return `${longestPlace('lambda', 'function')}${name}:12345`.length;
}

/** Most characters that the ARN of the published version of a child machine has. */
export const longestMachineArn = longestPlace('states', 'stateMachine').length + 80 + ':12345'.length;

/** Whether a machine, by its name after the platform's prefix, is a child machine. */
export function isChildMachine(name: string): boolean {
  return /^\d/.test(name);
}

/** Key attribute names and index names of the tables. All keys are strings. */
export const tables = {
  sessions: {
    partitionKey: 'session_id',
    sortKey: 'created_at',
    byPipelineIndex: { name: 'sessions-by-pipeline-index', partitionKey: 'pipeline_id', sortKey: 'created_at' },
    byStatusIndex: { name: 'sessions-by-status-index', partitionKey: 'status', sortKey: 'created_at' },
  },
  // Without indexes: they would cost more than the records, and a session is asked for its jobs, not a pipeline.
  jobHistory: { partitionKey: 'session_id', sortKey: 'job_timestamp' },
  pipelines: { partitionKey: 'pipeline_id', sortKey: 'version' },
  gates: {
    partitionKey: gateAttributes.partitionKey,
    sortKey: gateAttributes.sortKey,
    timeToLive: gateAttributes.expires,
  },
} as const;

/** Environment variables that operation wrappers and bookkeeping functions read. */
export const environment = {
  sessionsTable: 'BUNSUI_SESSIONS_TABLE',
  jobHistoryTable: 'BUNSUI_JOB_HISTORY_TABLE',
  pipelinesTable: 'BUNSUI_PIPELINES_TABLE',
  gatesTable: 'BUNSUI_GATES_TABLE',
  bucket: 'BUNSUI_BUCKET',
  /** Prefix of a pipeline's large values in the bucket. */
  payloads: 'BUNSUI_PAYLOADS',
  /** ARN of state machines up to the name, where CloudFormation deploys pipelines; not set where nobody does. */
  machines: 'BUNSUI_MACHINES',
  /** Set where a function is ended with the task that waits for it: on a laptop. Lambda's run on. */
  functionsEndWithTasks: 'BUNSUI_FUNCTIONS_END_WITH_TASKS',
  /** ARN of the topic that notices are published to; not set where nobody is told. */
  topic: 'BUNSUI_TOPIC',
  /** Address of the HTTP API, with its stage and a slash at its end; not set where there is none. */
  api: 'BUNSUI_API',
  /** JSON text: the platform's channels by name (`lib/notify/channels.ts`). */
  channels: 'BUNSUI_CHANNELS',
  /** The platform as records name it: `dev`, `prod`. */
  environment: 'BUNSUI_ENVIRONMENT',
  /** Level of the functions' own logs: Powertools reads it by itself. */
  logLevel: 'POWERTOOLS_LOG_LEVEL',
} as const;

/**
 * Metrics in CloudWatch that bookkeeping emits: of sessions by `pipeline`, of jobs by `pipeline` and `job` (its id, not
 * its place in a map). Durations in milliseconds, of what has ended; counts are 1 for what has, 0 for what has not.
 */
export const metrics = {
  namespace: 'Bunsui/Pipeline',
  pipelineDimension: 'pipeline',
  jobDimension: 'job',
  sessionDuration: 'SessionDuration',
  sessionSuccess: 'SessionSuccess',
  sessionFailure: 'SessionFailure',
  jobDuration: 'JobDuration',
  jobSuccess: 'JobSuccess',
  jobFailure: 'JobFailure',
} as const;

/**
 * Parameters in SSM that say what a deployed platform is made of: `/bunsui/{prefix}/{name}`. Stacks of pipelines and
 * the command line find it by them.
 */
export const platformParameters = [
  'api-url',
  'bucket',
  'channels',
  'dead-letter-queue',
  'gates-table',
  'job-history-table',
  'log-group',
  'machines',
  'pipelines-table',
  'schedule-group',
  'scheduler-role',
  'session-ended',
  'sessions-table',
  'start-session',
  'tag-value',
  'topic',
] as const;
export type PlatformParameter = (typeof platformParameters)[number];

/** The path of a platform's parameters, without a slash at its end. */
export function parameterPath(prefix: string): string {
  return `/bunsui/${prefix}`;
}

/** Where the artifact lies that a state machine was deployed from. */
export interface DeploymentMark {
  readonly version: string;
  readonly bucket: string;
  readonly key: string;
}

/**
 * The end of a deployed definition's `Comment`. It stands in the definition and nowhere else, because so the two change
 * together, and an execution can be asked for the definition that it began with.
 */
export function deploymentMark({ version, bucket, key }: DeploymentMark): string {
  return `[bunsui ${version} s3://${bucket}/${key}]`;
}

/** Most bytes that a mark adds to a definition, with the blank before it: bucket names have 63 characters, keys of assets a prefix and a hash. */
export const longestDeploymentMark =
  1 + deploymentMark({ version: '0'.repeat(12), bucket: 'b'.repeat(63), key: 'k'.repeat(160) }).length;

/** The mark at the end of a definition's comment, if there is one. */
export function readDeploymentMark(comment: string): DeploymentMark | undefined {
  const [, version, bucket, key] =
    /\[bunsui ([0-9a-f]{12}) s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/([\w./-]{1,1024})\]$/.exec(comment) ?? [];
  return version === undefined || bucket === undefined || key === undefined ? undefined : { version, bucket, key };
}

/** The reserved key of an execution's input under which bunsui passes its own data. */
export const reservedInputKey = 'bunsui';

/**
 * What stands under the reserved key of an execution's input.
 * `generation` counts from 1; a rerun that an operator asks for opens the next one.
 */
export interface ExecutionBlock {
  readonly session: string;
  /** ISO 8601, the sort key of the session's item. */
  readonly createdAt: string;
  readonly generation: number;
}

/** Refuses an id that could leave its folder, prefix or key. Every id that becomes part of a key passes here. */
export function isSafeId(id: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/.test(id);
}

/** A moment as bunsui writes it: ISO 8601 in UTC. Keys are made of it, so nothing else is one, whatever `Date.parse` takes. */
export function isInstant(value: unknown): value is string {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]{5,18}Z$/.test(value) && !Number.isNaN(Date.parse(value));
}

/** A generation: a whole number from 1, below a million, which is what its sort key holds. */
export function isGeneration(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) < 1e6;
}

/** What stands under the reserved key of an execution's input, if that is a block and nothing else. */
export function readExecutionBlock(value: unknown): ExecutionBlock | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { session, createdAt, generation } = value as { readonly [field: string]: unknown };
  const isId = typeof session === 'string' && isSafeId(session);
  return isId && isInstant(createdAt) && isGeneration(generation) ? { session, createdAt, generation } : undefined;
}

/** The job that has called a session, in another one. */
export interface Caller {
  readonly session: string;
  readonly createdAt: string;
  readonly job: string;
}

/** Who has called the session of an execution, by what stands under the reserved key of its input. */
export function readCaller(value: unknown): Caller | undefined {
  const { parent } = (typeof value === 'object' && value !== null ? value : {}) as { readonly parent?: unknown };
  if (typeof parent !== 'object' || parent === null) return undefined;
  const { execution, startedAt, block, job } = parent as { readonly [field: string]: unknown };
  if (typeof execution !== 'string' || typeof startedAt !== 'string' || typeof job !== 'string') return undefined;
  if (!isJobPath(job) || Number.isNaN(Date.parse(startedAt))) return undefined;
  const { session, createdAt } = readExecutionBlock(block) ?? sessionOfExecution(execution, startedAt);
  return { session, createdAt, job };
}

/** The session that an execution is named for; undefined where its name is another one. */
export function sessionNamed(executionArn: string): string | undefined {
  return /(?:^|:)session-([0-9a-z]{26})-\d{1,6}$/.exec(executionArn)?.[1];
}

/** A job's path within its session: `load`, or with map indexes `convert[17]/one`. */
export function isJobPath(path: string): boolean {
  return (
    path.length <= 512 && path.split('/').every((part) => /^[A-Za-z][A-Za-z0-9_-]{0,79}(\[\d{1,9}\])?$/.test(part))
  );
}

/** Sort key of the item that says a job has completed in a generation: one per job and generation. */
export function checkpointKey(job: string, generation: number): string {
  return `${job}#checkpoint#${String(generation).padStart(6, '0')}`;
}

/**
 * Sort key of what a handler that works for long has kept of its way in a generation (`ctx.checkpoint`).
 *
 * @param milestone name of what stays beside what is kept later. @default what takes the place of the one before
 */
export function progressKey(job: string, generation: number, milestone?: string): string {
  const name = milestone === undefined ? '' : `#${milestone}`;
  return `${job}#progress#${String(generation).padStart(6, '0')}${name}`;
}

/** What a milestone may be called. */
export function isMilestone(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name);
}

/** What may be kept of a handler's way at once, in bytes of JSON. */
export const maxProgressBytes = 262_144;

/** What the sort keys of jobs that are to be undone when a generation fails begin with. No path of a job begins so. */
export function undoablePrefix(generation: number): string {
  return `#undo#${String(generation).padStart(6, '0')}#`;
}

/** Sort key of what an attempt says of itself whose job is to be undone; attempts from 1, 0 for a result that is reused. */
export function undoableKey(generation: number, job: string, attempt: number): string {
  return `${undoablePrefix(generation)}${job}#${attempt}`;
}

/** Sort key of what says that a generation is being undone: nothing that is to be undone begins any more. */
export function undoFence(generation: number): string {
  return undoablePrefix(generation);
}

/** Sort key of one attempt's record: `job_id#timestamp`, made unique by the event that began the attempt. */
export function attemptKey(job: string, startedAt: string, generation: number, eventId: number): string {
  return `${job}#${startedAt}#${generation}.${eventId}`;
}

function dayPath(isoTimestamp: string): string {
  return isoTimestamp.slice(0, 10).replaceAll('-', '/');
}

/** Job paths hold `[`, `]` and `/`, which are awkward in object keys and file names: `convert[17]/one` → `convert.17.one`. Injective: ids hold no dot. */
export function jobKeyPart(job: string): string {
  return job.replaceAll(/\[(\d+)\]/g, '.$1').replaceAll('/', '.');
}

/** What the key of a log object says behind `objectKeys.logPrefix`; undefined for an object of somebody else. */
export function readLogKey(
  rest: string,
): { readonly folder: string; readonly operation: string; readonly part: number } | undefined {
  const [, folder, operation, part = '1'] = /^([\w.-]+)\/([\w-]+)(?:\.(\d{1,6}))?\.jsonl$/.exec(rest) ?? [];
  return folder === undefined || operation === undefined ? undefined : { folder, operation, part: Number(part) };
}

/** Object keys of the bucket. `createdAt` is the session's, so that all of one session lies under one day. */
export const objectKeys = {
  log: (at: {
    readonly createdAt: string;
    readonly session: string;
    readonly job: string;
    readonly operation: string;
    /** A log that is too long for one object has several, from 1. @default 1 */
    readonly part?: number;
  }) => {
    const part = at.part === undefined || at.part === 1 ? '' : `.${at.part}`;
    return `logs/${dayPath(at.createdAt)}/${at.session}/${jobKeyPart(at.job)}/${at.operation}${part}.jsonl`;
  },
  logPrefix: (at: { readonly createdAt: string; readonly session: string }) =>
    `logs/${dayPath(at.createdAt)}/${at.session}/`,
  report: (at: { readonly createdAt: string; readonly session: string }) =>
    `reports/${dayPath(at.createdAt)}/${at.session}.html`,
  payload: (at: {
    readonly pipeline: string;
    readonly createdAt: string;
    readonly session: string;
    readonly object: string;
  }) => `${payloadPrefix(at.pipeline)}/${payloadPath(at)}`,
  /** `plan` tells plans apart that were made at the same time. */
  rerunPlan: (at: {
    readonly createdAt: string;
    readonly session: string;
    readonly generation: number;
    readonly plan: string;
  }) => `reruns/${dayPath(at.createdAt)}/${at.session}/${at.generation}-${at.plan}.json`,
  rerunPrefix: (at: { readonly createdAt: string; readonly session: string }) =>
    `reruns/${dayPath(at.createdAt)}/${at.session}/`,
  pipelineArtifact: (at: { readonly pipeline: string; readonly version: string }) =>
    `configs/pipelines/${at.pipeline}/${at.version}.json`,
} as const;

/** Where the large values of a pipeline's sessions lie: what functions of its operations may read and write. */
export function payloadPrefix(pipeline: string): string {
  return `payloads/${pipeline}`;
}

/** Where in it those of a session lie. `createdAt` is the session's. */
export function payloadPath(at: {
  readonly createdAt: string;
  readonly session: string;
  readonly object: string;
}): string {
  return `${dayPath(at.createdAt)}/${at.session}/${at.object}`;
}

/**
 * The object, for `payloadPath`, that holds the records of a try of a job. `unique` tells runs apart that do not know of
 * each other, such as one that was given up and goes on: none of them writes over what another one has completed.
 */
export function recordsObject(at: {
  readonly job: string;
  readonly generation: number;
  readonly attempt: number;
  readonly unique: string;
}): string {
  return `records/${jobKeyPart(at.job)}/${at.generation}-${at.attempt}-${at.unique}.jsonl`;
}

/** Whether it is the path, below a pipeline's prefix, of records. */
export function isRecordsPath(path: string): boolean {
  return /^\d{4}\/\d\d\/\d\d\/[\w-]+\/records\/\w[\w.-]*\/[\w-]+\.jsonl$/.test(path);
}

/** Name of the execution that runs a generation of a session: unique per machine, as Step Functions wants. */
export function executionName(session: string, generation: number): string {
  return `session-${session}-${generation}`;
}

/** The 32 digits of a session id, in order. */
export const sessionDigits = '0123456789abcdefghjkmnpqrstvwxyz';

/** A session id: 26 lower-case characters, ordered by time. The time takes 48 bits, `entropy` the 80 bits after it. */
export function sessionIdOf(timeMs: number, entropy: bigint): string {
  let bits = (BigInt(Math.max(0, Math.trunc(timeMs))) << 80n) | (entropy & ((1n << 80n) - 1n));
  let id = '';
  for (let place = 0; place < 26; place += 1) {
    id = (sessionDigits[Number(bits & 31n)] ?? '0') + id;
    bits >>= 5n;
  }
  return id;
}

/**
 * The session of an execution that was started without one, in the AWS console for instance: the same for everybody
 * who looks at that execution.
 *
 * @param startedAt ISO 8601 as in `$states.context.Execution.StartTime`
 */
export function sessionOfExecution(executionArn: string, startedAt: string): ExecutionBlock {
  // FNV-1a, 128 bits, folded to 80: no secrecy is needed, and hashing of node:crypto would weigh on every function.
  let hash = 0x6c62272e07bb014262b821756295c58dn;
  for (const byte of new TextEncoder().encode(executionArn)) {
    hash = ((hash ^ BigInt(byte)) * 0x1000000000000000000013bn) & ((1n << 128n) - 1n);
  }
  const startedMs = Date.parse(startedAt);
  return {
    session: sessionIdOf(startedMs, hash ^ (hash >> 80n)),
    createdAt: new Date(startedMs).toISOString(),
    generation: 1,
  };
}

/** What a container's own variables are called: where its input and output lie, and whom it works for. */
export const containerVariables = {
  job: 'BUNSUI_JOB',
  operation: 'BUNSUI_OPERATION',
  execution: 'BUNSUI_EXECUTION',
  startedAt: 'BUNSUI_STARTED_AT',
  /** Empty where the execution was started without a session. */
  session: 'BUNSUI_SESSION',
  attempt: 'BUNSUI_ATTEMPT',
  bucket: 'BUNSUI_BUCKET',
  inputKey: 'BUNSUI_INPUT_KEY',
  outputKey: 'BUNSUI_OUTPUT_KEY',
  logs: 'BUNSUI_LOG_GROUP',
} as const;

/** The container of a task that does the job's work. */
export const containerName = 'main';

/** Where inputs and outputs of a pipeline's containers lie in the bucket. */
export function containerPrefix(pipeline: string): string {
  return `containers/${pipeline}/`;
}

/** Where results of a pipeline's maps over S3 lie in the bucket, by execution and node. */
export function mapResultsPrefix(pipeline: string): string {
  return `maps/${pipeline}/`;
}

/** The stream of a container's log, by the id of its task. */
export function containerStream(task: string): string {
  return `${containerStreamPrefix}/${containerName}/${task}`;
}
export const containerStreamPrefix = 'task';

/** Environment variable of a function that runs a program in a container's place: a `ContainerCommand` as JSON. */
export const commandVariable = 'BUNSUI_CONTAINER_COMMAND';

export interface ContainerCommand {
  readonly operation: string;
  /** The program and its arguments. */
  readonly words: readonly string[];
  /** Absolute: where it runs. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}
