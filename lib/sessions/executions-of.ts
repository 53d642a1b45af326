/** What Step Functions knows of the executions of a platform: those that run, and those of late. */
import {
  type ExecutionListItem,
  type ListExecutionsCommandInput,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  type SFNClient,
} from '@aws-sdk/client-sfn';

type Sfn = Pick<SFNClient, 'send'>;

export interface ListedExecution {
  readonly executionArn: string;
  readonly running: boolean;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Milliseconds since the epoch. */
  readonly stoppedAt?: number;
  readonly redriveCount: number;
}

const pageSize = 1_000;

/**
 * State machines whose ARN begins so, express ones left out: their executions have no history.
 *
 * @param machines ARN up to where names differ
 */
export async function machinesOf(sfn: Sfn, machines: string): Promise<readonly string[]> {
  const found: string[] = [];
  let nextToken: string | undefined;
  do {
    const page = await sfn.send(new ListStateMachinesCommand({ ...(nextToken === undefined ? {} : { nextToken }) }));
    for (const { stateMachineArn = '', type } of page.stateMachines ?? []) {
      if (type !== 'EXPRESS' && stateMachineArn.startsWith(machines)) found.push(stateMachineArn);
    }
    ({ nextToken } = page);
  } while (nextToken !== undefined);
  return found;
}

/**
 * The executions of a machine that run, that have begun since the given time, or that were redriven since then. Each
 * list has at most so many pages of 1,000.
 *
 * @param sinceMs milliseconds since the epoch
 */
export async function executionsOf(
  sfn: Sfn,
  stateMachineArn: string,
  sinceMs: number,
  maxPages: number,
): Promise<readonly ListedExecution[]> {
  const found = new Map<string, ListedExecution>();
  const list = async (
    filter: Pick<ListExecutionsCommandInput, 'statusFilter' | 'redriveFilter'>,
    wanted: (item: ExecutionListItem) => boolean,
  ): Promise<void> => {
    let nextToken: string | undefined;
    for (let pages = 0; pages < maxPages; pages += 1) {
      const more = nextToken === undefined ? {} : { nextToken };
      const page = await sfn.send(
        new ListExecutionsCommand({ stateMachineArn, maxResults: pageSize, ...filter, ...more }),
      );
      const items = page.executions ?? [];
      for (const item of items.filter(wanted)) {
        const { executionArn = '', status, startDate, stopDate, redriveCount = 0 } = item;
        found.set(executionArn, {
          executionArn,
          running: status === 'RUNNING',
          startedAt: (startDate ?? new Date(0)).toISOString(),
          ...(stopDate === undefined ? {} : { stoppedAt: stopDate.getTime() }),
          redriveCount,
        });
      }
      ({ nextToken } = page);
      // Newest first: what follows is older than the last one.
      const last = items.at(-1);
      if (nextToken === undefined || (last !== undefined && !wanted(last))) return;
    }
  };
  const since = (date: Date | undefined): boolean => (date?.getTime() ?? 0) >= sinceMs;
  await list({ redriveFilter: 'REDRIVEN' }, ({ redriveDate }) => since(redriveDate));
  await list({}, ({ startDate }) => since(startDate));
  await list({ statusFilter: 'RUNNING' }, () => true);
  return [...found.values()];
}
