import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { functionPorts } from '../../lib/wrapper/ports.ts';
import { dynamodb, signedCalls, stepFunctions } from '../../lib/wrapper/signed-calls.ts';

/** What a request says of its signature. */
async function endpoint(): Promise<{ readonly url: string; readonly signatures: readonly string[] }> {
  const signatures: string[] = [];
  const server = createServer(({ headers }, response) => {
    signatures.push(headers.authorization ?? '');
    response.end('{}');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, signatures };
}

const portsAt = (url: string, secret: string) => ({
  ...functionPorts(),
  environment: {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'AKID',
    AWS_SECRET_ACCESS_KEY: secret,
    AWS_ENDPOINT_URL: url,
  },
});

it('derives a signing key once for all calls to a service', async () => {
  const { url, signatures } = await endpoint();
  const imported = vi.spyOn(crypto.subtle, 'importKey');
  onTestFinished(() => imported.mockRestore());
  const keysFor = async (act: () => Promise<unknown>) => {
    const before = imported.mock.calls.length;
    await act();
    return imported.mock.calls.length - before;
  };
  // Each invocation makes its own.
  const call = () => signedCalls(portsAt(url, 'secret-of-this-test'), () => 10_000);
  const first = await keysFor(() => call()(dynamodb, 'GetItem', {}));
  const later = await keysFor(() => call()(dynamodb, 'PutItem', { n: 1 }));
  const other = await keysFor(() => call()(stepFunctions, 'SendTaskSuccess', {}));
  const rotated = await keysFor(() =>
    signedCalls(portsAt(url, 'its-successor'), () => 10_000)(dynamodb, 'GetItem', {}),
  );
  // Four keys lead to that which signs.
  expect([first, later, other, rotated]).toStrictEqual([5, 1, 5, 5]);
  expect(new Set(signatures).size).toBe(4);
});
