/** Kinds of operations: what their settings become, what is said of mistakes, and what a pipeline does with them. */
import {
  aws,
  batch,
  ecs,
  eks,
  emr,
  glue,
  http,
  kindInterface,
  lambdaArn,
  operationOf,
  pipeline,
  sagemaker,
  secret,
  tpl,
} from 'bunsui';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import type { Operation } from '../../lib/dsl/operations/kind.ts';
import type { TaskOperationIr } from '../../lib/ir/nodes.ts';
import { outputChecks } from '../../lib/compiler/output-checks.ts';
import jsonata from 'jsonata';

const word = z.object({ word: z.string() });
const answer = z.object({ Value: z.string() });

/** A pipeline of one job that runs the operation. */
function single(operation: Operation<typeof word, never>) {
  const one = pipeline('p', { input: word }, (p, input) => {
    p.job('only', operation as Operation<typeof word, typeof answer>, { word: input.word });
  });
  const compiled = compilePipeline(one.ir, { sha256: (text) => createHash('sha256').update(text).digest('hex') });
  const state = compiled.ok
    ? (compiled.artifact.definition['States'] as { readonly [name: string]: { readonly [field: string]: unknown } })[
        'only'
      ]
    : undefined;
  const ir = Object.values(one.ir.operations)[0] as TaskOperationIr;
  return { mistakes: one.diagnostics, state, ir };
}

const mistakesOf = (operation: unknown) =>
  single(operation as never).mistakes.map(({ code, message, source, path }) => ({
    code,
    message,
    path,
    file: source?.file,
  }));

const account = '123456789012';
const role = `arn:aws:iam::${account}:role/jobs`;

describe('a call of a service', () => {
  it('becomes the Task that Step Functions has for it', () => {
    const { state, ir, mistakes } = single(
      aws('get', {
        service: 'ssm',
        action: 'getParameter',
        input: word,
        output: answer,
        request: (input, { job, unique }) => ({ Name: tpl`/${input.word}`, WithDecryption: true, Tags: [job, unique] }),
        result: ['Parameter'],
        resources: ['arn:aws:ssm:${AWS::Region}:${AWS::AccountId}:parameter/words'],
        transient: ['Ssm.ThrottlingException'],
        timeout: '30s',
      }) as never,
    );
    expect(mistakes).toStrictEqual([]);
    expect(state).toMatchObject({
      Type: 'Task',
      Resource: 'arn:aws:states:::aws-sdk:ssm:getParameter',
      Arguments: {
        Name: '{% ("/" & $string($states.context.Execution.Input.word)) %}',
        WithDecryption: true,
        Tags: ['{% "only" %}', '{% $uuid() %}'],
      },
      TimeoutSeconds: 30,
      Retry: [{ ErrorEquals: ['Ssm.ThrottlingException'] }],
    });
    expect(ir.statements).toStrictEqual([
      {
        actions: ['ssm:GetParameter'],
        resources: ['arn:aws:ssm:${AWS::Region}:${AWS::AccountId}:parameter/words'],
      },
    ]);
  });

  it.each([
    ['dynamodb', 'query', ['dynamodb:Query']],
    ['sfn', 'startExecution', ['states:StartExecution']],
    ['s3', 'headObject', ['s3:GetObject']],
    ['s3', 'copyObject', ['s3:GetObject', 's3:PutObject']],
    ['lambda', 'invoke', ['lambda:InvokeFunction']],
    ['cloudwatchlogs', 'putLogEvents', ['logs:PutLogEvents']],
    ['eventbridge', 'putEvents', ['events:PutEvents']],
    ['bedrockruntime', 'invokeModel', ['bedrock:InvokeModel']],
  ])('of %s:%s is allowed as %s', (service, action, actions) => {
    const { ir } = single(
      aws('one', { service, action, input: word, output: answer, resources: ['arn:aws:x:::y'] }) as never,
    );
    expect(ir.statements.flatMap((statement) => statement.actions)).toStrictEqual(actions);
  });

  it('leaves out what the job does not give, and takes the default of the schema', () => {
    const operation = aws('get', {
      service: 'ssm',
      action: 'getParameter',
      input: z.object({ word: z.string(), note: z.string().optional(), deep: z.boolean().default(true) }),
      output: answer,
      request: (input) => ({ Name: input.word, Note: input.note, Deep: input.deep, List: [input.note] }),
      resources: ['arn:aws:ssm:::parameter/words'],
    });
    expect(single(operation as never).state?.['Arguments']).toStrictEqual({
      Name: '{% $states.context.Execution.Input.word %}',
      Deep: true,
      List: [null],
    });
  });

  it('is refused where its settings are not what the kind takes, with the place', () => {
    const wrong = aws('get', {
      service: 'Amazon SSM',
      action: 'GetParameter',
      input: word,
      output: answer,
      resources: ['arn:aws:ssm:::parameter/*'],
    });
    const found = mistakesOf(wrong);
    expect(found.map(({ code, path }) => [code, path.join('.')])).toStrictEqual([
      ['BS1140', 'operations.get.service'],
      ['BS1140', 'operations.get.action'],
      ['BS1140', 'operations.get.resources'],
    ]);
    expect(found[0]?.file).toBe(import.meta.filename);
    expect(
      mistakesOf(aws('get', { service: 'ssm', action: 'getParameter', input: word, output: answer, resources: ['*'] })),
    ).toMatchObject([{ code: 'BS1140', message: expect.stringContaining('wildcard') }]);
    const extra = {
      service: 'ssm',
      action: 'getParameter',
      input: word,
      output: answer,
      resources: ['arn:aws:x:::y'],
      mode: 1,
    };
    expect(mistakesOf(aws('get', extra))).toMatchObject([{ code: 'BS1140', message: expect.stringContaining('mode') }]);
  });
});

