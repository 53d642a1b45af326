/**
 * Calls of AWS services by Node's HTTP client, whose connections stay open between calls. Node's own `fetch` takes three
 * times as much of the processor for each, and many times as much for a function's first.
 */
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import type { Fetch } from './ports.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

interface Client {
  request(url: URL, options: RequestOptions, answered: (response: IncomingMessage) => void): ClientRequest;
}

/** Loaded with the first call: who declares operations and runs none has no use for it. */
function clientFor(protocol: string): Client {
  return protocol === 'https:' ? process.getBuiltinModule('node:https') : process.getBuiltinModule('node:http');
}

/** Follows no redirect and asks for no compression: no service that is called answers so. @throws what ended the call */
export const httpFetch: Fetch = async (url, { method, headers, body, signal }) => {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const failed = (error: unknown) => reject(signal.aborted ? signal.reason : error);
  const answered = (response: IncomingMessage) => {
    const chunks: Buffer[] = [];
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.on('end', () => {
      const { statusCode: status = 0, headers: answered } = response;
      resolve({ status, headers: answered, bytes: Buffer.concat(chunks) });
    });
    response.on('error', failed);
  };
  const options = { method, headers, signal };
  clientFor(url.protocol).request(url, options, answered).on('error', failed).end(body);
  const { status, headers: told, bytes } = await promise;
  return {
    status,
    headers: { get: (name) => told[name.toLowerCase()]?.toString() ?? null },
    text: async () => bytes.toString('utf8'),
    arrayBuffer: async () => new Uint8Array(bytes).buffer,
  };
};
