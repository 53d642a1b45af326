/** What a stack can hold, said in the author's words before CloudFormation would refuse it. */
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { PipelineIr } from '../ir/nodes.ts';
import { containersOf, lambdasOf } from '../ir/operations.ts';
import type { IPlatform } from './platform-interface.ts';

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
const stackResources = 500;
/** Function, version, role and log group; with a key of the customer a policy for it. */
const perOperation = 4;
/** Task definition, two roles, a policy and a log group. */
const perContainer = 5;
/** The cluster and the security group that they share. */
const perContainers = 2;
/** State machine, its version and alias, its role and the role's policy, one that takes what the first cannot hold, and the functions'. */
const perPipeline = 9;
/** A child machine and its version. */
const perChild = 2;

/**
 * How many resources the stack of a pipeline has, at least.
 *
 * @param children child machines
 */
export function resourcesOfPipeline(pipeline: PipelineIr, withKey: boolean, children = 0): number {
  const operations = lambdasOf(pipeline).length;
  const containers = containersOf(pipeline).length;
  const firings = (pipeline.schedules?.length ?? 0) + (pipeline.triggers?.length ?? 0);
  const inContainers = containers === 0 ? 0 : containers * perContainer + perContainers;
  return inContainers + perPipeline + operations * (perOperation + (withKey ? 1 : 0)) + children * perChild + firings;
}

/** @throws {BunsuiError} BS1113 when the pipeline alone has more resources than a stack holds */
export function requireRoom({ pipeline, shards = [] }: PipelineArtifact, { encryptionKey }: IPlatform): void {
  const children = shards.length;
  const resources = resourcesOfPipeline(pipeline, encryptionKey !== undefined, children);
  if (resources <= stackResources) return;
  const { id, source, operations } = pipeline;
  const parts = children === 0 ? '' : ` and ${children} child machines`;
  throw new BunsuiError(
    'PipelineError',
    'BS1113',
    `pipeline ${id} (${source.file}:${source.line}) has ${Object.keys(operations).length} operations${parts}, which make ${resources} resources, and CloudFormation takes ${stackResources} in a stack; let jobs share operations (one operation serves any number of jobs), or split the pipeline in two`,
  );
}
