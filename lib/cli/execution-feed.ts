/** Reads executions from the runtime: which are unfinished, and their events as they become durable. */
import type { LocalClient } from '../local/client.ts';
import type { EventPage } from './follow.ts';

export interface RuntimeEventPage extends EventPage {
  /** False while an unfinished execution waits for somebody to resume it. */
  readonly driven: boolean;
}

/** Events after an id; waits up to 20 s for one when there are none yet. */
export async function readEvents(local: LocalClient, executionArn: string, after: number): Promise<RuntimeEventPage> {
  const route = `executions/${encodeURIComponent(executionArn)}/events?after=${after}`;
  // Written by our own runtime: its shape is that of the type.
  return (await local.private('GET', route)) as RuntimeEventPage;
}

export interface UnfinishedExecution {
  readonly executionArn: string;
  /** Of the session that it runs; the whole name when it is none of ours. */
  readonly session: string;
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
