/** Reads executions from the runtime: which are unfinished, and their events as they become durable. */
import { BunsuiError } from '../errors.ts';
import type { LocalClient } from '../local/client.ts';
import type { EventsNow, UnfinishedExecution } from './platform.ts';

/** Events after an id; waits up to 20 s for one when there are none yet. */
export async function readEvents(local: LocalClient, executionArn: string, after: number): Promise<EventsNow> {
  const route = `executions/${encodeURIComponent(executionArn)}/events?after=${after}`;
  // Written by our own runtime: its shape is that of the type.
  return (await local.private('GET', route)) as EventsNow;
}

/** As `readEvents`; `undefined` while there is no such execution. */
export async function readEventsIfThere(
  local: LocalClient,
  executionArn: string,
  after: number,
): Promise<EventsNow | undefined> {
  return readEvents(local, executionArn, after).catch((thrown: unknown) => {
    if (thrown instanceof BunsuiError && thrown.context['code'] === 'ExecutionDoesNotExist') return undefined;
    throw thrown;
  });
}

/** Executions without an end, whether somebody works on them or not. */
export async function unfinishedExecutions(local: LocalClient): Promise<readonly UnfinishedExecution[]> {
  const { unfinished } = (await local.private('GET', 'executions')) as {
    readonly unfinished: readonly { readonly executionArn: string; readonly name: string }[];
  };
  return unfinished.map(({ executionArn, name }) => ({
    executionArn,
    session: /^session-(.+)-\d+$/.exec(name)?.[1] ?? name,
  }));
}
