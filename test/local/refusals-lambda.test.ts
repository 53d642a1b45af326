import { GetFunctionCommand, InvokeCommand, LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { describe, expect, it } from 'vitest';
import { localClient } from '../../lib/local/client.ts';
import { clientConfig } from '../contract/target.ts';
import { openForTest, registerFunction } from './runtimes.ts';

const place = 'us-east-1:000000000000';
const arn = `arn:aws:lambda:${place}:function:subject`;

/** A runtime with one function that answers 1, and what it has said. */
async function oneFunction() {
  const heard: string[] = [];
  const runtime = await openForTest({ log: (_level, message) => heard.push(message) });
  const code = 'export const handler = async () => 1;';
  await registerFunction(runtime, code);
  return { runtime, heard, code };
}

describe('Lambda', () => {
  it.each([
    ['subject', undefined],
    ['subject', '$LATEST'],
    ['subject:$LATEST', undefined],
    ['000000000000:function:subject', undefined],
    [arn, undefined],
    [`${arn}:$LATEST`, '$LATEST'],
  ])('knows its function as %s with the qualifier %s', async (FunctionName, Qualifier) => {
    const { runtime } = await oneFunction();
    const client = new LambdaClient(clientConfig(runtime));
    const { Payload } = await client.send(new InvokeCommand({ FunctionName, Qualifier }));
    const { Configuration } = await client.send(new GetFunctionCommand({ FunctionName, Qualifier }));
    expect([Payload?.transformToString(), Configuration?.FunctionArn]).toStrictEqual(['1', arn]);
  });

  it.each([
    ['subject', '7', 404, 'ResourceNotFoundException', `Function not found: ${arn}:7`],
    ['subject', 'live', 404, 'ResourceNotFoundException', `Function not found: ${arn}:live`],
    ['subject:7', undefined, 404, 'ResourceNotFoundException', `Function not found: ${arn}:7`],
    [`${arn}:7`, undefined, 404, 'ResourceNotFoundException', `Function not found: ${arn}:7`],
    [
      'subject:7',
      '$LATEST',
      400,
      'InvalidParameterValueException',
      'The derived qualifier from the function name does not match the specified qualifier.',
    ],
    [
      'arn:aws:lambda:eu-west-1:000000000000:function:subject',
      undefined,
      404,
      'ResourceNotFoundException',
      "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
    ],
    [
      'arn:aws:lambda:us-east-1:111111111111:function:subject',
      undefined,
      403,
      'AccessDeniedException',
      'No resource-based policy allows access to arn:aws:lambda:us-east-1:111111111111:function:subject: the account here is 000000000000',
    ],
    ['a:b:c:d', undefined, 400, 'ValidationException', 'FunctionName "a:b:c:d" is no name or ARN'],
  ])('does not take %s with the qualifier %s for its function', async (name, qualifier, status, code, message) => {
    const { runtime, heard } = await oneFunction();
    const query = qualifier === undefined ? '' : `?Qualifier=${encodeURIComponent(qualifier)}`;
    const path = `/2015-03-31/functions/${encodeURIComponent(name)}`;
    const client = localClient(runtime);
    const answers = [
      await client.send('lambda', 'POST', `${path}/invocations${query}`, '{}'),
      await client.send('lambda', 'GET', `${path}${query}`),
    ];
    const refusal = [status, code, message];
    expect(
      answers.map((answer) => [answer.status, answer.headers['x-amzn-errortype'], JSON.parse(answer.body).message]),
    ).toStrictEqual([refusal, refusal]);
    expect(heard).toStrictEqual([`refused Lambda call: ${message}`, `refused Lambda call: ${message}`]);
  });

  it.each([
    ['POST', 'subject/invocations?Qualifer=7', {}, 'Qualifer'],
    ['GET', 'subject?Version=7', {}, 'Version'],
    ['GET', '?FunctionVersion=ALL', {}, 'FunctionVersion'],
    ['POST', 'subject/invocations', { 'x-amz-tenant-id': 't' }, 'x-amz-tenant-id'],
  ])('refuses what it would pass over: %s %s %o', async (method, rest, headers, named) => {
    const { runtime, heard } = await oneFunction();
    const path = `/2015-03-31/functions${rest.startsWith('?') ? '' : '/'}${rest}`;
    const answer = await localClient(runtime).send('lambda', method, path, '', headers);
    expect([answer.status, answer.headers['x-amzn-errortype'], JSON.parse(answer.body).message, heard]).toStrictEqual([
      400,
      'InvalidParameterValueException',
      `not served here: ${named}`,
      [`unsupported Lambda parameter: ${named}`],
    ]);
  });

  it('refuses a path that cannot be read', async () => {
    const { runtime } = await oneFunction();
    const answer = await localClient(runtime).send('lambda', 'GET', '/2015-03-31/functions/%ZZ');
    expect([answer.status, answer.headers['x-amzn-errortype']]).toStrictEqual([400, 'ValidationException']);
  });

  it('lists in pages', async () => {
    const { runtime, code } = await oneFunction();
    for (const name of ['a', 'b', 'z']) await registerFunction(runtime, code, { name });
    const client = new LambdaClient(clientConfig(runtime));
    const pages: unknown[] = [];
    let Marker: string | undefined;
    do {
      const page = await client.send(new ListFunctionsCommand({ MaxItems: 2, Marker }));
      pages.push(page.Functions?.map(({ FunctionName }) => FunctionName));
      Marker = page.NextMarker;
    } while (Marker !== undefined);
    expect(pages).toStrictEqual([
      ['a', 'b'],
      ['subject', 'z'],
    ]);
    const asked = ['MaxItems=0', 'MaxItems=x', 'Marker=x', 'Marker='].map((query) =>
      localClient(runtime).send('lambda', 'GET', `/2015-03-31/functions?${query}`),
    );
    expect((await Promise.all(asked)).map(({ status }) => status)).toStrictEqual([400, 400, 400, 400]);
  });
});

describe('a task', () => {
  it.each([
    [{ Qualifier: '$LATEST' }, undefined, undefined],
    [
      { Qualifier: '7' },
      'Lambda.ResourceNotFoundException',
      `Function not found: ${arn}:7 (Service: Lambda, Status Code: 404)`,
    ],
    [
      { FunctionName: `${arn}:live` },
      'Lambda.ResourceNotFoundException',
      `Function not found: ${arn}:live (Service: Lambda, Status Code: 404)`,
    ],
    [
      { ClientContext: 'e30=' },
      'States.TaskFailed',
      'Arguments of lambda:invoke that are not served: the field ClientContext',
    ],
    [
      { Qualifier: 7 },
      'States.TaskFailed',
      'Arguments of lambda:invoke that are not served: FunctionName "subject", InvocationType "RequestResponse", Qualifier 7',
    ],
  ])('with the arguments %o', async (given, error, cause) => {
    const { runtime, heard } = await oneFunction();
    const client = localClient(runtime);
    const definition = JSON.stringify({
      QueryLanguage: 'JSONata',
      StartAt: 'T',
      States: {
        T: {
          Type: 'Task',
          Resource: 'arn:aws:states:::lambda:invoke',
          Arguments: { FunctionName: 'subject', ...given },
          End: true,
        },
      },
    });
    const stateMachineArn = `arn:aws:states:${place}:stateMachine:m`;
    const roleArn = 'arn:aws:iam::000000000000:role/test';
    await client.json('states', 'AWSStepFunctions.CreateStateMachine', { name: 'm', definition, roleArn });
    await client.json('states', 'AWSStepFunctions.StartExecution', { stateMachineArn, name: 'n', input: '{}' });
    const executionArn = `arn:aws:states:${place}:execution:m:n`;
    const ended = async () => {
      const answer = await client.json('states', 'AWSStepFunctions.DescribeExecution', { executionArn });
      return answer.ok ? answer.value : {};
    };
    await expect.poll(async () => (await ended())['status']).not.toBe('RUNNING');
    const value = await ended();
    expect([value['error'], value['cause'], heard]).toStrictEqual([
      error,
      cause,
      cause === undefined ? [] : [`unsupported task: ${cause}`],
    ]);
  });
});
