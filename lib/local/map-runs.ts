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
  /** Executions by the ARNs of the runs and children in their journals, as far as somebody has asked. */
  const holders = new Map<string, string>();

  const runsIn = async (executionArn: string): Promise<readonly MapRunRecord[] | undefined> => {
    const content = await executions.journal(executionArn);
    if (content === undefined) return undefined;
    const definition = await machines.definition(content.header.definition);
    return mapRunsIn({ ...identityOf(content.header), definition }, content.records);
  };

  /** The runs of the execution that one of its runs, or a child of one, is looked for in. */
  const runsAround = async (
    arn: string,
    has: (run: MapRunRecord) => boolean,
  ): Promise<{ readonly holder: string; readonly runs: readonly MapRunRecord[] } | undefined> => {
    const [machine = '', id = ''] = arn.split(':').slice(6);
    const known = holders.get(arn);
    // A journal that has the id may only have been told of it.
    const candidates = known === undefined ? executions.mentioning(machine.split('/')[0] ?? '', id) : [known];
    for await (const holder of candidates) {
      const runs = (await runsIn(holder)) ?? [];
      if (!runs.some(has)) continue;
      holders.set(arn, holder);
      return { holder, runs };
    }
    return undefined;
  };
  const aroundRun = (arn: string) => runsAround(arn, ({ run }) => run.arn === arn);
  const aroundChild = (arn: string) =>
    runsAround(arn, ({ children }) => children.some(({ executionArn }) => executionArn === arn));

  return {
    async startedBy(executionArn) {
      const runs = isChildOfRun(executionArn) ? (await aroundChild(executionArn))?.runs : await runsIn(executionArn);
      return runs?.filter((run) => run.executionArn === executionArn);
    },
    async find(mapRunArn) {
      return (await aroundRun(mapRunArn))?.runs.find(({ run }) => run.arn === mapRunArn);
    },
    async child(executionArn) {
      for (const mapRun of (await aroundChild(executionArn))?.runs ?? []) {
        const child = mapRun.children.find((each) => each.executionArn === executionArn);
        if (child !== undefined) return { mapRun, child };
      }
      return undefined;
    },
    async change(mapRunArn, changes) {
      const { holder } = (await aroundRun(mapRunArn)) ?? {};
      const handle = holder === undefined ? undefined : await executions.driven(holder);
      return (await handle?.changeMapRun(mapRunArn, changes)) ?? false;
    },
    async stopChild(executionArn, error, cause) {
      const { holder } = (await aroundChild(executionArn)) ?? {};
      const handle = holder === undefined ? undefined : await executions.driven(holder);
      await handle?.stopChild(executionArn, error, cause);
    },
  };
}
