import { Stack } from 'aws-cdk-lib';
import { beforeAll, describe, expect, it } from 'vitest';
import { Pipeline, Platform } from '../../lib/constructs/index.ts';
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
    const wake = Object.values(resources).map((resource) => JSON.stringify(resource));
    expect(wake.filter((resource) => resource.includes('states:SendTaskSuccess'))).toStrictEqual([
      expect.stringContaining(':stateMachine:bunsui-1_large'),
    ]);
  });
});
