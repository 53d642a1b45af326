/** Pipelines that can be started: those that CloudFormation has deployed, or those that somebody has registered. */
import { ScanCommand } from '@aws-sdk/lib-dynamodb';
import { BunsuiError } from '../errors.ts';
import { isSafeId } from '../storage-layout.ts';
import { pipelineToStart } from './deployed.ts';
import type { StartDeps } from './deps.ts';
import { isChildMachine } from '../storage-layout.ts';
import { machinesOf } from './executions-of.ts';
import type { PipelineItem } from './items.ts';

export interface PipelinePage {
  /** In their current version, by id. */
  readonly pipelines: readonly PipelineItem[];
  /** Id of the last one; absent on the last page. */
  readonly last?: string;
}

/** Each asks Step Functions what is deployed, which answers some twenty times a second. */
const atOnce = 5;

/** @param page.after id of the last pipeline of the page before */
export async function listPipelines(
  deps: StartDeps,
  page: { readonly limit: number; readonly after?: string },
): Promise<PipelinePage> {
  const { limit, after = '' } = page;
  const ids = [...new Set(await pipelineIds(deps))].filter((id) => isSafeId(id) && id > after).sort();
  const pipelines: PipelineItem[] = [];
  let seen = 0;
  while (pipelines.length < limit && seen < ids.length) {
    const next = ids.slice(seen, seen + Math.min(atOnce, limit - pipelines.length));
    seen += next.length;
    const found = await Promise.all(next.map((id) => currentOrNone(deps, id)));
    pipelines.push(...found.filter((item) => item !== undefined));
  }
  const last = pipelines.at(-1)?.pipeline_id;
  return seen < ids.length && last !== undefined ? { pipelines, last } : { pipelines };
}

async function pipelineIds(deps: StartDeps): Promise<readonly string[]> {
  const { deployments, sfn } = deps;
  if (deployments !== undefined) {
    const machines = await machinesOf(sfn, deployments.machines);
    return machines.map((arn) => arn.slice(deployments.machines.length)).filter((name) => !isChildMachine(name));
  }
  const ids: string[] = [];
  let from: Record<string, unknown> | undefined;
  do {
    const page = await deps.db.send(
      new ScanCommand({
        TableName: deps.names.pipelinesTable,
        ProjectionExpression: 'pipeline_id',
        ExclusiveStartKey: from,
      }),
    );
    ids.push(...((page.Items ?? []) as Pick<PipelineItem, 'pipeline_id'>[]).map(({ pipeline_id }) => pipeline_id));
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  return ids;
}

/** `undefined` for a machine that is no pipeline of ours, or was deleted a moment ago. */
async function currentOrNone(deps: StartDeps, id: string): Promise<PipelineItem | undefined> {
  try {
    return await pipelineToStart(deps, id);
  } catch (thrown) {
    if (thrown instanceof BunsuiError && thrown.code === 'BS3003') return undefined;
    throw thrown;
  }
}
