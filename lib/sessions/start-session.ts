/**
 * Starting a session, at most once per key. Every step may be the last one before a crash, and the same request may
 * come again at any time; whoever comes next goes on where the last one stopped:
 *
 *     key's item (conditional) → session's item with its ARN (conditional) → its turn (`overlap.ts`) →
 *     StartExecution by name → status (conditional)
 */
import { createHash } from 'node:crypto';
import { GetCommand } from '@aws-sdk/lib-dynamodb';
import { BunsuiError } from '../errors.ts';
import type { Json } from '../ir/expressions.ts';
import type { JsonSchema } from '../ir/nodes.ts';
import { type ExecutionBlock, executionName, reservedInputKey, sessionIdOf } from '../storage-layout.ts';
import { pipelineToStart } from './deployed.ts';
import type { StartDeps } from './deps.ts';
import { checkInput, type InputIssue } from './input-schema.ts';
import { requireTags, type Tags } from './tags.ts';
import type { DedupItem, PipelineItem, SessionItem, SessionTrigger } from './items.ts';
import { leaveInput, packInput } from './large-input.ts';
import { beginQueued } from './overlap.ts';
import { executionArnOf } from './start-queued.ts';
import { createItem } from './store.ts';

export interface StartRequest {
  readonly pipeline: string;
  /** @default the version deployed last */
  readonly version?: string;
  readonly input: Json;
  /** The same key never starts a second session. Without one every request starts a session. */
  readonly key?: string;
  readonly trigger: SessionTrigger;
  /** Who asked, for the record. */
  readonly user?: string;
  /** To find it again; of requests with one key those of the first count. */
  readonly tags?: Tags;
}

export interface StartedSession {
  readonly session_id: string;
  readonly created_at: string;
  /** Where its execution runs, or will run. */
  readonly execution_arn: string;
  /** `exists`: an earlier request with the same key made the session. */
  readonly outcome: 'created' | 'exists';
  /** What the overlap policy did with it: it waits for others to end, or was dropped. Absent when it was started. */
  readonly overlap?: 'waiting' | 'skipped';
  /** An earlier request with the same key made the session, and it was deleted since: nothing was started. */
  readonly deleted?: true;
}

/** A start whose input depends on the version that is started. */
export interface StartPlan extends Pick<StartRequest, 'pipeline' | 'version' | 'key' | 'user' | 'tags'> {
  /** What is the same for the same request, and different for every other. */
  readonly identity: Json;
  readonly from: (pipeline: PipelineItem) => Pick<StartRequest, 'input' | 'trigger'>;
}

/** Step Functions takes 256 KiB of input. */
const maxInputBytes = 262_144;
/** The session's item is the place the execution starts from; every one begins with its first generation. */
const firstGeneration = 1;

/**
 * Starts a session of a deployed pipeline, or finds the one that the key stands for.
 *
 * @throws {BunsuiError} BS3001 when the input does not fit the pipeline's schema: nothing has been written then;
 *   BS3003 when the pipeline is not deployed; BS3004 when the key was used with another request
 */
export async function startSession(deps: StartDeps, request: StartRequest): Promise<StartedSession> {
  const { pipeline, version, input, trigger, ...rest } = request;
  const identity = [pipeline, version ?? null, input];
  return startPlanned(deps, {
    pipeline,
    ...rest,
    ...(version && { version }),
    identity,
    from: () => ({ input, trigger }),
  });
}

/** Starts a session as `startSession` does, of what the plan makes of the version that is started. */
export async function startPlanned(deps: StartDeps, plan: StartPlan): Promise<StartedSession> {
  const hash = sha256(canonical(plan.identity));
  if (plan.tags !== undefined) requireTags(plan.tags);
  // Side by side: nearly every key is a new one.
  const current = settled(pipelineToStart(deps, plan.pipeline, plan.version));
  const known = plan.key === undefined ? undefined : await readKey(deps, plan.key);
  if (known !== undefined) requireSameRequest(known, hash, plan);
  if (known?.deleted_at !== undefined) {
    const { target_session_id: session_id, target_created_at: created_at } = known;
    return { session_id, created_at, execution_arn: '', outcome: 'exists', deleted: true };
  }
  const pipeline = await (known === undefined ? current() : pipelineToStart(deps, plan.pipeline, known.target_version));
  const { input: given, trigger } = plan.from(pipeline);
  const input = requireInput(pipeline, given);

  const nowMs = deps.now();
  const fresh: ExecutionBlock = {
    session: sessionIdOf(nowMs, deps.entropy()),
    createdAt: new Date(nowMs).toISOString(),
    generation: firstGeneration,
  };
  // Every block is as long as this one. Before the key is claimed: a refused request must not use it up.
  const packed = await packInput(pipeline, input);
  requireSize(JSON.stringify({ ...(packed.value as object), [reservedInputKey]: fresh }));
  const claimed = known ?? (plan.key === undefined ? undefined : await claimKey(deps, plan, hash, fresh, pipeline));
  const block: ExecutionBlock =
    claimed === undefined
      ? fresh
      : { session: claimed.target_session_id, createdAt: claimed.target_created_at, generation: firstGeneration };
  // Between reading and claiming the key another request may have claimed it for another version.
  const version = claimed?.target_version ?? pipeline.version;
  if (version !== pipeline.version) return startPlanned(deps, plan);

  const { user, key, tags } = plan;
  const asked = { trigger, ...(user && { user }), ...(key !== undefined && { key }), ...(tags && { tags }) };
  const item = sessionItem(deps, asked, pipeline, block, packed.text, nowMs);
  await leaveInput(deps, item, packed);
  await createItem(deps, item);
  const begun = await beginQueued(deps, item, pipeline);
  const { session_id, created_at } = item;
  return {
    session_id,
    created_at,
    execution_arn: item.execution_arn ?? '',
    outcome: session_id === fresh.session ? 'created' : 'exists',
    ...(begun === 'started' ? {} : { overlap: begun }),
  };
}

