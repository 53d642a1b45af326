import { AwsV4Signer } from 'aws4fetch';
import { expect, it, onTestFinished, vi } from 'vitest';
import { signedRequest } from '../../lib/wrapper/signed-calls.ts';

const environment = {
  AWS_REGION: 'eu-west-3',
  AWS_ACCESS_KEY_ID: 'AKID',
  AWS_SECRET_ACCESS_KEY: 'secret/of+this',
  AWS_SESSION_TOKEN: 'token==',
};

it.each([
  ['dynamodb', 'POST', 'https://dynamodb.eu-west-3.amazonaws.com', { 'x-amz-target': 'T.GetItem' }, '{"t":"ü"}'],
  ['states', 'POST', 'http://127.0.0.1:4566', { 'content-type': 'application/x-amz-json-1.0' }, ''],
  ['s3', 'PUT', 'https://b.s3.eu-west-3.amazonaws.com/a%20b/ü(1)!*~.json', {}, new Uint8Array([0, 255, 10])],
  ['s3', 'GET', 'http://127.0.0.1:4566/b/payloads/2026/x.json', { range: 'bytes=0-9' }, ''],
] as const)('a request of %s by %s to %s is signed as another implementation does', async (...given) => {
  const [service, method, address, headers, body] = given;
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 30, 1, 2, 3), toFake: ['Date'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const { url, headers: signed } = signedRequest(environment, service, { method, address, headers, body });
  const other = new AwsV4Signer({
    method,
    url: address,
    headers: { ...headers, 'x-amz-content-sha256': signed['x-amz-content-sha256'] ?? '' },
    body,
    service,
    region: environment.AWS_REGION,
    accessKeyId: environment.AWS_ACCESS_KEY_ID,
    secretAccessKey: environment.AWS_SECRET_ACCESS_KEY,
    sessionToken: environment.AWS_SESSION_TOKEN,
    allHeaders: true,
  });
  const theirs = await other.sign();
  expect([url.href, signed['authorization'], signed['x-amz-security-token']]).toStrictEqual([
    theirs.url.href,
    theirs.headers.get('authorization'),
    'token==',
  ]);
});