describe('an existing function', () => {
  it('is named by its ARN, and may be called and nothing else', () => {
    const arn = `arn:aws:lambda:eu-west-1:${account}:function:score:live`;
    const { state, ir } = single(lambdaArn('score', { arn, input: word, output: answer, timeout: '2m' }) as never);
    expect(state).toMatchObject({
      Resource: 'arn:aws:states:::lambda:invoke',
      Arguments: { FunctionName: arn, Payload: { word: '{% $states.context.Execution.Input.word %}' } },
      TimeoutSeconds: 120,
    });
    expect(ir.statements).toStrictEqual([{ actions: ['lambda:InvokeFunction'], resources: [arn] }]);
    expect(mistakesOf(lambdaArn('score', { arn: 'score', input: word, output: answer }))).toMatchObject([
      { code: 'BS1140', path: ['operations', 'score', 'arn'], message: expect.stringContaining('ARN of a function') },
    ]);
  });
});

describe('a call of an HTTPS endpoint', () => {
  const connection = `arn:aws:events:eu-west-1:${account}:connection/orders/0b5dbd9c`;
  it('has the credentials of a connection, and may call nothing but the endpoint', () => {
    const operation = http('order', {
      endpoint: 'https://api.example.com/orders',
      method: 'POST',
      connection,
      input: word,
      output: z.object({ total: z.number() }),
      path: (input) => tpl`/${input.word}`,
      headers: () => ({ 'x-from': 'pipelines' }),
    });
    const { state, ir } = single(operation as never);
    expect(state?.['Arguments']).toStrictEqual({
      ApiEndpoint:
        '{% ("https://api.example.com/orders" & $string(("/" & $string($states.context.Execution.Input.word)))) %}',
      Method: 'POST',
      Authentication: { ConnectionArn: connection },
      Headers: { 'x-from': 'pipelines' },
      RequestBody: { word: '{% $states.context.Execution.Input.word %}' },
    });
    expect(ir.statements[0]).toMatchObject({
      actions: ['states:InvokeHTTPEndpoint'],
      conditions: {
        StringEquals: { 'states:HTTPMethod': 'POST' },
        StringLike: { 'states:HTTPEndpoint': 'https://api.example.com/orders*' },
      },
    });
    const plain = { method: 'GET', connection, input: word, output: answer } as const;
    expect(mistakesOf(http('order', { ...plain, endpoint: 'http://api.example.com' }))).toMatchObject([
      { code: 'BS1140', path: ['operations', 'order', 'endpoint'] },
    ]);
    expect(
      single(http('order', { ...plain, endpoint: 'https://a.example' }) as never).state?.['Arguments'],
    ).toStrictEqual({
      ApiEndpoint: 'https://a.example',
      Method: 'GET',
      Authentication: { ConnectionArn: connection },
    });
  });
});

