/**
 * What a job leaves on record that is to be undone when its pipeline fails, and what its compensation finds there.
 *
 * Step Functions stops waiting for functions when something beside them fails; the functions run on, and what they do
 * counts. So a job says that it begins before it does anything, and whoever undoes (`completed-jobs.ts`) first says so:
 *
 *     job     puts "I run, until …"       reads the fence     runs     puts its checkpoint, or "I have ended"
 *     finder  puts the fence              reads who runs, waits for their ends, reads the checkpoints
 *
 * Either the job sees the fence and does nothing, or the finder sees the job and waits for it.
 */
import { jobErrors } from '../errors.ts';
import { environment, tables, undoableKey, undoFence } from '../storage-layout.ts';
import type { Checkpoints } from './checkpoint.ts';
import type { Envelope } from './envelope.ts';
import { jobError } from './job-error.ts';
import type { WrapperPorts } from './ports.ts';
import { dynamodb, refusal, type SignedCall } from './signed-calls.ts';

/** A function runs this long at the most. */
const longestCallMs = 900_000;

/**
 * Says that a job begins which is to be undone.
 *
 * @returns says that it has ended without having completed; nothing where nothing is recorded, or nothing is to be undone
 * @throws an error named `Bunsui.Undone` when its session is being undone already
 */
export async function beginUndoable(
  ports: WrapperPorts,
  call: SignedCall,
  envelope: Envelope,
  remainingMs: number,
): Promise<(() => Promise<void>) | undefined> {
  const table = ports.environment[environment.jobHistoryTable];
  if (!envelope.undoable || table === undefined || table === '') return undefined;
  const { job, operation, attempt, execution, block } = envelope;
  const { partitionKey, sortKey } = tables.jobHistory;
  const put = async (runsUntilMs: number) => {
    const item = {
      [partitionKey]: { S: block.session },
      [sortKey]: { S: undoableKey(block.generation, job, attempt) },
      record_type: { S: 'undoable' },
      job_id: { S: job },
      operation_id: { S: operation },
      attempt: { N: String(attempt) },
      generation: { N: String(block.generation) },
      execution_arn: { S: execution },
      runs_until_ms: { N: String(runsUntilMs) },
    };
    await asked('PutItem', { TableName: table, Item: item });
  };
  const asked = async (operation: string, request: object): Promise<unknown> => {
    try {
      return await call(dynamodb, operation, request);
    } catch (thrown) {
      throw refusal(`${operation} on table ${table}`, thrown);
    }
  };
  await put(Math.ceil(ports.now() + Math.min(remainingMs, longestCallMs)));
  const key = { [partitionKey]: { S: block.session }, [sortKey]: { S: undoFence(block.generation) } };
  const fence = await asked('GetItem', { TableName: table, Key: key, ConsistentRead: true });
  if ((fence as { readonly Item?: unknown }).Item !== undefined) {
    await put(0);
    throw jobError(
      jobErrors.undone,
      `what its session has done is being undone: ${job} came late, and has done nothing`,
    );
  }
  return () => put(0);
}

/** What a compensation is told of the job that it undoes. */
export interface UndoneJob {
  /** Path. */
  readonly job: string;
  /** The key that the job had when it ran. */
  readonly idempotencyKey: string;
}

/** The input of a compensation: what is on record of the job that it undoes. Nothing of a job that undoes none. */
export async function readUndone(
  { block, compensates: job }: Envelope,
  store: Checkpoints | undefined,
): Promise<{ readonly input: unknown; readonly undoes: UndoneJob } | undefined> {
  if (job === undefined) return undefined;
  const done = await store?.find({ block, job });
  if (done === undefined || done.as === 'skip')
    throw jobError(jobErrors.recordFailed, `the completion of ${job}, which is to be undone, is not recorded`);
  if (done.input === undefined)
    throw jobError(
      jobErrors.inputInvalid,
      `what ${job} was given is not on record, because it ran before it declared a compensation: undo it by hand`,
    );
  return {
    input: { input: JSON.parse(done.input), output: JSON.parse(done.output) },
    undoes: { job, idempotencyKey: `${block.session}/${done.reusedFrom ?? block.generation}/${job}` },
  };
}
