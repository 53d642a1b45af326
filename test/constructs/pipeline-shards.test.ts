import { Stack } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { beforeAll, describe, expect, it } from 'vitest';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { Pipeline, Platform } from '../../lib/constructs/index.ts';
import { requireRoom } from '../../lib/constructs/pipeline-limits.ts';
import { pipelineMachine } from '../../lib/constructs/pipeline-machine.ts';
import type { PipelineArtifact } from '../../lib/ir/artifact.ts';
import type { JobIr, PipelineIr } from '../../lib/ir/nodes.ts';
import { ensureLambdas, newApp, propertiesOf, resourcesOf } from './synth.ts';
import { twoStep } from './two-step/pipeline.ts';

beforeAll(ensureLambdas);

/** Two chains that wait for each other in an N: more than one machine holds. */
function large(): PipelineIr {
  const { tidy } = twoStep.ir.operations;
  const [first] = twoStep.ir.body.nodes;
  if (first?.kind !== 'job' || tidy === undefined) throw new Error('the fixture has a job and an operation "tidy"');
  const input = { kind: 'object', fields: { rows: { kind: 'literal', value: 1 } } } as const;
  const job = (id: string, after: readonly string[]): JobIr => ({ ...first, id, operation: 'tidy', input, after });
  const length = 1_100;
  const chain = (name: string) =>
    Array.from({ length }, (_, at) => job(`${name}${at}`, at === 0 ? [] : [`${name}${at - 1}`]));
  const nodes = [...chain('a'), ...chain('b'), job('end', [`a${length - 1}`, 'b7'])];
  return {
    irVersion: 1,
    id: 'large',
    source: first.source,
    input: twoStep.ir.input,
    operations: { tidy },
    body: { nodes },
  };
}

function documentOf(properties: unknown): unknown {
  const { AssumeRolePolicyDocument: trust, PolicyDocument: policy } = properties as {
    readonly [name: string]: unknown;
  };
  return trust ?? policy;
}