describe('a job of another service', () => {
  const request = () => ({ Name: 'x' });
  const common = { input: word, output: answer, request, resources: ['arn:aws:x:::job/x'] };
  it.each([
    ['glue', glue('j', common), 'glue:startJobRun', ['glue:BatchStopJobRun']],
    ['sagemaker', sagemaker('j', common), 'sagemaker:createTrainingJob', ['sagemaker:StopTrainingJob']],
    [
      'sagemaker processing',
      sagemaker('j', { ...common, run: 'processing', passes: role }),
      'sagemaker:createProcessingJob',
      ['sagemaker:StopProcessingJob', 'iam:PassRole'],
    ],
    ['batch', batch('j', common), 'batch:submitJob', ['batch:TerminateJob']],
    ['emr step', emr('j', common), 'elasticmapreduce:addStep', ['elasticmapreduce:CancelSteps']],
    [
      'emr serverless',
      emr('j', { ...common, run: 'serverless' }),
      'emr-serverless:startJobRun',
      ['emr-serverless:CancelJobRun'],
    ],
    ['eks', eks('j', { input: word, output: answer, request }), 'eks:runJob', []],
  ])('of %s is waited for, and may be stopped', (_, operation, resource, actions) => {
    const { state, ir, mistakes } = single(operation as never);
    expect(mistakes).toStrictEqual([]);
    expect(state?.['Resource']).toBe(`arn:aws:states:::${resource}.sync`);
    expect(ir.statements.flatMap((statement) => statement.actions)).toEqual(expect.arrayContaining(actions));
  });

  it('names what it starts', () => {
    expect(mistakesOf(glue('j', { input: word, output: answer, request }))).toMatchObject([
      { code: 'BS1140', path: ['operations', 'j', 'resources'] },
    ]);
  });
});

describe('a kind that comes from elsewhere', () => {
  const kind = {
    interface: kindInterface,
    kind: 'bell',
    icon: '♪',
    summary: 'a bell',
    lower: () => ({ task: { resource: 'arn:aws:states:::sns:publish', arguments: { TopicArn: 'x' }, statements: [] } }),
  };
  it('goes through the same door', () => {
    const { state, ir, mistakes } = single(operationOf(kind, 'ring', { input: word, output: answer }) as never);
    expect(mistakes).toStrictEqual([]);
    expect([state?.['Resource'], ir.kind, ir.icon]).toStrictEqual(['arn:aws:states:::sns:publish', 'bell', '♪']);
  });

  it.each([
    [kindInterface + 1, 'install a newer bunsui'],
    [kindInterface - 1, 'install a newer version of the package'],
  ])('is refused when it was made for version %i', (version, hint) => {
    const { mistakes } = single(
      operationOf({ ...kind, interface: version }, 'ring', { input: word, output: answer }) as never,
    );
    expect(mistakes).toMatchObject([
      { code: 'BS1141', path: ['operations', 'ring'], hint: expect.stringContaining(hint) },
    ]);
  });

  it('may ask for no wildcard without a reason, and for no resource that is none', () => {
    const asking = (task: object) =>
      mistakesOf(
        operationOf(
          {
            ...kind,
            lower: () => ({
              task: { resource: 'arn:aws:states:::sns:publish', arguments: {}, statements: [], ...task },
            }),
          },
          'ring',
          { input: word, output: answer },
        ),
      );
    expect(asking({ statements: [{ actions: ['sns:Publish'], resources: ['*'] }] })).toMatchObject([
      { code: 'BS1140', path: ['operations', 'ring', 'statements'] },
    ]);
    expect(asking({ resource: 'sns:publish' })).toMatchObject([
      { code: 'BS1140', path: ['operations', 'ring', 'resource'] },
    ]);
  });
});

