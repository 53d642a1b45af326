import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { localClient } from '../../lib/local/client.ts';
import { sha256 } from '../../lib/request-signature.ts';
import { openForTest } from './runtimes.ts';

const roleArn = 'arn:aws:iam::000000000000:role/r';
const state = '{"Type":"Pass","End":true}';
const definition = `{"StartAt":"p","States":{"p":${state}}}`;
const destinations = [{ cloudWatchLogsLogGroup: { logGroupArn: 'arn:aws:logs:us-east-1:000000000000:log-group:g:*' } }];
const token = 'arn:aws:states:::lambda:invoke.waitForTaskToken';
const activity = 'arn:aws:states:us-east-1:000000000000:activity:w';
const testTask = (Resource: string) => JSON.stringify({ Type: 'Task', Resource, End: true });

async function opened() {
  const runtime = await openForTest();
  const client = localClient(runtime);
  const call = async (operation: string, input: object): Promise<Record<string, unknown>> => {
    const answer = await client.json('states', `AWSStepFunctions.${operation}`, input).catch((error: unknown) => ({
      ok: true as const,
      value: { thrown: String(error) },
    }));
    return answer.ok ? (answer.value as Record<string, unknown>) : { code: answer.code, message: answer.message };
  };
  return { runtime, call };
}

describe('Step Functions', () => {
  it('refuses fields that are not what they must be', async () => {
    const { call } = await opened();
    const create = { name: 'm', roleArn, definition };
    const test = { definition: state, roleArn };
    const cases: readonly (readonly [string, object, string])[] = [
      ['CreateStateMachine', { ...create, loggingConfiguration: { level: 'ALL', destinations: null } }, 'exactly one'],
      ['CreateStateMachine', { ...create, loggingConfiguration: 'no' }, 'loggingConfiguration must be an object'],
      ['CreateStateMachine', { ...create, loggingConfiguration: { level: 'LOUD' } }, 'level must be one of'],
      ['CreateStateMachine', { ...create, loggingConfiguration: { destinations: 7 } }, 'destinations must be a list'],
      ['CreateStateMachine', { ...create, tracingConfiguration: [7] }, 'tracingConfiguration must be an object'],
      ['CreateStateMachine', { ...create, tracingConfiguration: { enabled: 'x' } }, 'enabled must be true or false'],
      ['CreateStateMachine', { ...create, publish: 'yes' }, 'publish must be true or false'],
      ['TestState', { ...test, input: 5 }, 'input must be a string'],
      ['TestState', { ...test, inspectionLevel: 'LOUD' }, 'inspectionLevel must be one of INFO, DEBUG, TRACE'],
      ['TestState', { ...test, variables: '[1]' }, 'variables must be a JSON object'],
      ['TestState', { ...test, mock: 5 }, 'mock must be an object'],
      ['TestState', { ...test, mock: { errorOutput: 'x' } }, 'errorOutput must be an object'],
      ['TestState', { ...test, stateName: 7 }, 'stateName must be a string'],
      ['TestState', { ...test, stateConfiguration: 'x' }, 'stateConfiguration must be an object'],
      ['TestState', { ...test, stateConfiguration: { mapItemReaderData: '{}' } }, 'must be a JSON array'],
      ['TestState', { ...test, definition: testTask(token) }, 'only be tested when a mock'],
      ['TestState', { ...test, definition: testTask(activity) }, 'only be tested when a mock'],
      ['ValidateStateMachineDefinition', { definition, severity: 'NO' }, 'severity must be one of ERROR, WARNING'],
      ['ValidateStateMachineDefinition', { definition, maxResults: -3 }, 'maxResults must be an integer'],
    ];
    const wrong: unknown[] = [];
    for (const [operation, input, message] of cases) {
      const answer = await call(operation, input);
      if (answer['code'] === undefined || !String(answer['message']).includes(message))
        wrong.push([operation, message, answer]);
    }
    expect(wrong).toStrictEqual([]);
    const logging = { level: 'ALL', includeExecutionData: true, destinations };
    const made = await call('CreateStateMachine', { ...create, loggingConfiguration: logging });
    expect(made).toHaveProperty('stateMachineArn');
    expect(await call('TestState', { ...test, input: '{"a":1}', inspectionLevel: 'INFO' })).toMatchObject({
      status: 'SUCCEEDED',
      output: '{"a":1}',
    });
  });

  it('publishes a machine that is known already', async () => {
    const { call } = await opened();
    const create = { name: 'm', roleArn, definition };
    const { stateMachineArn } = await call('CreateStateMachine', create);
    const version = `${String(stateMachineArn)}:1`;
    const again = await call('CreateStateMachine', { ...create, publish: true });
    expect(again['stateMachineVersionArn']).toBe(version);
    const listed = await call('ListStateMachineVersions', { stateMachineArn });
    expect(listed['stateMachineVersions']).toMatchObject([{ stateMachineVersionArn: version }]);
  });

  it('describes a machine whose definition an earlier version took and this one would refuse', async () => {
    const { runtime, call } = await opened();
    const { stateMachineArn } = await call('CreateStateMachine', { name: 'm', roleArn, definition });
    const folder = join(runtime.stateDir, 'machines');
    const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.json')) ?? '');
    const older = '{"StartAt":"gone","States":{}}';
    writeFileSync(join(folder, 'definitions', `${sha256(older)}.json`), older);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(sha256(definition), sha256(older)));
    expect(await call('DescribeStateMachine', { stateMachineArn })).toMatchObject({ definition: older });
  });
});
