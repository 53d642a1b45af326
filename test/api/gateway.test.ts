import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { SFNClient } from '@aws-sdk/client-sfn';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { bindingsOf, proxyEvent, requestOf } from '../../lib/api/gateway.ts';

/** As API Gateway sends it, with what the function does not read. */
function event(method: string, path: string, more: object = {}): object {
  return {
    resource: '/{proxy+}',
    path,
    httpMethod: method,
    headers: { Accept: '*/*', 'Content-Type': 'application/json', Host: 'x.execute-api.us-east-1.amazonaws.com' },
    multiValueHeaders: {
      Accept: ['*/*'],
      'Content-Type': ['application/json'],
      Host: ['x.execute-api.us-east-1.amazonaws.com'],
    },
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    pathParameters: { proxy: path.slice(1) },
    stageVariables: null,
    requestContext: {
      resourceId: 'r',
      resourcePath: '/{proxy+}',
      httpMethod: method,
      path: `/api${path}`,
      accountId: '000000000000',
      stage: 'api',
      requestId: 'c6af9ac6-7b61-11e6-9a41-93e8deadbeef',
      identity: {
        accountId: '000000000000',
        userArn: 'arn:aws:sts::000000000000:assumed-role/ops/ann',
        sourceIp: '192.0.2.1',
      },
    },
    body: null,
    isBase64Encoded: false,
    ...more,
  };
}

const requested = (given: object) => requestOf(proxyEvent.parse(given));

describe('an event of API Gateway', () => {
  it('is the request that was sent', async () => {
    const request = requested(
      event('POST', '/v1/sessions/x/cancel', {
        queryStringParameters: { job: 'convert[1]/one', q: 'b' },
        multiValueQueryStringParameters: { job: ['convert[1]/one'], q: ['a&c=d', 'b'] },
        body: '{"reason":"ü"}',
      }),
    );
    const { pathname, searchParams } = new URL(request.url);
    expect([request.method, pathname, [...searchParams], await request.text()]).toStrictEqual([
      'POST',
      '/v1/sessions/x/cancel',
      [
        ['job', 'convert[1]/one'],
        ['q', 'a&c=d'],
        ['q', 'b'],
      ],
      '{"reason":"ü"}',
    ]);
    expect(request.headers.get('content-type')).toBe('application/json');
  });

  it.each([
    [
      'single values',
      { multiValueHeaders: null, multiValueQueryStringParameters: null, queryStringParameters: { limit: '1' } },
    ],
    [
      'what HTTP never carries',
      { multiValueQueryStringParameters: { limit: ['1'] }, headers: { 'bad name': 'x', evil: 'a\r\nb: c' } },
    ],
  ])('may have %s', (_, more) => {
    const request = requested(event('GET', '/v1/sessions', more));
    expect([new URL(request.url).search, request.headers.get('evil')]).toStrictEqual(['?limit=1', null]);
  });

  it('may have a body in base64, and a path with something before it', async () => {
    const body = Buffer.from('{"a":1}').toString('base64');
    const request = requested(event('POST', '/ops/v1/sessions/x/rerun', { body, isBase64Encoded: true }));
    expect([new URL(request.url).pathname, await request.text()]).toStrictEqual(['/v1/sessions/x/rerun', '{"a":1}']);
  });

  it.each(['/v1/sessions/a?b=c#d', '/v1/sessions/../../x', '//evil.example/v1/sessions', '/v1/%', '/v1/\u0000'])(
    'stays at this API with the path %j',
    (path) => {
      expect(new URL(requested(event('GET', path)).url).origin).toBe('https://api.invalid');
    },
  );

  it('says who calls, as far as API Gateway knows', () => {
    expect(bindingsOf(proxyEvent.parse(event('GET', '/v1/health')))).toStrictEqual({
      requestId: 'c6af9ac6-7b61-11e6-9a41-93e8deadbeef',
      caller: { role: 'admin', user: 'arn:aws:sts::000000000000:assumed-role/ops/ann' },
    });
    const anonymous = event('GET', '/v1/health', { requestContext: { requestId: 'r', identity: { userArn: null } } });
    expect(bindingsOf(proxyEvent.parse(anonymous))).toStrictEqual({ requestId: 'r', caller: { role: 'admin' } });
  });
});