describe('a pipeline that is larger than a machine', () => {
  it('is several machines, of which the first starts published versions of the others, and may', () => {
    const app = newApp({ 'aws:cdk:bundling-stacks': [] });
    const stack = new Stack(app, 'Test');
    const platform = new Platform(stack, 'Platform');
    const pipeline = new Pipeline(stack, 'Large', { platform, definition: { ir: large() } });
    expect(pipeline.artifact.shards?.length).toBe(1);
    const resources = resourcesOf(stack);
    const machines = propertiesOf(resources, 'AWS::StepFunctions::StateMachine') as {
      readonly [id: string]: {
        readonly StateMachineName: string;
        readonly DefinitionSubstitutions: object;
        readonly RoleArn: unknown;
      };
    };
    const named = Object.values(machines).map(
      ({ StateMachineName: name, DefinitionSubstitutions: given, RoleArn: role }) => ({
        name,
        given: Object.keys(given).sort(),
        role,
      }),
    );
    const role = { 'Fn::GetAtt': ['LargeRole', 'Arn'] };
    expect(named).toStrictEqual([
      { name: 'bunsui-1_large', given: expect.arrayContaining(['of_tidy']), role },
      { name: 'bunsui-large', given: expect.arrayContaining(['artifact', 'machine1', 'of_tidy']), role },
    ]);
    const versions = Object.entries(propertiesOf(resources, 'AWS::StepFunctions::StateMachineVersion'));
    const [part] = versions.find(([, properties]) => JSON.stringify(properties).includes('Part1')) ?? [''];
    const root = Object.values(machines).find(({ StateMachineName: name }) => name === 'bunsui-large');
    expect(root?.DefinitionSubstitutions).toMatchObject({ machine1: { 'Fn::GetAtt': [part, 'Arn'] } });
    const text = JSON.stringify(propertiesOf(resources, 'AWS::IAM::Policy')['LargeRoleDefaultPolicy']);
    for (const action of [
      'states:StartExecution',
      'states:DescribeExecution',
      'states:StopExecution',
      'events:PutRule',
    ])
      expect(text).toContain(action);
    expect(text).toContain(':stateMachine:bunsui-1_large:*');
    expect(text).toContain(':execution:bunsui-1_large:*');
    expect(text).toContain(':rule/StepFunctionsGetEventsForStepFunctionsExecutionRule');
    const trust = JSON.stringify(propertiesOf(resources, 'AWS::IAM::Role')['LargeRole']);
    expect(trust).toContain(':stateMachine:bunsui-1_large');
    // Functions wake waits in each of the machines.
    const work = JSON.stringify(propertiesOf(resources, 'AWS::IAM::Role')['LargeOperationtidyRole']);
    expect(work).toContain('states:SendTaskSuccess');
    expect(work).toContain(':stateMachine:bunsui-large');
    expect(work).toContain(':stateMachine:bunsui-1_large');
  });

  it('may start sixty of them in policies that IAM takes', () => {
    const app = newApp({ 'aws:cdk:bundling-stacks': [] });
    const stack = new Stack(app, 'Test');
    const platform = new Platform(stack, 'Platform', { prefix: 'aplatformname15' });
    const scope = new Construct(stack, 'Large');
    const compiled = compilePipeline(twoStep.ir, { sha256: () => 'v' });
    if (!compiled.ok) throw new Error('the fixture compiles');
    const { artifact } = compiled;
    const named = { ...artifact.pipeline, id: 'n'.repeat(64) };
    const state = (number: number) => ({
      Type: 'Task',
      Resource: 'arn:aws:states:::states:startExecution.sync:2',
      Arguments: { StateMachineArn: `\${machine:${number}}` },
      End: true,
    });
    const count = 60;
    const States = Object.fromEntries(Array.from({ length: count }, (_, at) => [`part${at}`, state(at + 1)]));
    const shards = Array.from({ length: count }, () => artifact.definition);
    const cut = {
      ...artifact,
      pipeline: named,
      definition: { ...artifact.definition, States },
      shards,
    } as unknown as PipelineArtifact;
    pipelineMachine(scope, platform, cut, {});
    const resources = resourcesOf(stack);
    const documents: readonly (readonly [string, unknown])[] = [
      ...Object.entries(propertiesOf(resources, 'AWS::IAM::Role')),
      ...Object.entries(propertiesOf(resources, 'AWS::IAM::Policy')),
    ].filter(([id]) => id.startsWith('LargeRole'));
    const texts = documents.map(([, properties]) =>
      JSON.stringify(documentOf(properties))
        .replaceAll(/\{"Fn::Join":\["",\[([^\]]*)\]\]\}/g, (_, parts: string) => parts)
        .replaceAll(/\{"Ref":"[^"]*"\}/g, 'ap-southeast-1'),
    );
    expect(texts.length).toBe(2);
    expect(texts[0]?.length).toBeLessThan(2_048);
    expect(texts[1]?.length).toBeLessThan(10_240);
    // Every child's name fits a pattern.
    const patterns = [...(texts[0] ?? '').matchAll(/:stateMachine:([^":]+)/g)].map(
      ([, name = '']) => new RegExp(`^${name.replaceAll('?', '.')}$`),
    );
    const names = Object.values(propertiesOf(resources, 'AWS::StepFunctions::StateMachine')).map((properties) =>
      String((properties as { readonly StateMachineName: string }).StateMachineName),
    );
    expect(names.length).toBe(count + 1);
    expect(names.filter((name) => !patterns.some((pattern) => pattern.test(name)))).toStrictEqual([]);
    expect(patterns.some((pattern) => pattern.test('aplatformname15-other'))).toBe(false);
    expect(() =>
      requireRoom({ ...cut, shards: shards.concat(...Array.from({ length: 4 }, () => shards)) }, platform),
    ).toThrow(/2 operations and 300 child machines, which make 6\d\d resources, and CloudFormation takes 500/);
  });
});
