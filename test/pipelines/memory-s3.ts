/** An S3 of two calls, PutObject and GetObject, that keeps its objects in memory: enough to run the handlers by. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface MemoryS3 {
  readonly endpoint: string;
  /** Objects by `bucket/key`. */
  readonly objects: Map<string, string>;
  close(): Promise<void>;
}

export async function memoryS3(): Promise<MemoryS3> {
  const objects = new Map<string, string>();
  const server = createServer((request, response) => {
    const name = decodeURIComponent(new URL(request.url ?? '/', 'http://s3').pathname.slice(1));
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.method === 'PUT') {
        objects.set(name, Buffer.concat(chunks).toString());
        response.writeHead(200, { etag: '"0"' }).end();
        return;
      }
      const body = objects.get(name);
      if (body === undefined) {
        response
          .writeHead(404, { 'content-type': 'application/xml' })
          .end('<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>');
        return;
      }
      response.writeHead(200, { 'content-type': 'text/plain' }).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    objects,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}
