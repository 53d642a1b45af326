/**
 * What a handler that works for long keeps of its way, to go on from there when it is tried again. Costs a call only
 * where a handler asks for it.
 */
import { jobErrors } from '../errors.ts';
import { environment, progressKey, tables } from '../storage-layout.ts';
import type { Envelope } from './envelope.ts';
import { jobError } from './job-error.ts';
import type { WrapperPorts } from './ports.ts';
import { leakedSecret } from './secrets.ts';
import { dynamodb, refusal, type SignedCall } from './signed-calls.ts';

/** What of it a handler is given. */
export interface Progress {
  /**
   * Keeps a JSON value of at most 256 KiB in place of the one before. Another try of the job within the session's
   * generation is given it by `checkpointed`.
   *
   * @example await ctx.checkpoint({ page: 17 });
   * @throws an error named `Bunsui.OutputTooLarge`, or `Bunsui.OutputInvalid` for what is no JSON or holds a secret
   */
  checkpoint(value: unknown): Promise<void>;
  /**
   * What an earlier try has kept last; `undefined` when there is nothing. Not checked: it is what some version of the
   * handler has kept.
   *
   * @example const { page = 1 } = (await ctx.checkpointed<{ page: number }>()) ?? {};
   */
  checkpointed<T = unknown>(): Promise<T | undefined>;
}

const maxBytes = 262_144;

function jsonOf(value: unknown, job: string): string {
  const text = JSON.stringify(value);
  if (text === undefined) throw jobError(jobErrors.outputInvalid, `the checkpoint of ${job} is no JSON value`);
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxBytes) return text;
  const message = `the checkpoint of ${job} is ${bytes} bytes, at most ${maxBytes} are kept; keep the key of an object in S3`;
  throw jobError(jobErrors.outputTooLarge, message);
}

/** Kept in the memory of this process, where nothing is recorded: a unit test. */
export function progressInMemory(job: string): Progress {
  let kept: string | undefined;
  return {
    checkpoint: async (value) => {
      kept = jsonOf(value, job);
    },
    checkpointed: async <T>() => (kept === undefined ? undefined : (JSON.parse(kept) as T)),
  };
}

/**
 * Kept in the table of jobs that the environment names; in memory where it names none.
 *
 * @param secretIn name of a secret of the job whose value is in a text
 */
export function jobProgress(
  ports: WrapperPorts,
  call: SignedCall,
  envelope: Envelope,
  secretIn: (text: string) => string | undefined,
): Progress {
  const table = ports.environment[environment.jobHistoryTable];
  const { block, job, operation, attempt, execution } = envelope;
  if (table === undefined || table === '') return progressInMemory(job);
  const { partitionKey, sortKey } = tables.jobHistory;
  const Key = { [partitionKey]: { S: block.session }, [sortKey]: { S: progressKey(job, block.generation) } };
  return {
    async checkpoint(value) {
      const text = jsonOf(value, job);
      const secret = secretIn(text);
      if (secret !== undefined) throw leakedSecret(`the checkpoint of ${job}`, secret);
      const Item = {
        ...Key,
        record_type: { S: 'progress' },
        job_id: { S: job },
        operation_id: { S: operation },
        attempt: { N: String(attempt) },
        generation: { N: String(block.generation) },
        execution_arn: { S: execution },
        value: { S: text },
        kept_at: { S: new Date(ports.now()).toISOString() },
      };
      try {
        await call(dynamodb, 'PutItem', { TableName: table, Item });
      } catch (thrown) {
        throw refusal(`PutItem on table ${table}`, thrown);
      }
    },
    async checkpointed<T>() {
      try {
        const answer = await call(dynamodb, 'GetItem', { TableName: table, Key, ConsistentRead: true });
        const text = (answer as { readonly Item?: { readonly value?: { readonly S?: string } } }).Item?.value?.S;
        return text === undefined ? undefined : (JSON.parse(text) as T);
      } catch (thrown) {
        throw refusal(`GetItem on table ${table}`, thrown);
      }
    },
  };
}
