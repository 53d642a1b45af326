/**
 * Who gets what is published: the topic of the platform and the queues of its channels, as a deployment's stack would
 * subscribe them. Told as a whole by whoever opens the platform, and kept, so that what is left is delivered by any.
 */
import { join } from 'node:path';
import { parseStored, readIfThere, writeFileAtomic } from './durable-files.ts';
import type { QueueEvents } from './queue-events.ts';
import type { MessageAttributes, QueueStore } from './queues.ts';

/** A channel's queue, and the function that delivers what is in it. */
export interface NoticeQueue {
  /** The channel's name, as the attribute `channels` of messages has it. */
  readonly channel: string;
  readonly queue: string;
  readonly deadLetters: string;
  readonly maxReceives: number;
  readonly visibilityTimeoutSeconds: number;
}

export interface NoticeRoutes {
  readonly topicArn: string;
  readonly functionName: string;
  readonly queues: readonly NoticeQueue[];
  /** The function that records events of executions that run, and tells of starts and retries. */
  readonly recordFunctionName: string;
  /** The function that tells of deadlines, when it is asked to. */
  readonly deadlineFunctionName?: string;
  /** Secrets that may be read: `env:NAME`, `file:/absolute/path`. */
  readonly secrets: readonly string[];
}

export interface Notices {
  set(routes: NoticeRoutes): Promise<void>;
  /** Puts a published message into the queues of the channels that it is for. */
  publish(topicArn: string, message: string, attributes: MessageAttributes): Promise<void>;
  isNamedSecret(name: string): boolean;
  /** The function that records events; `undefined` where no channel is declared. */
  recordFunction(): string | undefined;
  /** The function that tells of deadlines; `undefined` where no channel is declared. */
  deadlineFunction(): string | undefined;
}

/** Opens the routes of a state folder, and goes on with what is in the queues. */
export async function openNotices(stateDir: string, queues: QueueStore, events: QueueEvents): Promise<Notices> {
  const file = join(stateDir, 'notices.json');
  const text = await readIfThere(file);
  let routes = text === undefined ? undefined : (parseStored(file, text, 'remove it') as NoticeRoutes);

  const apply = async (wanted: NoticeRoutes) => {
    for (const { queue, deadLetters, maxReceives, visibilityTimeoutSeconds } of wanted.queues) {
      await queues.put(deadLetters, { visibilityTimeoutSeconds });
      const made = await queues.put(queue, { visibilityTimeoutSeconds, redrive: { deadLetters, maxReceives } });
      events.connect(made, wanted.functionName);
    }
  };
  if (routes !== undefined) await apply(routes);
  return {
    async set(wanted) {
      const before = routes;
      if (JSON.stringify(before) === JSON.stringify(wanted)) return;
      await apply(wanted);
      await writeFileAtomic(file, JSON.stringify(wanted));
      routes = wanted;
      const gone = (before?.queues ?? []).filter(({ queue }) => !wanted.queues.some((one) => one.queue === queue));
      for (const { queue: name } of gone) {
        const queue = queues.find(name);
        if (queue !== undefined) events.disconnect(queue);
      }
    },
    async publish(topicArn, message, attributes) {
      if (routes?.topicArn !== topicArn) return;
      const channels = listOf(attributes['channels']?.StringValue);
      const meant = routes.queues.filter(({ channel }) => channels.includes(channel));
      await Promise.all(meant.map(({ queue }) => queues.find(queue)?.send(message, {})));
    },
    isNamedSecret: (name) => routes?.secrets.includes(name) ?? false,
    deadlineFunction: () => ((routes?.queues.length ?? 0) > 0 ? routes?.deadlineFunctionName : undefined),
    recordFunction: () => ((routes?.queues.length ?? 0) > 0 ? routes?.recordFunctionName : undefined),
  };
}

function listOf(text: string | undefined): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
