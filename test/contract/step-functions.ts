/** What bunsui needs of the Step Functions API, for any endpoint. The machines need no other service. */
import {
  CreateStateMachineCommand,
  DeleteStateMachineCommand,
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  DescribeStateMachineForExecutionCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
  UpdateStateMachineCommand,
} from '@aws-sdk/client-sfn';
import { beforeAll, describe, expect, it } from 'vitest';
import { clientConfig, freshName, refusal, type Target } from './target.ts';

const pass = (Output: string) =>
  JSON.stringify({ QueryLanguage: 'JSONata', StartAt: 'P', States: { P: { Type: 'Pass', Output, End: true } } });
const waiting = JSON.stringify({
  QueryLanguage: 'JSONata',
  StartAt: 'W',
  States: { W: { Type: 'Wait', Seconds: 3600, Next: 'P' }, P: { Type: 'Pass', End: true } },
});

export function stepFunctionsContract(target: () => Target): void {
  describe('Step Functions', () => {
    let sfn: SFNClient;
    let roleArn: string;
    beforeAll(() => {
      sfn = new SFNClient(clientConfig(target()));
      roleArn = `arn:aws:iam::${target().accountId}:role/contract`;
    });
    const create = async (definition: string, name = freshName('machine')) => {
      const { stateMachineArn = '' } = await sfn.send(new CreateStateMachineCommand({ name, definition, roleArn }));
      return stateMachineArn;
    };
    const start = async (stateMachineArn: string, input?: string, name?: string) => {
      const { executionArn = '' } = await sfn.send(new StartExecutionCommand({ stateMachineArn, input, name }));
      return executionArn;
    };
    const ended = (executionArn: string) =>
      expect.poll(async () => {
        const { status } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
        return status;
      });

    it('creates a machine once, and the same one again', async () => {
      const name = freshName('machine');
      const first = await create(pass('one'), name);
      expect(await create(pass('one'), name)).toBe(first);
      expect(await refusal(create(pass('two'), name))).toBe('StateMachineAlreadyExists');
      const { definition, status, type } = await sfn.send(new DescribeStateMachineCommand({ stateMachineArn: first }));
      expect({ definition, status, type }).toStrictEqual({
        definition: pass('one'),
        status: 'ACTIVE',
        type: 'STANDARD',
      });
    });

    it('runs a machine from an input to an output', async () => {
      const stateMachineArn = await create(pass('{% $states.input.a + 1 %}'));
      const executionArn = await start(stateMachineArn, '{"a":41}', 'first');
      await ended(executionArn).toBe('SUCCEEDED');
      const execution = await sfn.send(new DescribeExecutionCommand({ executionArn }));
      const { name, input, output, startDate, stopDate } = execution;
      expect({ name, input, output, stateMachineArn: execution.stateMachineArn }).toStrictEqual({
        name: 'first',
        input: '{"a":41}',
        output: '42',
        stateMachineArn,
      });
      expect(Math.abs(Date.now() - Number(startDate))).toBeLessThan(60_000);
      expect(Number(stopDate)).toBeGreaterThanOrEqual(Number(startDate));
    });

    it('tells the history forwards, backwards and in pages', async () => {
      const executionArn = await start(await create(pass('{% 1 %}')), '{}');
      await ended(executionArn).toBe('SUCCEEDED');
      const types = async (options: object) => {
        const found: string[] = [];
        let nextToken: string | undefined;
        do {
          const page = await sfn.send(new GetExecutionHistoryCommand({ executionArn, nextToken, ...options }));
          found.push(...(page.events ?? []).map(({ id, type }) => `${id} ${type}`));
          nextToken = page.nextToken;
        } while (nextToken !== undefined);
        return found;
      };
      const all = ['1 ExecutionStarted', '2 PassStateEntered', '3 PassStateExited', '4 ExecutionSucceeded'];
      expect(await types({})).toStrictEqual(all);
      expect(await types({ maxResults: 3 })).toStrictEqual(all);
      expect(await types({ reverseOrder: true, maxResults: 1 })).toStrictEqual(all.toReversed());
    });

    it('starts under a name once', async () => {
      const stateMachineArn = await create(waiting);
      const first = await start(stateMachineArn, '{"a":1}', 'n');
      expect(await start(stateMachineArn, '{"a":1}', 'n')).toBe(first);
      expect(await refusal(start(stateMachineArn, '{"a":2}', 'n'))).toBe('ExecutionAlreadyExists');
      await sfn.send(new StopExecutionCommand({ executionArn: first }));
      await ended(first).toBe('ABORTED');
      expect(await refusal(start(stateMachineArn, '{"a":1}', 'n'))).toBe('ExecutionAlreadyExists');
    });

    it('stops an execution, and says why', async () => {
      const executionArn = await start(await create(waiting));
      await sfn.send(new StopExecutionCommand({ executionArn, error: 'Why', cause: 'because' }));
      await ended(executionArn).toBe('ABORTED');
      const { error, cause, output } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
      expect({ error, cause, output }).toStrictEqual({ error: 'Why', cause: 'because', output: undefined });
      const { events = [] } = await sfn.send(new GetExecutionHistoryCommand({ executionArn }));
      expect(events.at(-1)?.type).toBe('ExecutionAborted');
    });

    it('ends an execution on the definition that it began with', async () => {
      const stateMachineArn = await create(waiting);
      const executionArn = await start(stateMachineArn);
      await sfn.send(new UpdateStateMachineCommand({ stateMachineArn, definition: pass('new') }));
      const own = await sfn.send(new DescribeStateMachineForExecutionCommand({ executionArn }));
      expect(own.definition).toBe(waiting);
      const after = await start(stateMachineArn);
      await ended(after).toBe('SUCCEEDED');
      await sfn.send(new StopExecutionCommand({ executionArn }));
    });

    it('lists executions by machine and status, the latest first, in pages', async () => {
      const stateMachineArn = await create(waiting);
      const arns: string[] = [];
      for (const name of ['a', 'b', 'c']) {
        // Times have milliseconds: executions of one moment have no order.
        const last = arns.at(-1);
        if (last !== undefined) {
          const { startDate } = await sfn.send(new DescribeExecutionCommand({ executionArn: last }));
          await expect.poll(() => Date.now()).toBeGreaterThan(Number(startDate));
        }
        arns.push(await start(stateMachineArn, '{}', name));
      }
      await sfn.send(new StopExecutionCommand({ executionArn: arns[1] ?? '' }));
      await ended(arns[1] ?? '').toBe('ABORTED');
      const list = async (options: object) => {
        const found: (string | undefined)[] = [];
        let nextToken: string | undefined;
        do {
          const page = await sfn.send(new ListExecutionsCommand({ stateMachineArn, nextToken, ...options }));
          found.push(...(page.executions ?? []).map(({ name }) => name));
          nextToken = page.nextToken;
        } while (nextToken !== undefined);
        return found;
      };
      expect(await list({})).toStrictEqual(['c', 'b', 'a']);
      expect(await list({ maxResults: 2 })).toStrictEqual(['c', 'b', 'a']);
      expect(await list({ statusFilter: 'RUNNING' })).toStrictEqual(['c', 'a']);
      expect(await list({ statusFilter: 'ABORTED' })).toStrictEqual(['b']);
      for (const executionArn of arns) await sfn.send(new StopExecutionCommand({ executionArn }));
    });

    it('lists machines and forgets deleted ones', async () => {
      const stateMachineArn = await create(pass('gone'));
      const names = async () => {
        const { stateMachines = [] } = await sfn.send(new ListStateMachinesCommand({ maxResults: 1000 }));
        return stateMachines.map((machine) => machine.stateMachineArn);
      };
      expect(await names()).toContain(stateMachineArn);
      await sfn.send(new DeleteStateMachineCommand({ stateMachineArn }));
      await expect.poll(names).not.toContain(stateMachineArn);
      expect(await refusal(start(stateMachineArn))).toMatch(/^StateMachine(DoesNotExist|Deleting)$/);
    });

    it('refuses what AWS refuses, by the same names', async () => {
      const stateMachineArn = await create(pass('ok'));
      const nobody = `arn:aws:states:${target().region}:${target().accountId}:execution:nobody:none`;
      expect({
        name: await refusal(create(pass('x'), 'a b')),
        definition: await refusal(create('{"StartAt":"A","States":{}}')),
        json: await refusal(create('{')),
        input: await refusal(start(stateMachineArn, 'no json')),
        executionName: await refusal(start(stateMachineArn, '{}', 'a:b')),
        machine: await refusal(start(`${stateMachineArn}x`)),
        execution: await refusal(sfn.send(new DescribeExecutionCommand({ executionArn: nobody }))),
        history: await refusal(sfn.send(new GetExecutionHistoryCommand({ executionArn: nobody }))),
        stop: await refusal(sfn.send(new StopExecutionCommand({ executionArn: nobody }))),
        arn: await refusal(sfn.send(new DescribeExecutionCommand({ executionArn: 'nonsense' }))),
        token: await refusal(sfn.send(new ListExecutionsCommand({ stateMachineArn, nextToken: 'nonsense' }))),
      }).toStrictEqual({
        name: 'InvalidName',
        definition: 'InvalidDefinition',
        json: 'InvalidDefinition',
        input: 'InvalidExecutionInput',
        executionName: 'InvalidName',
        machine: 'StateMachineDoesNotExist',
        execution: 'ExecutionDoesNotExist',
        history: 'ExecutionDoesNotExist',
        stop: 'ExecutionDoesNotExist',
        arn: 'InvalidArn',
        token: 'InvalidToken',
      });
    });
  });
}
