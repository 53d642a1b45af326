/**
 * Checkpoints: the record that a job has completed, one conditional write in DynamoDB.
 */
import { checkpointKey, environment, tables } from '../storage-layout.ts';
import type { Envelope } from './envelope.ts';
import type { WrapperPorts } from './ports.ts';
import { CallError, dynamodb, refusal, type SignedCall } from './signed-calls.ts';

/** Reads and writes checkpoints of a session. */
export interface Checkpoints {
  /** @returns the recorded output (JSON text), or undefined when the job has not completed in this generation */
  find(envelope: Pick<Envelope, 'block' | 'job'>): Promise<string | undefined>;
  /** Records the output unless one is there already. */
  record(envelope: Envelope, output: string): Promise<'created' | 'exists'>;
}

type Item = { readonly [name: string]: { readonly S?: string; readonly N?: string } };

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
        return (answer as { readonly Item?: Item }).Item?.['output']?.S;
      } catch (thrown) {
        throw refusal(`GetItem on table ${table}`, thrown);
      }
    },

    async record({ block, job, operation, attempt, execution }, output) {
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
        completed_at: { S: new Date(ports.now()).toISOString() },
      };
      const condition = `attribute_not_exists(${partitionKey})`;
      try {
        await call(dynamodb, 'PutItem', { TableName: table, Item: item, ConditionExpression: condition });
        return 'created';
      } catch (thrown) {
        if (thrown instanceof CallError && thrown.type === 'ConditionalCheckFailedException') return 'exists';
        throw refusal(`PutItem on table ${table}`, thrown);
      }
    },
  };
}
