/**
 * What of a compiled pipeline goes out as files, among the assets of the app: CDK brings them with every deployment.
 *
 * The artifact, because CloudFormation can put no item into a table and no object into a bucket without a function of
 * its own; the definition ends with the mark by which bookkeeping finds it. And the definition, because a thousand jobs
 * would fill the template; functions are put into it while it is deployed.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, parse, relative } from 'node:path';
import { Stage } from 'aws-cdk-lib';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import type { Construct } from 'constructs';
import { BunsuiError, type SourcePosition } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { ContainerOperationIr, OperationIr } from '../ir/nodes.ts';
import { isContainer, isLambda } from '../ir/operations.ts';
import { deploymentMark } from '../storage-layout.ts';

/**
 * The artifact with places of source files relative to `folder`: records name no folders of whoever deployed, and the
 * same files give the same asset on every machine.
 */
export function portableArtifact(artifact: PipelineArtifact, folder: string): PipelineArtifact {
  const place = (source: SourcePosition): SourcePosition => ({ ...source, file: relative(folder, source.file) });
  const text = JSON.stringify(artifact, (name, value: unknown) =>
    name === 'source' && isPosition(value) ? place(value) : value,
  );
  const { pipeline, ...rest } = JSON.parse(text) as PipelineArtifact;
  const operations = Object.entries(pipeline.operations).map(([id, operation]) => [
    id,
    portableOperation(operation, folder),
  ]);
  return { ...rest, pipeline: { ...pipeline, operations: Object.fromEntries(operations) } };
}

/** Files of the author's, relative too. */
function portableOperation(operation: OperationIr, folder: string): OperationIr {
  if (isLambda(operation)) return { ...operation, entry: relative(folder, operation.entry) };
  if (isContainer(operation)) return portableContainer(operation, folder);
  const { standIn, ...rest } = operation;
  return standIn === undefined ? rest : { ...rest, standIn: relative(folder, standIn) };
}

function portableContainer(operation: ContainerOperationIr, folder: string): ContainerOperationIr {
  const { container, command, ...rest } = operation;
  const { image } = container;
  const built = 'folder' in image ? { folder: relative(folder, image.folder) } : image;
  return {
    ...rest,
    container: { ...container, image: built },
    ...(command === undefined ? {} : { command: { ...command, folder: relative(folder, command.folder) } }),
  };
}

function isPosition(value: unknown): value is SourcePosition {
  if (typeof value !== 'object' || value === null) return false;
  const { file, line, column } = value as { readonly [key: string]: unknown };
  return typeof file === 'string' && typeof line === 'number' && typeof column === 'number';
}

/** The artifact as a file among the assets of the app. Bookkeeping may read those that end so. */
export function artifactAsset(scope: Construct, artifact: PipelineArtifact): Asset {
  const text = JSON.stringify(portableArtifact(artifact, process.cwd()));
  return new Asset(scope, 'Artifact', { path: assemblyFile(scope, `${artifact.pipeline.id}.bunsui`, text) });
}

/**
 * Writes a text beside the app's assets.
 *
 * @param name with an extension, which the asset has too
 * @returns the file's path, which holds a hash of the text
 */
export function assemblyFile(scope: Construct, name: string, text: string): string {
  const outdir = Stage.of(scope)?.assetOutdir;
  if (outdir === undefined) {
    throw new BunsuiError('ConfigError', 'BS2002', `${scope.node.path} stands in no App: put its stack into one`);
  }
  const folder = join(outdir, 'pipelines');
  mkdirSync(folder, { recursive: true });
  const hash = createHash('sha256').update(text).digest('hex');
  const { name: base, ext } = parse(name);
  const path = join(folder, `${base}-${hash.slice(0, 16)}${ext}`);
  writeFileSync(path, text);
  return path;
}

/** The mark of an artifact, which a definition's comment ends with. */
export function markOf({ version }: PipelineArtifact, { s3BucketName, s3ObjectKey }: Asset): string {
  return deploymentMark({ version, bucket: s3BucketName, key: s3ObjectKey });
}
