/**
 * Tasks that wait for their token: who ends them, and how. In memory: after a crash the engine starts such a task again,
 * with the same token.
 */
import type { Json, TaskOutcome } from '../engine/ports.ts';
import { AwsFault } from './aws-fault.ts';

export interface TaskTokens {
  /** Settles when somebody ends the task; never when `signal` is aborted before. */
  wait(token: string, signal: AbortSignal): Promise<TaskOutcome>;
  /** @throws {AwsFault} TaskTimedOut when no task waits for this token (any more) */
  end(token: string, outcome: TaskOutcome): void;
  /** @throws {AwsFault} TaskTimedOut, as `end` */
  requireWaiting(token: string): void;
}

export function taskTokens(): TaskTokens {
  const waiting = new Map<string, (outcome: TaskOutcome) => void>();
  const find = (token: string) => {
    const settle = waiting.get(token);
    if (settle === undefined) throw new AwsFault('TaskTimedOut', 'Task Timed Out: no task waits for this token');
    return settle;
  };
  return {
    wait: (token, signal) =>
      new Promise((settle) => {
        waiting.set(token, settle);
        const forget = () => waiting.get(token) === settle && waiting.delete(token);
        signal.addEventListener('abort', forget, { once: true });
      }),
    end(token, outcome) {
      const settle = find(token);
      waiting.delete(token);
      settle(outcome);
    },
    requireWaiting: (token) => void find(token),
  };
}

/** The output that a task is ended with. @throws {AwsFault} InvalidOutput when it is no JSON */
export function taskOutput(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new AwsFault('InvalidOutput', "Invalid Output: 'the output is not JSON'");
  }
}
