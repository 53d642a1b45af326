/**
 * Tasks that wait for their token: who ends them, and how. In memory: after a crash the engine starts such a task again,
 * with the same token.
 */
import type { Json, TaskOutcome } from '../engine/ports.ts';
import { AwsFault } from './aws-fault.ts';

export interface TaskTokens {
  /** Settles when somebody ends the task; never when `signal` is aborted before. */
  wait(token: string, signal: AbortSignal, heartbeat: () => void): Promise<TaskOutcome>;
  /** @throws {AwsFault} TaskTimedOut when no task waits for this token (any more) */
  end(token: string, outcome: TaskOutcome): void;
  /** @throws {AwsFault} TaskTimedOut, as `end` */
  beat(token: string): void;
}

interface Waiting {
  readonly settle: (outcome: TaskOutcome) => void;
  readonly heartbeat: () => void;
}

export function taskTokens(): TaskTokens {
  const waiting = new Map<string, Waiting>();
  const find = (token: string): Waiting => {
    const found = waiting.get(token);
    if (found === undefined) throw new AwsFault('TaskTimedOut', 'Task Timed Out: no task waits for this token');
    return found;
  };
  return {
    wait: (token, signal, heartbeat) =>
      new Promise((settle) => {
        const own: Waiting = { settle, heartbeat };
        waiting.set(token, own);
        const forget = () => waiting.get(token) === own && waiting.delete(token);
        signal.addEventListener('abort', forget, { once: true });
      }),
    end(token, outcome) {
      const { settle } = find(token);
      waiting.delete(token);
      settle(outcome);
    },
    beat: (token) => find(token).heartbeat(),
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
