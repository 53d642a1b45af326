/**
 * The artifact of a compiled pipeline as an asset, and the mark by which bookkeeping finds it. CloudFormation can put no
 * item into a table and no object into a bucket without a function of its own; CDK brings assets with every deployment.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Stage } from 'aws-cdk-lib';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import type { Construct } from 'constructs';
import { BunsuiError, type SourcePosition } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
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
    { ...operation, entry: relative(folder, operation.entry) },
  ]);
  return { ...rest, pipeline: { ...pipeline, operations: Object.fromEntries(operations) } };
}

function isPosition(value: unknown): value is SourcePosition {
  if (typeof value !== 'object' || value === null) return false;
  const { file, line, column } = value as { readonly [key: string]: unknown };
  return typeof file === 'string' && typeof line === 'number' && typeof column === 'number';
}

/** The artifact as a file among the assets of the app. */
export function artifactAsset(scope: Construct, artifact: PipelineArtifact): Asset {
  const text = JSON.stringify(portableArtifact(artifact, process.cwd()));
  const hash = createHash('sha256').update(text).digest('hex');
  const outdir = Stage.of(scope)?.assetOutdir;
  if (outdir === undefined) {
    throw new BunsuiError('ConfigError', 'BS2002', `${scope.node.path} stands in no App: put its stack into one`);
  }
  const folder = join(outdir, 'pipelines');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${artifact.pipeline.id}-${hash.slice(0, 16)}.json`);
  writeFileSync(path, text);
  return new Asset(scope, 'Artifact', { path });
}

/** The definition whose comment ends with the mark of the artifact. */
export function markDefinition(artifact: PipelineArtifact, asset: Asset): PipelineArtifact['definition'] {
  const { definition, version } = artifact;
  const comment = typeof definition['Comment'] === 'string' ? `${definition['Comment']} ` : '';
  const mark = deploymentMark({ version, bucket: asset.s3BucketName, key: asset.s3ObjectKey });
  return { ...definition, Comment: `${comment}${mark}` };
}
