/**
 * Brings pipelines to the deployed platform through the APIs of its services: a few functions for all of them, and a
 * machine each, which differs in nothing from those that CDK makes. Platform and books are those of the deployment; a
 * stack for every row of the fixture table would take minutes.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { CreateStateMachineCommand, DescribeStateMachineCommand } from '@aws-sdk/client-sfn';
import type { Pipeline } from 'bunsui';
import { inject } from 'vitest';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { portableArtifact } from '../../lib/constructs/deployed-artifact.ts';
import { placeFunctions } from '../../lib/constructs/place-functions.ts';
import type { PipelineArtifact } from '../../lib/ir/artifact.ts';
import { withFingerprints } from '../../lib/ir/fingerprints.ts';
import { lambdasOf } from '../../lib/ir/operations.ts';
import { withStandIns } from '../../lib/local/stand-ins.ts';
import {
  childMachineName,
  deploymentMark,
  environment,
  gatesTableName,
  payloadPrefix,
  readDeploymentMark,
} from '../../lib/storage-layout.ts';
import { functionMaker } from './functions.ts';
import { main, target } from './platforms.ts';

const role = `arn:aws:iam::${target.accountId}:role/rows`;
const gatesTable = gatesTableName('bunsui');
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Deploys a pipeline. @param budget of a machine. @default that of every deployment */
export type Deploy = (
  pipeline: Pipeline,
  budget?: { readonly bytes: number; readonly events: number },
) => Promise<void>;

/** Makes something that deploys pipelines to the platform, each once. */
export async function deployer(): Promise<Deploy> {
  const { sfn, s3, names } = main.deps;
  // What CDK has said of one machine holds for all.
  const model = await sfn.send(new DescribeStateMachineCommand({ stateMachineArn: main.machine('flights') }));
  const { loggingConfiguration, roleArn, definition = '{}' } = model;
  const assets = readDeploymentMark((JSON.parse(definition) as { readonly Comment: string }).Comment);
  if (assets === undefined) throw new Error('the machine of flights has no mark');
  const functionsOf = functionMaker(mkdtempSync(join(inject('localstack').temporary, 'rows-')), role, {
    [environment.jobHistoryTable]: names.jobHistoryTable,
    [environment.bucket]: names.bucket,
    [environment.payloads]: payloadPrefix('rows'),
    [environment.gatesTable]: gatesTable,
  });

  const deploy: Deploy = async ({ ir, calls }, budget) => {
    // What is called first, each once.
    await Promise.all(Object.values(calls).map((one) => deployOnce(one)));
    const compiled = compilePipeline(ir, { sha256, ...(budget && { budget }) });
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
    // No handler changes while tests run: its file stands for its code.
    const code = new Map(lambdasOf(ir).map(({ id, entry }) => [id, sha256(entry)]));
    const artifact = withFingerprints(compiled.artifact, { sha256, code });
    const { version, states } = artifact;
    const key = `rows/${ir.id}-${version}.bunsui`;
    const { own, standIns } = await functionsOf(artifact.pipeline);
    const Body = JSON.stringify(portableArtifact(artifact, process.cwd()));
    await s3.send(new PutObjectCommand({ Bucket: assets.bucket, Key: key, Body }));
    const comment = deploymentMark({ version, bucket: assets.bucket, key });
    const createMachine = async (
      name: string,
      machine: PipelineArtifact['definition'],
      options: { readonly comment?: string; readonly publish?: boolean },
    ): Promise<string> => {
      const { comment, publish } = options;
      const child = (number: number) => children[number - 1] ?? '';
      const placed = {
        gatesTable,
        machine: child,
        pipeline: main.machine,
        ...(comment === undefined ? {} : { comment }),
      };
      const definition = placeFunctions(withStandIns(machine, states, standIns), own, placed).text;
      const made = await sfn.send(
        new CreateStateMachineCommand({ name, definition, roleArn, loggingConfiguration, publish }),
      );
      return made.stateMachineVersionArn ?? made.stateMachineArn ?? '';
    };
    // Children first: the root's definition names their versions.
    const children: string[] = [];
    for (const [index, shard] of (artifact.shards ?? []).entries()) {
      children.push(await createMachine(childMachineName('bunsui-', ir.id, index + 1), shard, { publish: true }));
    }
    await createMachine(`bunsui-${ir.id}`, artifact.definition, { comment });
  };
  const deployed = new Map<string, Promise<void>>();
  const deployOnce: Deploy = (pipeline, budget) => {
    const known = deployed.get(pipeline.ir.id) ?? deploy(pipeline, budget);
    deployed.set(pipeline.ir.id, known);
    return known;
  };
  return deployOnce;
}
