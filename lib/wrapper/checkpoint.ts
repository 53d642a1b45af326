/**
 * Checkpoints: the record that a job has completed, one conditional write in DynamoDB. A rerun leaves results of the
 * generation before in the places of this one's checkpoints: as checkpoints where they are known to count, as
 * candidates where that depends on the input, and marks where a job is not to run.
 */
import { sha256 } from '../request-signature.ts';
import { checkpointKey, environment, tables } from '../storage-layout.ts';
import type { Envelope } from './envelope.ts';
import type { WrapperPorts } from './ports.ts';
import { CallError, dynamodb, refusal, type SignedCall } from './signed-calls.ts';

/** What stands in a checkpoint's place. */
export interface Found {
  /** JSON text. */
  readonly output: string;
  /** `completed`; `candidate`: counts where the input has this hash; `skip`: the job is not to run. */
  readonly as: 'completed' | 'candidate' | 'skip';
  /** Of the input that gave the output (`hashOfInput`). */
  readonly inputHash?: string;
  /** The generation that it was computed in, where that is an earlier one. */
  readonly reusedFrom?: number;
  /** JSON text of what it was given, of a job that is to be undone when its pipeline fails. */
  readonly input?: string;
}

/** What is recorded of a completion. */
export interface Completion {
  /** JSON text. */
  readonly output: string;
  readonly inputHash: string;
  readonly reusedFrom?: number;
  readonly input?: string;
}

/** Reads and writes checkpoints of a session. */
export interface Checkpoints {
  /** @returns undefined when nothing stands there: the job has not completed in this generation */
  find(envelope: Pick<Envelope, 'block' | 'job'>): Promise<Found | undefined>;
  /** Records a completion unless one is there already. */
  record(envelope: Envelope, completion: Completion): Promise<'created' | 'exists'>;
}

type Item = { readonly [name: string]: { readonly S?: string; readonly N?: string } };

/** Names of the record types beside `checkpoint`, as `lib/sessions/reuse-items.ts` writes them. */
const otherTypes: { readonly [type: string]: Found['as'] } = { candidate: 'candidate', skip: 'skip' };

function foundIn(item: Item | undefined): Found | undefined {
  const output = item?.['output']?.S;
  if (item === undefined || output === undefined) return undefined;
  const inputHash = item['input_hash']?.S;
  const reusedFrom = item['reused_from']?.N;
  const input = item['input']?.S;
  return {
    output,
    as: otherTypes[item['record_type']?.S ?? ''] ?? 'completed',
    ...(inputHash === undefined ? {} : { inputHash }),
    ...(reusedFrom === undefined ? {} : { reusedFrom: Number(reusedFrom) }),
    ...(input === undefined ? {} : { input }),
  };
}

/**
 * Checkpoints in the job-history table that the environment names.
 *
 * @returns undefined when the environment names no table: then nothing is recorded
 */
export function checkpoints(ports: WrapperPorts, call: SignedCall): Checkpoints | undefined {
  const table = ports.environment[environment.jobHistoryTable];
  if (table === undefined || table === '') return undefined;
  const { partitionKey, sortKey } = tables.jobHistory;
  return {
    async find({ block, job }) {
      const key = { [partitionKey]: { S: block.session }, [sortKey]: { S: checkpointKey(job, block.generation) } };
      try {
        const answer = await call(dynamodb, 'GetItem', { TableName: table, Key: key, ConsistentRead: true });
        return foundIn((answer as { readonly Item?: Item }).Item);
      } catch (thrown) {
        throw refusal(`GetItem on table ${table}`, thrown);
      }
    },

    async record(envelope, { output, inputHash, reusedFrom, input }) {
      const { block, job, operation, attempt, execution, compensates } = envelope;
      const item: Item = {
        [partitionKey]: { S: block.session },
        [sortKey]: { S: checkpointKey(job, block.generation) },
        record_type: { S: 'checkpoint' },
        job_id: { S: job },
        operation_id: { S: operation },
        attempt: { N: String(attempt) },
        generation: { N: String(block.generation) },
        execution_arn: { S: execution },
        output: { S: output },
        input_hash: { S: inputHash },
        ...(reusedFrom === undefined ? {} : { reused_from: { N: String(reusedFrom) } }),
        ...(input === undefined ? {} : { input: { S: input } }),
        ...(compensates === undefined ? {} : { compensates: { S: compensates } }),
        completed_at: { S: new Date(ports.now()).toISOString() },
      };
      try {
        await call(dynamodb, 'PutItem', {
          TableName: table,
          Item: item,
          ConditionExpression: `attribute_not_exists(${partitionKey}) OR record_type = :candidate`,
          ExpressionAttributeValues: { ':candidate': { S: 'candidate' } },
        });
        return 'created';
      } catch (thrown) {
        if (thrown instanceof CallError && thrown.type === 'ConditionalCheckFailedException') return 'exists';
        throw refusal(`PutItem on table ${table}`, thrown);
      }
    },
  };
}

const hexDigits = 32;

/** Hash of a job's input, 32 hexadecimal digits: the same for the same value, whatever the order of its fields. */
export function hashOfInput(input: unknown): string {
  const text = JSON.stringify(input, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
  return sha256(text ?? 'undefined').slice(0, hexDigits);
}
