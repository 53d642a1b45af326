/**
 * Hands messages of queues to functions, as Lambda's event source mappings do: one at a time, two at once for each
 * queue. What a function does not take stays in its queue, for as long as the function or the queue says.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { FunctionPool } from './function-pool.ts';
import { md5OfBody, type Queue, type ReceivedMessage } from './queues.ts';
import type { RuntimeLog } from './runtime-log.ts';
import { queueArn, systemAttributes } from './sqs.ts';

export interface QueueEvents {
  /** Hands the messages of a queue to a function from now on. */
  connect(queue: Queue, functionName: string): void;
  /** Hands on no more messages of a queue. */
  disconnect(queue: Queue): void;
  /** Lets functions have what they have, and what is due, for two seconds at most. */
  close(): Promise<void>;
}

const consumersPerQueue = 2;
const graceMs = 2_000;

interface Connection {
  readonly functionName: string;
  readonly stopped: AbortController;
  readonly consumers: readonly Promise<void>[];
}

/** Opens the event sources of a runtime. */
export function openQueueEvents(
  place: { readonly region: string; readonly accountId: string },
  pool: FunctionPool,
  log: RuntimeLog,
): QueueEvents {
  const connections = new Map<string, Connection>();
  const closed = new AbortController();

  const hand = async (queue: Queue, functionName: string, message: ReceivedMessage) => {
    const config = pool.find(functionName);
    if (config === undefined) return log('warn', `a message of ${queue.name} waits: no function ${functionName}`);
    const result = await pool.invoke(config, JSON.stringify(eventOf(queue, message, place)), closed.signal);
    if (closed.signal.aborted) return;
    if (!result.ok) {
      const { errorType, errorMessage } = result.error;
      return log('warn', `a message of ${queue.name} was not taken by ${functionName}: ${errorType}: ${errorMessage}`);
    }
    if (isTaken(result.payload, message.id)) await queue.delete(message.handle);
  };
  const consume = async (queue: Queue, functionName: string, stopped: AbortSignal) => {
    while (!closed.signal.aborted) {
      const [message] = await queue.receive(1, stopped);
      if (message !== undefined) await hand(queue, functionName, message);
      else if (stopped.aborted) return;
    }
  };
  const start = (queue: Queue, functionName: string): Connection => {
    const stopped = new AbortController();
    const consumers = Array.from({ length: consumersPerQueue }, () =>
      consume(queue, functionName, stopped.signal).catch((error: unknown) =>
        log('error', `messages of ${queue.name} are not handed on any more: ${String(error)}`),
      ),
    );
    return { functionName, stopped, consumers };
  };
  return {
    connect(queue, functionName) {
      const known = connections.get(queue.name);
      if (known?.functionName === functionName) return;
      known?.stopped.abort();
      connections.set(queue.name, start(queue, functionName));
    },
    disconnect(queue) {
      connections.get(queue.name)?.stopped.abort();
      connections.delete(queue.name);
    },
    async close() {
      const consumers = [...connections.values()].flatMap((one) => one.consumers);
      for (const { stopped } of connections.values()) stopped.abort();
      const enough = new AbortController();
      const grace = wait(graceMs, undefined, { signal: enough.signal }).catch(() => {});
      await Promise.race([Promise.all(consumers), grace]);
      enough.abort();
      closed.abort();
    },
  };
}

/** @see https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
function eventOf(
  queue: Queue,
  message: ReceivedMessage,
  place: { readonly region: string; readonly accountId: string },
): object {
  return {
    Records: [
      {
        messageId: message.id,
        receiptHandle: message.handle,
        body: message.body,
        attributes: systemAttributes(message, place),
        messageAttributes: {},
        md5OfBody: md5OfBody(message.body),
        eventSource: 'aws:sqs',
        eventSourceARN: queueArn(place, queue.name),
        awsRegion: place.region,
      },
    ],
  };
}

/** Whether an answer leaves the message out of `batchItemFailures`. */
function isTaken(payload: string, messageId: string): boolean {
  const answer = JSON.parse(payload) as {
    readonly batchItemFailures?: readonly { readonly itemIdentifier?: string }[];
  } | null;
  return !(answer?.batchItemFailures ?? []).some(({ itemIdentifier }) => itemIdentifier === messageId);
}