describe('the function', () => {
  for (const [name, value] of Object.entries({
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'AKIDTEST',
    AWS_SECRET_ACCESS_KEY: 'secret',
    BUNSUI_SESSIONS_TABLE: 't-sessions',
    BUNSUI_JOB_HISTORY_TABLE: 't-job-history',
    BUNSUI_PIPELINES_TABLE: 't-pipelines',
    BUNSUI_BUCKET: 'b',
    POWERTOOLS_LOG_LEVEL: 'SILENT',
  })) {
    vi.stubEnv(name, value);
  }
  const db = mockClient(DynamoDBDocumentClient);
  const sfn = mockClient(SFNClient);
  beforeEach(() => {
    db.reset();
    sfn.reset();
  });
  afterAll(() => {
    db.restore();
    sfn.restore();
    vi.unstubAllEnvs();
  });

  interface ProxyAnswer {
    readonly statusCode: number;
    readonly headers: { readonly [name: string]: string };
    readonly body: string;
  }
  async function call(given: unknown): Promise<ProxyAnswer> {
    const { handler } = await import('../../lambdas/api/handler.ts');
    // What Lambda hands in besides is read by the logger only.
    return (await handler(given, { functionName: 'api', awsRequestId: 'l' } as never)) as ProxyAnswer;
  }
  const throttled = (name: string) =>
    Object.assign(new Error('Rate exceeded'), { name, $metadata: { httpStatusCode: 400 } });

  it('answers as API Gateway takes it', async () => {
    db.resolves({});
    expect(await call(event('GET', '/v1/health'))).toStrictEqual({
      statusCode: 200,
      headers: expect.objectContaining({
        'content-type': 'application/json',
        'x-request-id': 'c6af9ac6-7b61-11e6-9a41-93e8deadbeef',
      }),
      body: '{"status":"ok"}',
    });
  });

  it.each([
    ['ProvisionedThroughputExceededException', 429, true],
    ['ThrottlingException', 429, true],
    ['InternalServerError', 500, false],
  ])('says of %s whether to come again', async (name, status, recoverable) => {
    db.rejects(throttled(name));
    const { statusCode, body } = await call(event('GET', '/v1/health'));
    const { error } = JSON.parse(body) as {
      readonly error: { readonly recoverable: boolean; readonly request_id: string };
    };
    expect([statusCode, error.recoverable, error.request_id]).toStrictEqual([
      status,
      recoverable,
      'c6af9ac6-7b61-11e6-9a41-93e8deadbeef',
    ]);
  });

  it('refuses what is no event of API Gateway', async () => {
    await expect(call({ Records: [] })).rejects.toThrow(/^this is no request of API Gateway: httpMethod: /);
  });

  it('leads to a report by an address that S3 can check, for five minutes', async () => {
    const { objectUrls } = await import('../../lambdas/api/object-urls.ts');
    const env = {
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'AKIDTEST',
      AWS_SECRET_ACCESS_KEY: 's',
      AWS_SESSION_TOKEN: 't/=',
    };
    const { url, expiresAt } = await objectUrls(env, 'b', () => 0)('reports/2026/03/04/x y.html');
    const { origin, pathname, searchParams } = new URL(url);
    expect([origin, pathname, expiresAt]).toStrictEqual([
      'https://b.s3.eu-west-1.amazonaws.com',
      '/reports/2026/03/04/x%20y.html',
      '1970-01-01T00:05:00.000Z',
    ]);
    expect([...searchParams.keys()].sort()).toStrictEqual([
      'X-Amz-Algorithm',
      'X-Amz-Credential',
      'X-Amz-Date',
      'X-Amz-Expires',
      'X-Amz-Security-Token',
      'X-Amz-Signature',
      'X-Amz-SignedHeaders',
    ]);
    expect(searchParams.get('X-Amz-Expires')).toBe('300');
    const local = await objectUrls({ ...env, AWS_ENDPOINT_URL: 'http://127.0.0.1:4566' }, 'b', () => 0)('k');
    expect(local.url).toMatch(/^http:\/\/127\.0\.0\.1:4566\/b\/k\?/);
  });
});
