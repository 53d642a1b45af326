/**
 * Finds out which jobs of a session have completed and are to be undone: the handler of the first job of a compensation
 * (lib/ir/compensation.ts). In: the jobs and the maps around them, as a tree. Out: the same tree with the paths of
 * what has completed, an empty text for what has not; a list for each map or loop, the last iteration first.
 */
import { environment, tables, undoablePrefix, undoFence } from '../storage-layout.ts';
import { checkpoints } from './checkpoint.ts';
import { functionPorts, type WrapperPorts } from './ports.ts';
import { dynamodb, signedCalls } from './signed-calls.ts';
import { type HandlerContext, type LambdaHandler, wrapHandler } from './wrap-handler.ts';

/** Jobs, and maps and loops with jobs in them, by their ids (`UndoTree` of lib/ir/compensation.ts). */
export interface JobTree {
  readonly [node: string]: 'job' | JobTree;
}

/** Paths by the nodes of the tree. */
export interface Completed {
  readonly [node: string]: string | readonly Completed[];
}

/** What has completed, in the shape of the tree. */
export function completedTree(tree: JobTree, paths: readonly string[], before = ''): Completed {
  const entries = Object.entries(tree).map(([id, inner]) => {
    const path = `${before}${id}`;
    if (inner === 'job') return [id, paths.includes(path) ? path : ''] as const;
    const inside = paths.filter((one) => one.startsWith(`${path}[`));
    const iterations = Map.groupBy(inside, (one) => Number(one.slice(path.length + 1).split(']', 1)[0]));
    const indexes = [...iterations.keys()].sort((a, b) => b - a);
    return [
      id,
      indexes.map((index) => completedTree(inner, iterations.get(index) ?? [], `${path}[${index}]/`)),
    ] as const;
  });
  return Object.fromEntries(entries);
}

/** How often it looks whether functions that still run have ended. */
const pollMs = 1_000;
/** So many checkpoints are read at once. */
const readsAtOnce = 16;

interface Began {
  readonly job: string;
  readonly runsUntilMs: number;
}

/** @param ports tests give others */
export function completedJobsHandler(ports: WrapperPorts = functionPorts()): LambdaHandler {
  const anything = { '~standard': { validate: (value: unknown) => ({ value }) } };
  const run = async ({ jobs }: { readonly jobs: JobTree }, context: HandlerContext) => {
    const { session, generation, log, remainingTimeMs } = context;
    const call = signedCalls(ports, remainingTimeMs);
    const store = checkpoints(ports, call);
    const table = ports.environment[environment.jobHistoryTable];
    if (store === undefined) return completedTree(jobs, []);
    const { partitionKey, sortKey } = tables.jobHistory;
    const fence = { [partitionKey]: { S: session }, [sortKey]: { S: undoFence(generation) } };
    await call(dynamodb, 'PutItem', { TableName: table, Item: { ...fence, record_type: { S: 'undoing' } } });

    const began = async (): Promise<readonly Began[]> => {
      const found: Began[] = [];
      let from: unknown;
      do {
        const page = (await call(dynamodb, 'Query', {
          TableName: table,
          KeyConditionExpression: '#session = :session AND begins_with(#key, :prefix)',
          ExpressionAttributeNames: { '#session': partitionKey, '#key': sortKey },
          ExpressionAttributeValues: { ':session': { S: session }, ':prefix': { S: undoablePrefix(generation) } },
          ConsistentRead: true,
          ...(from === undefined ? {} : { ExclusiveStartKey: from }),
        })) as { readonly Items?: readonly Item[]; readonly LastEvaluatedKey?: unknown };
        for (const { job_id: job, runs_until_ms: until } of page.Items ?? [])
          if (job?.S !== undefined) found.push({ job: job.S, runsUntilMs: Number(until?.N ?? 0) });
        from = page.LastEvaluatedKey;
      } while (from !== undefined);
      return found;
    };
    const stands = new Set<string>();
    const look = async (list: readonly string[]): Promise<void> => {
      for (let at = 0; at < list.length; at += readsAtOnce)
        await Promise.all(
          list.slice(at, at + readsAtOnce).map(async (job) => {
            const found = await store.find({ block: { session, generation, createdAt: '' }, job });
            if (found !== undefined && found.as !== 'skip') stands.add(job);
          }),
        );
    };
    // Where functions end with their tasks nobody has to be waited for but what is being written.
    const endsAtOnce = ports.environment[environment.functionsEndWithTasks] !== undefined;
    for (let round = 0; ; round += 1) {
      const all = await began();
      await look([...new Set(all.map(({ job }) => job))].filter((job) => !stands.has(job)));
      const running = all.filter(({ job, runsUntilMs }) => !stands.has(job) && runsUntilMs > ports.now());
      if (running.length === 0 || (endsAtOnce && round > 0)) break;
      if (round === 0)
        log.info('waits for what still runs', { jobs: [...new Set(running.map(({ job }) => job))].slice(0, 20) });
      await ports.sleep(pollMs);
    }
    log.info('found what is to be undone', { jobs: stands.size });
    return completedTree(jobs, [...stands]);
  };
  const made: { [operation: string]: LambdaHandler } = {};
  // One file serves every pipeline, whatever the operation is named there.
  return (event, context) => {
    const id = operationOf(event);
    made[id] ??= wrapHandler({ id, input: anything, output: anything }, run as never, ports);
    return made[id](event, context);
  };
}

type Item = { readonly [name: string]: { readonly S?: string; readonly N?: string } };

function operationOf(event: unknown): string {
  const sent = (event as { readonly bunsui?: { readonly operation?: unknown } } | null)?.bunsui?.operation;
  return typeof sent === 'string' ? sent : '';
}

export const handler: LambdaHandler = (event, context) => completedJobsHandler()(event, context);
