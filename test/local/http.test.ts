import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { ListStateMachinesCommand, ListTagsForResourceCommand, SFNClient } from '@aws-sdk/client-sfn';
import { LambdaClient, ListLayersCommand } from '@aws-sdk/client-lambda';
import { CloudWatchLogsClient, PutLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import { ListSubscriptionsCommand, SNSClient } from '@aws-sdk/client-sns';
import { request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { localClient } from '../../lib/local/client.ts';
import type { Runtime } from '../../lib/local/runtime.ts';
import { sha256, signedHeaders } from '../../lib/request-signature.ts';
import { clientConfig, refusal } from '../contract/target.ts';
import { openForTest } from './runtimes.ts';

interface Raw {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Sends what it is told, signed or not, and gives what comes back. */
function send(
  runtime: Runtime,
  path: string,
  headers: Readonly<Record<string, string>>,
  body = '',
  method = 'POST',
): Promise<Raw> {
  const { hostname, port } = new URL(runtime.endpoint);
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, path, method, headers }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        text += chunk;
      });
      incoming.on('end', () => {
        resolve({
          status: incoming.statusCode ?? 0,
          type: String(incoming.headers['x-amzn-errortype'] ?? ''),
          body: text,
        });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const target = 'AWSStepFunctions.ListStateMachines';

function signed(
  runtime: Runtime,
  body = '{}',
  changes: {
    readonly host?: string;
    readonly nowMs?: number;
    readonly secret?: string;
    readonly service?: string;
  } = {},
) {
  const host = changes.host ?? new URL(runtime.endpoint).host;
  return signedHeaders(
    {
      method: 'POST',
      path: '/',
      query: '',
      headers: { host, 'x-amz-target': target, 'content-type': 'application/x-amz-json-1.0' },
    },
    { service: changes.service ?? 'states', region: 'us-east-1' },
    { ...runtime.credentials, ...(changes.secret && { secretAccessKey: changes.secret }) },
    body,
    changes.nowMs ?? Date.now(),
  );
}

describe('the endpoint', () => {
  it('serves what is signed with its key, by either name of the loopback', async () => {
    const runtime = await openForTest();
    const { port } = new URL(runtime.endpoint);
    const answers = await Promise.all([
      send(runtime, '/', signed(runtime), '{}'),
      send(runtime, '/', signed(runtime, '{}', { host: `localhost:${port}` }), '{}'),
    ]);
    expect(answers).toStrictEqual(
      Array.from({ length: 2 }, () => ({ status: 200, type: '', body: '{"stateMachines":[]}' })),
    );
  });

  it.each([
    ['no signature', () => ({}), 'MissingAuthenticationTokenException'],
    ['an Authorization of another kind', () => ({ authorization: 'Basic eDp5' }), 'IncompleteSignatureException'],
    ['another secret', (r: Runtime) => signed(r, '{}', { secret: 'other' }), 'InvalidSignatureException'],
    ['another body than the one sent', (r: Runtime) => signed(r, '{"maxResults":1}'), 'InvalidSignatureException'],
    [
      'a header changed afterwards',
      (r: Runtime) => ({ ...signed(r), 'x-amz-target': `${target}x` }),
      'InvalidSignatureException',
    ],
    [
      'a date of long ago',
      (r: Runtime) => signed(r, '{}', { nowMs: Date.now() - 3_600_000 }),
      'InvalidSignatureException',
    ],
    ['a date to come', (r: Runtime) => signed(r, '{}', { nowMs: Date.now() + 3_600_000 }), 'InvalidSignatureException'],
    ['another host', (r: Runtime) => signed(r, '{}', { host: 'evil.example' }), 'AccessDeniedException'],
    ['another port', (r: Runtime) => signed(r, '{}', { host: '127.0.0.1:1' }), 'AccessDeniedException'],
  ])('refuses %s', async (_what, headers, type) => {
    const runtime = await openForTest();
    const answer = await send(runtime, '/', headers(runtime), '{}');
    expect([answer.status, answer.type, JSON.parse(answer.body).__type]).toStrictEqual([403, type, type]);
  });

  it('refuses another key by name, in the protocol of the service', async () => {
    const runtime = await openForTest();
    const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: runtime.credentials.secretAccessKey };
    const wrong = { ...clientConfig(runtime), credentials };
    const half = { ...clientConfig(runtime), credentials: { ...runtime.credentials, secretAccessKey: 'x' } };
    const get = new GetObjectCommand({ Bucket: 'bucket-one', Key: 'k' });
    expect([
      await refusal(new SFNClient(wrong).send(new ListStateMachinesCommand({}))),
      await refusal(new S3Client({ ...wrong, forcePathStyle: true }).send(get)),
      await refusal(new S3Client({ ...half, forcePathStyle: true }).send(get)),
      await refusal(new LambdaClient(half).send(new ListLayersCommand({}))),
      await refusal(new SNSClient(half).send(new ListSubscriptionsCommand({}))),
    ]).toStrictEqual([
      'UnrecognizedClientException',
      'InvalidAccessKeyId',
      'SignatureDoesNotMatch',
      'InvalidSignatureException',
      'InvalidSignatureException',
    ]);
  });

  it('refuses what it does not serve in the protocol of the service, and names it in the log', async () => {
    const heard: string[] = [];
    const runtime = await openForTest({ log: (_level, message) => heard.push(message) });
    const config = clientConfig(runtime);
    const client = localClient(runtime);
    await client.send('s3', 'PUT', '/bucket-one');
    const other = await client.json('kinesis', 'Kinesis_20131202.PutRecord', {});
    expect([
      await refusal(new SFNClient(config).send(new ListTagsForResourceCommand({ resourceArn: 'arn' }))),
      await refusal(new LambdaClient(config).send(new ListLayersCommand({}))),
      await refusal(
        new CloudWatchLogsClient(config).send(
          new PutLogEventsCommand({ logGroupName: 'g', logStreamName: 's', logEvents: [] }),
        ),
      ),
      await refusal(new DynamoDBClient(config).send(new TransactWriteItemsCommand({ TransactItems: [] }))),
      await refusal(new SNSClient(config).send(new ListSubscriptionsCommand({}))),
      await refusal(
        new S3Client({ ...config, forcePathStyle: true }).send(
          new PutObjectCommand({ Bucket: 'bucket-one', Key: 'k', Body: 'x', Tagging: 'a=b' }),
        ),
      ),
      other.ok ? 'it was not refused' : other.code,
    ]).toStrictEqual([
      'UnknownOperationException',
      'UnknownOperationException',
      'UnknownOperationException',
      'UnknownOperationException',
      'InvalidAction',
      'NotImplemented',
      'UnknownOperationException',
    ]);
    expect(heard.toSorted()).toStrictEqual([
      'unsupported DynamoDB call: TransactWriteItems',
      'unsupported Lambda call: GET /2018-10-31/layers',
      'unsupported Logs call: Logs_20140328.PutLogEvents',
      'unsupported S3 call: PutObject x-amz-tagging',
      'unsupported SNS call: ListSubscriptions',
      'unsupported Step Functions call: AWSStepFunctions.ListTagsForResource',
      'unsupported service: kinesis',
    ]);
  });

  it.each([
    ['?acl', 'GET', '/bucket-one/k?acl', 'GetObject ?acl'],
    ['?restore', 'POST', '/bucket-one/k?restore', 'POST object ?restore'],
    ['the first kind of list', 'GET', '/bucket-one', 'GET bucket'],
    ['deleting a bucket', 'DELETE', '/bucket-one', 'DELETE bucket'],
  ])('says what of S3 it does not serve: %s', async (_what, method, path, named) => {
    const runtime = await openForTest();
    const client = localClient(runtime);
    await client.send('s3', 'PUT', '/bucket-one');
    const { status, body } = await client.send('s3', method, path);
    expect([status, /<Code>(.*)<\/Code>/.exec(body)?.[1], body.includes(named)]).toStrictEqual([
      501,
      'NotImplemented',
      true,
    ]);
  });

  it('refuses bodies that are too large, and goes on', async () => {
    const runtime = await openForTest();
    const body = 'x'.repeat(18 * 1024 * 1024);
    const answer = await send(runtime, '/', signed(runtime, body), body);
    expect([answer.status, answer.type]).toStrictEqual([413, 'RequestEntityTooLargeException']);
    expect((await send(runtime, '/', signed(runtime), '{}')).status).toBe(200);
  });

  it('refuses a body that is not JSON', async () => {
    const runtime = await openForTest();
    for (const body of ['{', '[]', '"x"']) {
      const answer = await send(runtime, '/', signed(runtime, body), body);
      expect([answer.status, answer.type]).toStrictEqual([400, 'SerializationException']);
    }
  });

  it('survives what is not HTTP', async () => {
    const runtime = await openForTest();
    const { port } = new URL(runtime.endpoint);
    const socket = connect(Number(port), '127.0.0.1');
    socket.end('\x16\x03\x01 not http\r\n\r\n');
    await new Promise((resolve) => socket.on('close', resolve).resume());
    expect((await send(runtime, '/', signed(runtime), '{}')).status).toBe(200);
  });

  it('takes presigned URLs while they are valid', async () => {
    const runtime = await openForTest();
    const client = localClient(runtime);
    await client.send('s3', 'PUT', '/bucket-one');
    await client.send('s3', 'PUT', '/bucket-one/k', 'content');
    const presign = async (expiresIn: number, atMs: number) => {
      const { AwsClient } = await import('aws4fetch');
      const aws = new AwsClient({ ...runtime.credentials, service: 's3', region: 'us-east-1' });
      const datetime = new Date(atMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
      const url = `${runtime.endpoint}/bucket-one/k?X-Amz-Expires=${expiresIn}`;
      return (await aws.sign(url, { aws: { signQuery: true, datetime } })).url;
    };
    const good = await fetch(await presign(60, Date.now()));
    const late = await fetch(await presign(60, Date.now() - 120_000));
    const url = await presign(60, Date.now());
    const changed = await fetch(url.replace('/k?', '/other?'));
    expect([await good.text(), late.status, changed.status]).toStrictEqual(['content', 403, 403]);
  });

  it.each([
    ['a name that leaves its folder', 'PUT', 'functions/..%2Fx', {}],
    ['a handler that is no absolute path', 'PUT', 'functions/f', { handlerFile: 'x.mjs', handler: 'handler' }],
    ['a handler that is no name', 'PUT', 'functions/f', { handlerFile: '/x.mjs', handler: 'a;b' }],
    [
      'a timeout of two days',
      'PUT',
      'functions/f',
      { handlerFile: '/x.mjs', handler: 'handler', timeoutSeconds: 172_800 },
    ],
    ['a tiny memory', 'PUT', 'functions/f', { handlerFile: '/x.mjs', handler: 'handler', memoryMiB: 1 }],
    [
      'an environment that Lambda keeps',
      'PUT',
      'functions/f',
      { handlerFile: '/x.mjs', handler: 'handler', environment: { AWS_REGION: 'x' } },
    ],
    [
      'an environment with NUL',
      'PUT',
      'functions/f',
      { handlerFile: '/x.mjs', handler: 'handler', environment: { A: '\0' } },
    ],
    ['a field it does not know', 'PUT', 'functions/f', { handlerFile: '/x.mjs', handler: 'handler', extra: 1 }],
    ['a target that is not there', 'PUT', 'targets/status-change', { functionName: 'nobody' }],
    ['an execution that is not there', 'GET', 'executions/arn%3Anobody/events', undefined],
    ['a position that is none', 'GET', 'executions/arn%3Anobody/events?after=-1', undefined],
    ['a route that is not there', 'GET', 'secrets', undefined],
  ])('refuses, of its own routes, %s', async (_what, method, route, input) => {
    const runtime = await openForTest();
    await expect(localClient(runtime).private(method, route, input)).rejects.toMatchObject({ code: 'BS5001' });
  });
});

describe('signing', () => {
  it('gives the signature of AWS’s own example', () => {
    // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, "GET Object"
    const headers = { host: 'examplebucket.s3.amazonaws.com', range: 'bytes=0-9' };
    const { authorization } = signedHeaders(
      { method: 'GET', path: '/test.txt', query: '', headers },
      { service: 's3', region: 'us-east-1' },
      { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
      '',
      Date.UTC(2013, 4, 24),
    );
    expect(authorization).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    );
    expect(sha256('')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });

  it('is another with another secret, for another service and on another day', () => {
    const parts = { method: 'POST', path: '/', query: '', headers: { host: '127.0.0.1:1' } };
    const sign = (secretAccessKey: string, service: string, day: number) =>
      signedHeaders(
        parts,
        { service, region: 'us-east-1' },
        { accessKeyId: 'AKID', secretAccessKey },
        '{}',
        Date.UTC(2026, 0, day),
      )['authorization'];
    const all = () => [
      sign('one', 'states', 1),
      sign('two', 'states', 1),
      sign('one', 'sqs', 1),
      sign('one', 'states', 2),
    ];
    const first = all();
    expect(new Set(first).size).toBe(4);
    expect(all()).toStrictEqual(first);
  });
});
