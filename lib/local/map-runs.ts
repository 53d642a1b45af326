/**
 * Map runs of distributed Maps and their child executions, found by their ARNs. Both are in the journal of the execution
 * that has started them, and nowhere else: it is read when somebody asks.
 */
import { type ChildRecord, type MapRunRecord, mapRunsIn } from '../engine/map-run-records.ts';
import type { RunChanges } from '../engine/map-run-state.ts';
import { identityOf } from './execution-driving.ts';
import type { Executions } from './executions.ts';
import type { MachineStore } from './machines.ts';

export interface ChildOfRun {
  readonly mapRun: MapRunRecord;
  readonly child: ChildRecord;
}

export interface MapRuns {
  /** Those that an execution has started, which may be a child itself; undefined when there is no such execution. */
  startedBy(executionArn: string): Promise<readonly MapRunRecord[] | undefined>;
  find(mapRunArn: string): Promise<MapRunRecord | undefined>;
  child(executionArn: string): Promise<ChildOfRun | undefined>;
  /** Changes the settings of a run. @returns whether it is under way */
  change(mapRunArn: string, changes: RunChanges): Promise<boolean>;
  /** Aborts a child, if it runs; durable when this resolves. */
  stopChild(executionArn: string, error?: string, cause?: string): Promise<void>;
}

/** An execution of `machine/label` is a child of a run. */
export function isChildOfRun(executionArn: string): boolean {
  return executionArn.split(':')[6]?.includes('/') ?? false;
}

export function mapRunsOf(executions: Executions, machines: MachineStore): MapRuns {
  /** Executions by what has been found in their journals. Only executions can have it, and none loses it. */
  const holders = new Map<string, string>();
  const holderOf = async (arn: string): Promise<string | undefined> => {
    const [machine = '', id = ''] = arn.split(':').slice(6);
    const known = holders.get(arn);
    if (known !== undefined || id === '') return known;
    const found = await executions.mentioning(machine.split('/')[0] ?? '', id);
    if (found !== undefined) holders.set(arn, found);
    return found;
  };

  const runsIn = async (executionArn: string): Promise<readonly MapRunRecord[] | undefined> => {
    const content = await executions.journal(executionArn);
    if (content === undefined) return undefined;
    const definition = await machines.definition(content.header.definition);
    const runs = mapRunsIn({ ...identityOf(content.header), definition }, content.records);
    for (const { run } of runs) holders.set(run.arn, executionArn);
    return runs;
  };
  const runsAround = async (arn: string): Promise<readonly MapRunRecord[]> => {
    const holder = await holderOf(arn);
    return holder === undefined ? [] : ((await runsIn(holder)) ?? []);
  };

  const child = async (executionArn: string): Promise<ChildOfRun | undefined> => {
    for (const mapRun of await runsAround(executionArn)) {
      const found = mapRun.children.find((each) => each.executionArn === executionArn);
      if (found !== undefined) return { mapRun, child: found };
    }
    return undefined;
  };

  return {
    child,
    async startedBy(executionArn) {
      const startedHere = (runs: readonly MapRunRecord[]) => runs.filter((run) => run.executionArn === executionArn);
      if (!isChildOfRun(executionArn)) {
        const runs = await runsIn(executionArn);
        return runs && startedHere(runs);
      }
      return (await child(executionArn)) === undefined ? undefined : startedHere(await runsAround(executionArn));
    },
    async find(mapRunArn) {
      return (await runsAround(mapRunArn)).find(({ run }) => run.arn === mapRunArn);
    },
    async change(mapRunArn, changes) {
      const holder = await holderOf(mapRunArn);
      const handle = holder === undefined ? undefined : await executions.driven(holder);
      return (await handle?.changeMapRun(mapRunArn, changes)) ?? false;
    },
    async stopChild(executionArn, error, cause) {
      const holder = await holderOf(executionArn);
      const handle = holder === undefined ? undefined : await executions.driven(holder);
      await handle?.stopChild(executionArn, error, cause);
    },
  };
}
