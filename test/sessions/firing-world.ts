/** A world with one pipeline of the given policy, whose executions can be stopped. */
import { ExecutionDoesNotExist, StopExecutionCommand } from '@aws-sdk/client-sfn';
import type { PipelineIr } from '../../lib/ir/nodes.ts';
import type { StartDeps } from '../../lib/sessions/deps.ts';
import type { SessionItem } from '../../lib/sessions/items.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { type Cloud, cloudOn, machineArn, nowMs } from './cloud.ts';
import { artifact } from './history-fixture.ts';
import type { LocalTables } from './local-tables.ts';

export type Policy = Pick<PipelineIr, 'schedules' | 'triggers' | 'overlap'>;
export const place = { file: '/work/flow.ts', line: 1, column: 1 };

export interface FiringWorld extends Cloud {
  readonly start: StartDeps;
  /** Deploys a version of the pipeline `flow`. */
  deploy(policy: Policy, version?: string): Promise<void>;
  /** Its sessions in the order of their ids. */
  sessions(): Promise<readonly SessionItem[]>;
}

export function firingWorld(tables: LocalTables): FiringWorld {
  const cloud = cloudOn(tables);
  const send = async (command: unknown): Promise<unknown> => {
    if (!(command instanceof StopExecutionCommand)) return cloud.deps.sfn.send(command as never);
    const call = cloud.calls.push('StopExecutionCommand');
    cloud.around?.('before', call);
    const execution = cloud.executions.get(command.input.executionArn ?? '');
    if (execution === undefined) throw new ExecutionDoesNotExist({ message: 'none', $metadata: {} });
    if (execution.status === 'RUNNING') execution.status = 'ABORTED';
    cloud.around?.('after', call);
    return {};
  };
  const { deps } = cloud;
  let deployed = 0;
  return Object.assign(cloud, {
    start: {
      db: deps.db,
      names: deps.names,
      s3: deps.s3,
      sfn: { send: send as StartDeps['sfn']['send'] },
      region: deps.region,
      now: () => deps.nowMs,
      entropy: deps.entropy,
    },
    async deploy(policy: Policy, version: string = artifact.version) {
      deployed += 1;
      const changed = { ...artifact, version, pipeline: { ...artifact.pipeline, ...policy } };
      await registerPipeline(
        { ...deps, now: () => nowMs + deployed },
        { artifact: changed, stateMachineArn: machineArn },
      );
    },
    async sessions() {
      const all = (await cloud.items('sessionsTable')) as unknown as readonly SessionItem[];
      const found = all.filter(({ session_id }) => !session_id.includes('#'));
      return found.sort((a, b) => (a.session_id < b.session_id ? -1 : 1));
    },
  });
}
