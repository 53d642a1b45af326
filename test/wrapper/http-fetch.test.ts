import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { httpFetch } from '../../lib/wrapper/http-fetch.ts';

async function served(
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
): Promise<{ readonly url: URL; readonly sockets: ReadonlySet<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (text: string) => {
      body += text;
    });
    request.on('end', () => answer(request, response, body));
  });
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/a%20b?c=d`), sockets };
}

const call = (url: URL, over: Partial<Parameters<typeof httpFetch>[1]> = {}) =>
  httpFetch(url, {
    method: 'POST',
    headers: { 'x-amz-target': 'T' },
    body: undefined,
    signal: AbortSignal.timeout(10_000),
    ...over,
  });

describe('a call', () => {
  it('sends method, path, headers and body, and gives status and answer', async () => {
    const { url } = await served(({ method, url: path, headers }, response, body) => {
      const { host, 'x-amz-target': target, 'content-length': length } = headers;
      response.writeHead(418).end(JSON.stringify({ method, path, host, target, length, body }));
    });
    const answer = await call(url, { body: '{"t":"ü"}' });
    expect([answer.status, JSON.parse(await answer.text())]).toStrictEqual([
      418,
      { method: 'POST', path: '/a%20b?c=d', host: url.host, target: 'T', length: '10', body: '{"t":"ü"}' },
    ]);
  });

  it('gives bytes as they are', async () => {
    const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => index % 256);
    const { url } = await served((_, response) => response.end(bytes));
    const answer = await call(url, { method: 'GET' });
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it('uses the connection of the one before', async () => {
    const { url, sockets } = await served((_, response) => response.end('{}'));
    for (let calls = 0; calls < 3; calls += 1) await (await call(url)).text();
    expect(sockets.size).toBe(1);
  });

  it('fails with the reason of its signal, before the answer and within it', async () => {
    const { url } = await served(({ method }, response) => {
      if (method === 'GET') response.writeHead(200).write('half of ');
    });
    for (const method of ['POST', 'GET']) {
      await expect(call(url, { method, signal: AbortSignal.timeout(300) })).rejects.toMatchObject({
        name: 'TimeoutError',
      });
    }
  });

  it('fails when the connection is cut within the answer', async () => {
    const { url } = await served((_, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('half');
      response.socket?.destroy();
    });
    await expect(call(url)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('fails where nobody listens, and says where', async () => {
    const { url } = await served(() => {});
    url.port = '1';
    await expect(call(url)).rejects.toThrow('connect ECONNREFUSED 127.0.0.1:1');
  });
});
