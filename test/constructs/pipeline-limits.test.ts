import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import { beforeAll, describe, expect, it } from 'vitest';
import { definitionLimitBytes } from '../../lib/compiler/limits.ts';
import { deployedBytes } from '../../lib/compiler/sizes.ts';
import { artifactOf } from '../../lib/constructs/artifact-of.ts';
import { Pipeline, Platform, type PlatformProps } from '../../lib/constructs/index.ts';
import { resourcesOfPipeline } from '../../lib/constructs/pipeline-limits.ts';
import { freeze } from '../../lib/ir/freeze.ts';
import type { JobIr, PipelineIr } from '../../lib/ir/nodes.ts';
import { ensureLambdas, newApp } from './synth.ts';
import { thousand } from './thousand/pipeline.ts';
import { twoStep } from './two-step/pipeline.ts';

beforeAll(ensureLambdas);

/** Megabyte that CloudFormation takes for a template. */
const templateLimitBytes = 1_000_000;

/** A pipeline of so many operations, each with a job. */
function pipelineOf(operations: number): PipelineIr {
  const [first] = twoStep.ir.body.nodes;
  const { tidy } = twoStep.ir.operations;
  if (first?.kind !== 'job' || tidy === undefined) throw new Error('the fixture has a job and an operation "tidy"');
  const ids = Array.from({ length: operations }, (_, index) => `operation-${String(index).padStart(3, '0')}`);
  const input = { kind: 'object', fields: { rows: { kind: 'literal', value: 1 } } } as const;
  return freeze({
    ...twoStep.ir,
    operations: Object.fromEntries(ids.map((id) => [id, { ...tidy, id }])),
    body: { nodes: ids.map((id): JobIr => ({ ...first, id: `job-${id}`, operation: id, input, after: [] })) },
  });
}

/** The template of a pipeline in a stack of its own. Its functions are not bundled: nothing here is about them. */
function templateOf(ir: PipelineIr, props: (stack: Stack) => PlatformProps = () => ({})) {
  const app = newApp({ 'aws:cdk:bundling-stacks': [] });
  const shared = new Stack(app, 'Shared');
  const platform = new Platform(shared, 'Platform', props(shared));
  new Pipeline(new Stack(app, 'Own'), 'Pipeline', { platform, definition: { ir } });
  const { directory } = app.synth();
  const text = readFileSync(join(directory, 'Own.template.json'), 'utf8');
  const { Resources } = JSON.parse(text) as {
    readonly Resources: { readonly [id: string]: { readonly Type: string } };
  };
  return { bytes: Buffer.byteLength(text), resources: Object.values(Resources).map(({ Type }) => Type), Resources };
}

describe('a thousand jobs', () => {
  it('are a definition that Step Functions takes, in a template that is small', () => {
    const { bytes, resources } = templateOf(thousand.ir);
    expect(resources.length).toBeLessThanOrEqual(resourcesOfPipeline(thousand.ir, false));
    // The definition is elsewhere: this is what ten operations take.
    expect(bytes).toBeLessThan(templateLimitBytes / 20);
  });

  it('are refused with their number, when only letters that a deployment escapes make the definition too large', () => {
    const { artifact } = artifactOf(thousand);
    const room = definitionLimitBytes - deployedBytes(JSON.stringify(artifact.definition), thousand.ir.id);
    // Two bytes each in UTF-8, which would fit, and six where CloudFormation reads them.
    const full = freeze({ ...thousand.ir, description: 'é'.repeat((room - 200) / 2) });
    const { file, line } = thousand.ir.source;
    expect(() => templateOf(full)).toThrow(
      new RegExp(
        `BS1113: a state machine has [0-9]{7} bytes, and Step Functions takes ${definitionLimitBytes} \\(${file}:${line}:`,
      ),
    );
  });
});

describe('operations', () => {
  it('fill a stack to its last resource, and one more is refused before CloudFormation would', () => {
    const most = 122;
    const { resources, bytes } = templateOf(pipelineOf(most));
    expect(resources.length).toBeGreaterThan(490);
    expect(resources.length).toBeLessThanOrEqual(500);
    expect(bytes).toBeLessThan(templateLimitBytes);
    expect(() => templateOf(pipelineOf(most + 1))).toThrow(
      /^pipeline two-step \(.*\) has 123 operations, which make 501 resources, and CloudFormation takes 500 in a stack; let jobs share/,
    );
  });

  it('take one resource more each where the platform has a key', () => {
    const withKey = (stack: Stack): PlatformProps => ({ encryptionKey: new Key(stack, 'Key') });
    const ir = pipelineOf(98);
    const { resources } = templateOf(ir, withKey);
    expect(resources.length).toBeGreaterThan(490);
    expect(resources.length).toBeLessThanOrEqual(resourcesOfPipeline(ir, true));
    expect(() => templateOf(pipelineOf(99), withKey)).toThrow(/99 operations, which make 504 resources/);
  });

  it('are all that the machine may call, in policies that IAM takes', () => {
    const { Resources } = templateOf(pipelineOf(122));
    const policies = Object.values(Resources).filter(({ Type }) =>
      /^AWS::IAM::(Managed)?Policy$/.test(Type),
    ) as unknown as {
      readonly Type: string;
      readonly Properties: {
        readonly PolicyDocument: {
          readonly Statement: readonly { readonly Action: unknown; readonly Resource: unknown }[];
        };
      };
    }[];
    const invoked = policies.flatMap(({ Properties }) =>
      Properties.PolicyDocument.Statement.filter(({ Action }) => Action === 'lambda:InvokeFunction').flatMap(
        ({ Resource }) => Resource,
      ),
    );
    expect(new Set(invoked.map((one) => JSON.stringify(one))).size).toBe(122);
    for (const { Type, Properties } of policies) {
      // An ARN for each intrinsic: what IAM counts.
      const text = JSON.stringify(Properties.PolicyDocument).replaceAll(
        /\{"Fn::GetAtt":\[[^\]]*\]\}/g,
        `"arn:aws:lambda:ap-southeast-1:123456789012:function:${'n'.repeat(64)}"`,
      );
      expect(text.length).toBeLessThan(Type === 'AWS::IAM::Policy' ? 10_240 + 5_000 : 6_144 + 5_000);
    }
  });
});