describe('what a service answers', () => {
  const schema = z.toJSONSchema(
    z.object({
      n: z.int().min(1),
      kind: z.enum(['a', 'b']),
      list: z.array(z.object({ id: z.string().max(3) })).max(2),
      maybe: z.string().optional(),
      either: z.union([z.string(), z.null()]),
      deep: z.object({ yes: z.boolean() }),
    }),
  ) as { readonly [keyword: string]: unknown };
  const good = { n: 1, kind: 'a', list: [{ id: 'x' }], either: null, deep: { yes: true }, more: 1 };
  const check = async (value: unknown) => {
    const text = `(${[...outputChecks('$value', schema, 'op'), 'true'].join('; ')})`;
    return jsonata(text).evaluate(null, { value });
  };

  it('is taken when it fits, whatever it holds beside that', async () => {
    await expect(check(good)).resolves.toBe(true);
    await expect(check({ ...good, maybe: 'x', list: [] })).resolves.toBe(true);
  });

  it.each<[string, object, string]>([
    ['a type', { n: '1' }, 'n is not'],
    ['a fraction', { n: 1.5 }, 'n is not'],
    ['a bound', { n: 0 }, 'n is not'],
    ['a word', { kind: 'c' }, 'kind is not'],
    ['too many', { list: [{ id: 'a' }, { id: 'b' }, { id: 'c' }] }, 'list is not'],
    ['an item', { list: [{ id: 'long' }] }, 'list is not'],
    ['the only item', { list: [{}] }, 'list is not'],
    ['no list', { list: { id: 'x' } }, 'list is not'],
    ['an optional field', { maybe: 1 }, 'maybe is not of type string'],
    ['an alternative', { either: 1 }, 'either is not'],
    ['a field inside', { deep: { yes: 'no' } }, 'deep: yes is not of type boolean'],
    ['a field that is missing', { deep: {} }, 'deep is not an object with yes'],
  ])('fails with the place where it does not fit: %s', async (_, change, place) => {
    await expect(check({ ...good, ...change })).rejects.toThrow(`Bunsui.OutputInvalid: the output of op: ${place}`);
  });

  it('fails where it is nothing', async () => {
    await expect(check(null)).rejects.toThrow('the output of op is not an object');
    await expect(check(undefined)).rejects.toThrow('the output of op is not an object');
  });
});

describe('a container', () => {
  const common = { input: word, output: answer, image: 'example.com/x:1' };
  it('has a pair of CPU and memory that Fargate has, and one image', () => {
    expect(mistakesOf(ecs('c', { ...common, cpu: 1_024, memory: 2_048 }))).toStrictEqual([]);
    expect(mistakesOf(ecs('c', { ...common, cpu: 300 }))).toMatchObject([
      { code: 'BS1140', path: ['operations', 'c', 'cpu'] },
    ]);
    expect(mistakesOf(ecs('c', { ...common, cpu: 1_024, memory: 512 }))).toMatchObject([
      { code: 'BS1140', path: ['operations', 'c', 'memory'] },
    ]);
    expect(mistakesOf(ecs('c', { ...common, asset: './x' }))).toMatchObject([{ path: ['operations', 'c', 'image'] }]);
    expect(mistakesOf(ecs('c', { ...common, environment: { AWS_REGION: 'x' } }))).toMatchObject([{ code: 'BS1140' }]);
  });

  it('is given no secret: its input lies in S3', () => {
    const given = pipeline('p', { input: word }, (p) => {
      p.job('only', ecs('c', common), { word: secret('warehouse/token') });
    });
    expect(given.diagnostics).toMatchObject([{ code: 'BS1130', path: ['p', 'only', 'input', 'word'] }]);
  });
});
