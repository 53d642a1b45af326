/**
 * What a handler that works for long keeps of its way, to go on from there when it is tried again. Costs a call only
 * where a handler asks for it.
 */
import { jobErrors } from '../errors.ts';
import { environment, isMilestone, maxProgressBytes, progressKey, tables } from '../storage-layout.ts';
import type { Envelope } from './envelope.ts';
import { jobError } from './job-error.ts';
import type { WrapperPorts } from './ports.ts';
import { leakedSecret } from './secrets.ts';
import { dynamodb, refusal, type SignedCall } from './signed-calls.ts';

export interface CheckpointOptions {
  /**
   * Keeps the value under this name (letters, digits, `-` and `_`, at most 64), beside all that is kept later: the end
   * of a part of the work that is not to be done again.
   */
  readonly milestone?: string;
}

/** What of it a handler is given. */
export interface Progress {
  /**
   * Keeps a JSON value of at most 256 KiB in place of the one before. Another try of the job within the session's
   * generation is given it by `checkpointed`.
   *
   * @example await ctx.checkpoint({ page: 17 });
   * @example await ctx.checkpoint({ files }, { milestone: 'listed' });
   * @throws an error named `Bunsui.OutputTooLarge`, or `Bunsui.OutputInvalid` for what is no JSON or holds a secret
   */
  checkpoint(value: unknown, options?: CheckpointOptions): Promise<void>;
  /**
   * What an earlier try has kept last, or as the given milestone; `undefined` when there is nothing. Not checked: it is
   * what some version of the handler has kept, or a person.
   *
   * @example const { page = 1 } = (await ctx.checkpointed<{ page: number }>()) ?? {};
   */
  checkpointed<T = unknown>(milestone?: string): Promise<T | undefined>;
}

function jsonOf(value: unknown, job: string): string {
  const text = JSON.stringify(value);
  if (text === undefined) throw jobError(jobErrors.outputInvalid, `the checkpoint of ${job} is no JSON value`);
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxProgressBytes) return text;
  const message = `the checkpoint of ${job} is ${bytes} bytes, at most ${maxProgressBytes} are kept; keep the key of an object in S3`;
  throw jobError(jobErrors.outputTooLarge, message);
}

function checkedName(milestone: string | undefined): string | undefined {
  if (milestone === undefined || isMilestone(milestone)) return milestone;
  const message = `"${String(milestone).slice(0, 80)}" is no name of a milestone: letters, digits, - and _, at most 64`;
  throw jobError(jobErrors.outputInvalid, message);
}

/** Kept in the memory of this process, where nothing is recorded: a unit test. */
export function progressInMemory(job: string): Progress {
  const kept = new Map<string | undefined, string>();
  return {
    checkpoint: async (value, { milestone } = {}) => {
      kept.set(checkedName(milestone), jsonOf(value, job));
    },
    checkpointed: async <T>(milestone?: string) => {
      const text = kept.get(checkedName(milestone));
      return text === undefined ? undefined : (JSON.parse(text) as T);
    },
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
  const keyOf = (milestone: string | undefined) => ({
    [partitionKey]: { S: block.session },
    [sortKey]: { S: progressKey(job, block.generation, checkedName(milestone)) },
  });
  return {
    async checkpoint(value, { milestone } = {}) {
      const Key = keyOf(milestone);
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
        ...(milestone === undefined ? {} : { milestone: { S: milestone } }),
        value: { S: text },
        kept_at: { S: new Date(ports.now()).toISOString() },
      };
      try {
        await call(dynamodb, 'PutItem', { TableName: table, Item });
      } catch (thrown) {
        throw refusal(`PutItem on table ${table}`, thrown);
      }
    },
    async checkpointed<T>(milestone?: string) {
      const Key = keyOf(milestone);
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
