/** A real HTTP server in the place of Slack or of somebody's webhook. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly atMs: number;
}

/** What the receiver does with a request; `hang` never answers, `reset` cuts the connection. */
export type Answer =
  | number
  | 'hang'
  | 'reset'
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string };

export interface Receiver {
  readonly url: string;
  readonly port: number;
  readonly received: readonly Received[];
  /** Connections, whether anything was said on them or not. */
  readonly connections: () => number;
  /** Resolves with the first `count` requests. */
  until(count: number): Promise<readonly Received[]>;
  close(): Promise<void>;
}

/**
 * Starts a receiver on 127.0.0.1.
 *
 * @param answer of the request with that index
 * @param options.port @default any that is free
 * @param options.keeps which requests are for it; others it takes with 200, and forgets. @default all
 */
export async function startReceiver(
  answer: (index: number, request: Received) => Answer = () => 200,
  options: { readonly port?: number; readonly keeps?: (request: Received) => boolean } = {},
): Promise<Receiver> {
  const { port: wanted = 0, keeps = () => true } = options;
  const received: Received[] = [];
  const waiting = new Set<() => void>();
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const one = { path: request.url ?? '', headers: request.headers, body, atMs: Date.now() };
      if (!keeps(one)) {
        response.writeHead(200).end();
        return;
      }
      received.push(one);
      const given = answer(received.length - 1, one);
      if (given === 'reset') request.socket.destroy();
      else if (given !== 'hang') {
        const { status, headers = {}, body: text = '' } = typeof given === 'number' ? { status: given } : given;
        response.writeHead(status, headers).end(text);
      }
      for (const wake of waiting) wake();
    });
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((listening) => server.listen(wanted, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    received,
    connections: () => connections,
    until: (count) =>
      new Promise((resolve) => {
        const look = () => {
          if (received.length < count) return;
          waiting.delete(look);
          resolve(received.slice(0, count));
        };
        waiting.add(look);
        look();
      }),
    async close() {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A receiver that ends with the test. */
export async function receiverForTest(answer?: (index: number, request: Received) => Answer): Promise<Receiver> {
  const receiver = await startReceiver(answer);
  onTestFinished(() => receiver.close());
  return receiver;
}
