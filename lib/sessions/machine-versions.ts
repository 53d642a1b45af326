/**
 * Published versions of state machines that nobody needs any more. A deployment leaves the versions before it, for the
 * sessions that began on them, and Step Functions keeps a thousand per machine: a deployment that published one more
 * would fail. Versions of functions stay: what limits them is 75 GB of code per region, hundreds of thousands of bundles.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/apireference/API_PublishStateMachineVersion.html
 */
import { DeleteStateMachineVersionCommand, ListStateMachineVersionsCommand, type SFNClient } from '@aws-sdk/client-sfn';

/** So many are left in any case. */
const kept = 500;
/** How long an execution can be redriven after its end; a session that waits longer for its turn is past help. */
const keptMs = 14 * 86_400_000;
/** Deleting is allowed once a second, and a hundred times at once: the rest is done the next time. */
const deletedAtOnce = 50;

/** Whether it is the minute of the day in which versions are pruned: asking for them is allowed less often than that. */
export function isPruningTime(nowMs: number): boolean {
  return Math.floor(nowMs / 60_000) % 1_440 === 0;
}

/**
 * Deletes versions that are neither among the latest nor young. Executions that run are not touched.
 *
 * @returns ARNs of what was deleted
 */
export async function pruneVersions(
  sfn: Pick<SFNClient, 'send'>,
  stateMachineArn: string,
  nowMs: number,
): Promise<readonly string[]> {
  // The newest come first.
  const { stateMachineVersions = [] } = await sfn.send(
    new ListStateMachineVersionsCommand({ stateMachineArn, maxResults: 1_000 }),
  );
  const old = stateMachineVersions
    .slice(kept)
    .filter(({ creationDate }) => creationDate !== undefined && creationDate.getTime() < nowMs - keptMs)
    .flatMap(({ stateMachineVersionArn }) => stateMachineVersionArn ?? [])
    .slice(-deletedAtOnce);
  for (const stateMachineVersionArn of old) {
    await sfn.send(new DeleteStateMachineVersionCommand({ stateMachineVersionArn }));
  }
  return old;
}
