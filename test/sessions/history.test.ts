import {
  DescribeStateMachineCommand,
  DescribeStateMachineForExecutionCommand,
  StateMachineDoesNotExist,
} from '@aws-sdk/client-sfn';
import { expect, it } from 'vitest';
import { functionsOf } from '../../lib/sessions/history.ts';

const machine = (name: string) => `arn:aws:states:us-east-1:000000000000:stateMachine:${name}`;
const call = (name: string, payload: object = { bunsui: '{% … %}', input: {} }) => ({
  FunctionName: `arn:aws:lambda:us-east-1:000000000000:function:${name}:3`,
  Payload: payload,
});
const start = (name: string) => ({ StateMachineArn: machine(name) });

it('names functions of ours that child machines call, and passes over those that a deployment has removed', async () => {
  const definitions = new Map<string, unknown>([[machine('p-1_flow:2'), [call('one'), call('two')]]]);
  const send = async (command: unknown) => {
    if (command instanceof DescribeStateMachineForExecutionCommand)
      return {
        definition: JSON.stringify(
          [call('load'), call('of-others', {}), start('p-1_flow:2'), start('p-2_flow:2')],
          null,
          1,
        ),
      };
    if (!(command instanceof DescribeStateMachineCommand)) throw new TypeError('another call');
    const found = definitions.get(command.input.stateMachineArn ?? '');
    if (found === undefined) throw new StateMachineDoesNotExist({ message: 'gone', $metadata: {} });
    return { definition: JSON.stringify(found) };
  };
  expect(await functionsOf({ send: send as never }, 'arn')).toStrictEqual(['load', 'one', 'two']);
  const refused = {
    send: (async (command: unknown) => {
      if (command instanceof DescribeStateMachineCommand) throw new Error('not allowed');
      return send(command);
    }) as never,
  };
  await expect(functionsOf(refused, 'arn')).rejects.toThrow('not allowed');
});
