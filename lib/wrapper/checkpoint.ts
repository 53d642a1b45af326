/**
 * Checkpoints: the record that a job has completed, one conditional write in DynamoDB. Signed fetches, no SDK: this
 * rides in every function.
 */
import { AwsV4Signer } from 'aws4fetch';
import { jobErrors } from '../errors.ts';
import { checkpointKey, environment, tables } from '../storage-layout.ts';
import type { Envelope } from './envelope.ts';
import { asError, jobError } from './job-error.ts';
import type { WrapperPorts } from './ports.ts';

/** Reads and writes the checkpoint of one job. */
export interface Checkpoints {
  /** @returns the recorded output (JSON text), or undefined when the job has not completed in this generation */
  find(envelope: Envelope): Promise<string | undefined>;
  /** Records the output unless one is there already. */
  record(envelope: Envelope, output: string): Promise<'created' | 'exists'>;
}

const maxTries = 10;
const firstDelayMs = 50;
const maxDelayMs = 2_000;
/** A call of DynamoDB takes milliseconds; one that takes this long is lost. */
const maxCallMs = 5_000;

/** Answers with status 400 that the same call may get past. */
const passing = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'ThrottledException',
  'Throttling',
  'RequestLimitExceeded',
  'TransactionInProgressException',
  'InternalServerError',
]);

type Item = { readonly [name: string]: { readonly S?: string; readonly N?: string } };

interface Answer {
  readonly Item?: Item;
}

class CallError extends Error {
  override readonly name = 'CallError';
  readonly type: string;
  constructor(type: string, message: string) {
    super(message);
    this.type = type;
  }
}

/**
 * Checkpoints in the job-history table that the environment names.
 *
 * @param remainingMs how long the function still has
 * @returns undefined when the environment names no table: then nothing is recorded
 */
export function checkpoints(ports: WrapperPorts, remainingMs: () => number): Checkpoints | undefined {
  const env = ports.environment;
  const table = env[environment.jobHistoryTable];
  if (table === undefined || table === '') return undefined;
  const region = env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? 'us-east-1';
  const endpoint =
    env['AWS_ENDPOINT_URL_DYNAMODB'] ?? env['AWS_ENDPOINT_URL'] ?? `https://dynamodb.${region}.amazonaws.com`;
  const { partitionKey, sortKey } = tables.jobHistory;

  const callOnce = async (operation: string, body: string): Promise<Answer> => {
    const signer = new AwsV4Signer({
      method: 'POST',
      url: endpoint,
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `DynamoDB_20120810.${operation}` },
      body,
      service: 'dynamodb',
      region,
      accessKeyId: env['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: env['AWS_SECRET_ACCESS_KEY'] ?? '',
      ...(env['AWS_SESSION_TOKEN'] === undefined ? {} : { sessionToken: env['AWS_SESSION_TOKEN'] }),
    });
    const { method, url, headers } = await signer.sign();
    const signal = AbortSignal.timeout(Math.max(1, Math.min(maxCallMs, Math.floor(remainingMs()))));
    const response = await ports.fetch(url, { method, headers, body, signal });
    const text = await response.text();
    if (response.status === 200) return JSON.parse(text) as Answer;
    let answer: { readonly __type?: string; readonly message?: string; readonly Message?: string } = {};
    try {
      answer = JSON.parse(text) as typeof answer;
    } catch {
      // A proxy's error page: the status has to do.
    }
    const type = answer.__type?.split('#').at(-1) ?? `status ${response.status}`;
    if (response.status === 400 && !passing.has(type))
      throw new CallError(type, answer.message ?? answer.Message ?? type);
    throw new Error(`${type}: ${answer.message ?? answer.Message ?? text.slice(0, 200)}`);
  };

  /** @throws CallError for what no repetition helps; a job error when the tries or the time are used up */
  const call = async (operation: string, request: object): Promise<Answer> => {
    const body = JSON.stringify(request);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await callOnce(operation, body);
      } catch (thrown) {
        if (thrown instanceof CallError) throw thrown;
        const delayMs = ports.random() * Math.min(maxDelayMs, firstDelayMs * 2 ** (attempt - 1));
        if (attempt >= maxTries || delayMs >= remainingMs()) {
          const { message } = asError(thrown);
          const why = `${operation} on table ${table} failed ${attempt} times, at last by: ${message}`;
          throw jobError(jobErrors.recordFailed, why, thrown);
        }
        await ports.sleep(delayMs);
      }
    }
  };

  const refused = (operation: string, thrown: unknown): Error =>
    thrown instanceof CallError
      ? jobError(
          jobErrors.recordFailed,
          `${operation} on table ${table} was refused: ${thrown.type}: ${thrown.message}`,
          thrown,
        )
      : asError(thrown);

  return {
    async find({ block, job }) {
      const key = { [partitionKey]: { S: block.session }, [sortKey]: { S: checkpointKey(job, block.generation) } };
      try {
        const answer = await call('GetItem', { TableName: table, Key: key, ConsistentRead: true });
        return answer.Item?.['output']?.S;
      } catch (thrown) {
        throw refused('GetItem', thrown);
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
        await call('PutItem', { TableName: table, Item: item, ConditionExpression: condition });
        return 'created';
      } catch (thrown) {
        if (thrown instanceof CallError && thrown.type === 'ConditionalCheckFailedException') return 'exists';
        throw refused('PutItem', thrown);
      }
    },
  };
}
