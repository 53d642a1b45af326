import { Stack } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { pipeline } from 'bunsui';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Pipeline, Platform } from '../../lib/constructs/index.ts';
import day from '../cli/calls/day.ts';
import { orders } from '../cli/calls/orders.ts';
import { ensureLambdas, newApp, propertiesOf, resourcesOf } from './synth.ts';
import { twoStep } from './two-step/pipeline.ts';

beforeAll(ensureLambdas);

function synth(parts: (stack: Stack, platform: Platform) => void): Stack {
  const stack = new Stack(newApp(), 'Test');
  parts(stack, new Platform(stack, 'Platform'));
  return stack;
}

const both = () =>
  synth((stack, platform) => {
    new Pipeline(stack, 'Day', { platform, definition: day });
    new Pipeline(stack, 'Orders', { platform, definition: orders });
  });

const partOf = (what: string) => ({ 'Fn::Join': ['', expect.arrayContaining([expect.stringContaining(what)])] });

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
}

function statementsOf(stack: Stack, role: string): readonly Statement[] {
  const { PolicyDocument } = propertiesOf(resourcesOf(stack), 'AWS::IAM::Policy')[role] as {
    readonly PolicyDocument: { readonly Statement: readonly Statement[] };
  };
  return PolicyDocument.Statement.filter(({ Action }) => /states:|events:/.test(JSON.stringify(Action)));
}

describe('a pipeline that calls another one', () => {
  it('starts exactly the machine of that one, hears of its ends and may stop it', () => {
    const stack = both();
    expect(statementsOf(stack, 'DayRoleDefaultPolicy')).toMatchObject([
      { Action: 'states:StartExecution', Resource: partOf(':stateMachine:bunsui-orders') },
      { Action: ['states:DescribeExecution', 'states:StopExecution'], Resource: partOf(':execution:bunsui-orders:*') },
      {
        Action: ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'],
        Resource: partOf(':rule/StepFunctionsGetEventsForStepFunctionsExecutionRule'),
      },
    ]);
    const machines = propertiesOf(resourcesOf(stack), 'AWS::StepFunctions::StateMachine');
    expect(machines['DayStateMachine']).toMatchObject({
      DefinitionSubstitutions: { call_orders: partOf(':stateMachine:bunsui-orders') },
    });
  });

  it('may not stop, nor describe, what it does not wait for', () => {
    const apart = pipeline('apart', { input: z.object({}) }, (p) => {
      p.call('begin', orders, { input: { order: 'a' }, wait: false });
    });
    const stack = synth((inside, platform) => {
      new Pipeline(inside, 'Apart', { platform, definition: apart });
      new Pipeline(inside, 'Orders', { platform, definition: orders });
    });
    expect(statementsOf(stack, 'ApartRoleDefaultPolicy').map(({ Action }) => Action)).toStrictEqual([
      'states:StartExecution',
    ]);
  });

  it('is deployed after it, whichever was written first', () => {
    expect(resourcesOf(both())['DayStateMachine']?.['DependsOn']).toEqual(
      expect.arrayContaining(['OrdersStateMachine']),
    );
  });

  it('says so when the other one is not in the app', () => {
    const stack = synth((inside, platform) => {
      new Pipeline(inside, 'Day', { platform, definition: day });
    });
    Annotations.fromStack(stack).hasWarning('/Test/Day', Match.stringLikeRegexp('pipeline day calls orders'));
    Annotations.fromStack(both()).hasNoWarning('/Test/Day', Match.stringLikeRegexp('calls'));
  });

  it('is another version when the other one is', () => {
    const versionOf = (seconds: number) => {
      const child = { ...orders, ir: { ...orders.ir, timeoutSeconds: seconds } };
      const { artifact } = new Pipeline(new Stack(newApp(), 'Test'), 'Day', {
        platform: Platform.fromAttributes(new Stack(newApp(), 'There'), 'Platform', { prefix: 'bunsui' }),
        definition: { ...day, calls: { orders: child } },
      });
      return [artifact.version, artifact.fingerprints?.['order']?.own, artifact.fingerprints?.['billed']?.own];
    };
    const [version, order, billed] = versionOf(60);
    expect(versionOf(60)).toStrictEqual([version, order, billed]);
    const other = versionOf(61);
    expect([other[0] === version, other[1] === order, other[2] === billed]).toStrictEqual([false, false, true]);
  });

  it('is refused when they call each other', () => {
    const named = pipeline('orders', { input: z.object({ date: z.string() }) }, (p, input) => {
      p.call('two', twoStep, { input: { date: input.date } });
    });
    const circle = pipeline('two-step', { input: z.object({ date: z.string() }) }, (p, input) => {
      p.call('orders', named, { input: { date: input.date } });
    });
    expect(() =>
      synth((stack, platform) => {
        new Pipeline(stack, 'Circle', { platform, definition: circle });
      }),
    ).toThrow(
      /BS1125: the pipelines call each other without an end: two-step → orders → two-step .*pipeline-calls\.test\.ts:\d+/,
    );
  });
});