/** What a promise gives, asked for later or never: its failure is then nobody's. */
function settled<T>(promise: Promise<T>): () => Promise<T> {
  promise.catch(() => {});
  return () => promise;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** JSON text that is the same for the same value, whatever the order of its fields. */
function canonical(value: Json): string {
  return JSON.stringify(value, (_, part: Json) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

function dedupKey(key: string): { readonly session_id: string; readonly created_at: '-' } {
  return { session_id: `dedup#${sha256(key)}`, created_at: '-' };
}

async function readKey(deps: StartDeps, key: string): Promise<DedupItem | undefined> {
  const found = await deps.db.send(
    new GetCommand({ TableName: deps.names.sessionsTable, Key: dedupKey(key), ConsistentRead: true }),
  );
  return found.Item as DedupItem | undefined;
}

function requireSameRequest(item: DedupItem, hash: string, request: Pick<StartPlan, 'key'>): void {
  if (item.request_hash === hash) return;
  const message = `the key "${(request.key ?? '').slice(0, 100)}" was used before for session ${item.target_session_id} with another pipeline, version or input`;
  throw new BunsuiError('SessionError', 'BS3004', message, {
    context: { session_id: item.target_session_id },
    hint: 'use another key, or the same request',
  });
}

/** Makes the key stand for the fresh session, unless it stands for one already. */
async function claimKey(
  deps: StartDeps,
  request: Pick<StartPlan, 'key'>,
  hash: string,
  fresh: ExecutionBlock,
  pipeline: PipelineItem,
): Promise<DedupItem> {
  const key = request.key ?? '';
  const item: DedupItem = {
    ...dedupKey(key),
    target_session_id: fresh.session,
    target_created_at: fresh.createdAt,
    target_version: pipeline.version,
    request_hash: hash,
  };
  if ((await createItem(deps, item)) === 'created') return item;
  const other = await readKey(deps, key);
  if (other === undefined) return claimKey(deps, request, hash, fresh, pipeline);
  requireSameRequest(other, hash, request);
  return other;
}

function invalidInput(pipeline: string, issues: readonly InputIssue[]): BunsuiError {
  const lines = issues.map(({ path, message }) => `${path.length === 0 ? 'input' : path.join('.')} ${message}`);
  return new BunsuiError(
    'ValidationError',
    'BS3001',
    `the input does not fit pipeline "${pipeline}": ${lines.join('; ')}`,
    {
      context: { pipeline_id: pipeline, issues },
      hint: 'correct the input; nothing was started',
    },
  );
}

/** The input with the schema's defaults. */
function requireInput(pipeline: PipelineItem, input: Json): { readonly [key: string]: Json } {
  const id = pipeline.pipeline_id;
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw invalidInput(id, [{ path: [], message: 'is not an object' }]);
  }
  if (Object.hasOwn(input, reservedInputKey)) {
    throw invalidInput(id, [{ path: [reservedInputKey], message: 'is reserved for bunsui; rename the field' }]);
  }
  const checked = checkInput(JSON.parse(pipeline.input_schema) as JsonSchema, input);
  if (!checked.ok) throw invalidInput(id, checked.issues);
  return checked.value as { readonly [key: string]: Json };
}

function requireSize(text: string): void {
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxInputBytes) return;
  throw new BunsuiError(
    'ValidationError',
    'BS3001',
    `the input is ${bytes} bytes of JSON, at most ${maxInputBytes} are taken`,
    {
      hint: 'write the data to S3 and give its key',
    },
  );
}

function sessionItem(
  deps: StartDeps,
  request: Pick<StartRequest, 'trigger' | 'user' | 'key' | 'tags'>,
  pipeline: PipelineItem,
  block: ExecutionBlock,
  input: string,
  nowMs: number,
): SessionItem {
  const name = executionName(block.session, block.generation);
  return {
    session_id: block.session,
    created_at: block.createdAt,
    pipeline_id: pipeline.pipeline_id,
    pipeline_name: pipeline.pipeline_id,
    pipeline_version: pipeline.version,
    status: 'queued',
    total_jobs: pipeline.total_jobs,
    completed_jobs: 0,
    failed_jobs: 0,
    // Before the execution is there: whoever finds the item after a crash knows where to look for it.
    execution_arn: executionArnOf(pipeline.state_machine_arn, name),
    execution_name: name,
    generation: block.generation,
    // Whole as long as the execution may have to be started from it; an item holds the most that Step Functions takes.
    input,
    trigger: request.trigger,
    ...(request.user === undefined ? {} : { user_name: request.user }),
    ...(request.tags === undefined ? {} : { tags: request.tags }),
    ...(request.key === undefined ? {} : { dedup_id: dedupKey(request.key).session_id }),
    ...(deps.environment === undefined ? {} : { environment: deps.environment }),
    region: deps.region,
    updated_at: new Date(nowMs).toISOString(),
  };
}
