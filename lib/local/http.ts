/**
 * The endpoint's HTTP side: one server on the loopback interface. Host and signature are checked before anything
 * else, then the request goes to the service that its credential scope names.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BunsuiError } from '../errors.ts';
import { type AwsAnswer, AwsFault, faultAnswer, hintMark, type Protocol } from './aws-fault.ts';
import type { RuntimeLog } from './runtime-log.ts';
import { type Credentials, type SignedParts, sha256 } from '../request-signature.ts';
import { checkSignature, readAuthorization } from './signature.ts';

/** A request whose host and signature are right. */
export interface AwsRequest {
  readonly id: string;
  readonly method: string;
  /** As on the wire, still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body; empty for services that stream. */
  readonly body: Uint8Array;
  /** The body as it comes, for services that stream. Its hash is not checked yet. */
  readonly stream: Readable;
  /** The hash that was signed, or S3's marker in its place. */
  readonly payloadHash: string;
  /** Aborted when the caller has gone. */
  readonly signal: AbortSignal;
}

/** One AWS service at the endpoint. */
export interface Service {
  readonly protocol: Protocol;
  /** Bodies are handed over as they come, with the hash left to the service. */
  readonly streams?: true;
  handle(request: AwsRequest): Promise<AwsAnswer>;
}

/** More than the largest request of a service that does not stream: DynamoDB's BatchWriteItem, 16 MiB. */
const maxBodyBytes = 17 * 1024 * 1024;

export interface Endpoint {
  readonly port: number;
  /** Stops accepting and ends open connections. */
  close(): Promise<void>;
}

/**
 * Starts to listen on 127.0.0.1, at a port that the system chooses. `services` by name in the credential scope; they
 * may be filled in later: requests wait for `opened`.
 */
export async function listen(
  credentials: Credentials,
  services: Readonly<Record<string, Service>>,
  log: RuntimeLog,
  opened: Promise<void>,
): Promise<Endpoint> {
  const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0, maxHeaderSize: 64 * 1024 });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  const hosts = new Set([`127.0.0.1:${port}`, `localhost:${port}`]);
  server.on('request', (incoming: IncomingMessage, response: ServerResponse) => {
    void opened.then(() => serve(incoming, response, { credentials, services, hosts, log }));
  });
  // Without a listener a bad request line would be answered in HTML by nobody; close it quietly.
  server.on('clientError', (_error, socket) => socket.destroy());
  return { port, close: () => closeServer(server) };
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}

interface Serving {
  readonly credentials: Credentials;
  readonly services: Readonly<Record<string, Service>>;
  readonly hosts: ReadonlySet<string>;
  readonly log: RuntimeLog;
}

async function serve(incoming: IncomingMessage, response: ServerResponse, serving: Serving): Promise<void> {
  const id = randomUUID();
  const gone = new AbortController();
  // Nobody listens any more when the answer is out; and to abort costs more than the rest of a small request.
  response.on('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  response.on('error', () => gone.abort());
  const [path = '/', query = ''] = splitOnce(incoming.url ?? '/', '?');
  let protocol: Protocol = 'json-1.0';
  let answer: AwsAnswer;
  try {
    if (!serving.hosts.has(incoming.headers.host ?? '')) {
      throw new AwsFault(
        'AccessDeniedException',
        `Host ${JSON.stringify(incoming.headers.host)} is not served here`,
        403,
      );
    }
    const parts: SignedParts = { method: incoming.method ?? 'GET', path, query, headers: incoming.headers };
    const authorization = readAuthorization(parts);
    const service = Object.hasOwn(serving.services, authorization.service)
      ? serving.services[authorization.service]
      : undefined;
    protocol = service?.protocol ?? protocol;
    const declared = headerOf(incoming, 'x-amz-content-sha256');
    const presigned = authorization.expiresSeconds !== undefined;
    const streams = service?.streams === true;
    const body = streams ? new Uint8Array() : await readBody(incoming);
    const hash = presigned ? 'UNSIGNED-PAYLOAD' : streams ? (declared ?? sha256('')) : sha256(body);
    if (!streams && declared !== undefined && declared !== hash && declared !== 'UNSIGNED-PAYLOAD') {
      throw new AwsFault('InvalidSignatureException', 'x-amz-content-sha256 does not match the body', 403);
    }
    const payloadHash = !streams && declared !== undefined ? declared : hash;
    checkSignature(parts, authorization, serving.credentials, payloadHash, Date.now());
    if (service === undefined) {
      serving.log('warn', `unsupported service: ${authorization.service}`, {
        target: headerOf(incoming, 'x-amz-target'),
      });
      throw new AwsFault('UnknownOperationException', `the service ${authorization.service} is not served here`, 400);
    }
    answer = await service.handle({
      id,
      method: parts.method,
      path,
      query: new URLSearchParams(query),
      headers: flatHeaders(incoming),
      body,
      stream: incoming,
      payloadHash,
      signal: gone.signal,
    });
  } catch (thrown) {
    const fault = asFault(thrown);
    // A call that is not served (501) has been named by its service; one that comes while it closes (503) is no mishap.
    if (fault.status >= 500 && fault.status !== 501 && fault.status !== 503) {
      serving.log('error', `${incoming.method} ${path}: ${fault.message}`, {
        target: headerOf(incoming, 'x-amz-target'),
        ...(thrown instanceof Error && !(thrown instanceof AwsFault) && { stack: thrown.stack }),
      });
    }
    answer = faultAnswer(protocol, fault, id, path);
  }
  await send(incoming, response, answer, id);
}

async function send(incoming: IncomingMessage, response: ServerResponse, answer: AwsAnswer, id: string): Promise<void> {
  const idHeader = answer.headers['content-type'] === 'application/xml' ? 'x-amz-request-id' : 'x-amzn-requestid';
  const { body } = answer;
  response.writeHead(answer.status, {
    [idHeader]: id,
    ...answer.headers,
    ...(typeof body === 'string' && { 'content-length': Buffer.byteLength(body) }),
  });
  if (typeof body === 'string' || body instanceof Uint8Array) {
    response.end(incoming.method === 'HEAD' ? undefined : body);
    // What was not read of a refused body would be taken for the next request.
    incoming.resume();
    return;
  }
  try {
    await pipeline(body, response);
  } catch {
    // The caller has gone, or the file could not be read to its end: a cut connection is how HTTP says so.
    response.destroy();
  }
}

/** Our own errors keep their words; anything unexpected is told as AWS tells it, and logged in full. */
function asFault(thrown: unknown): AwsFault {
  if (thrown instanceof AwsFault) return thrown;
  if (thrown instanceof BunsuiError) {
    const hint = thrown.hint === undefined ? '' : `${hintMark}${thrown.hint}`;
    return new AwsFault('InternalFailure', `${thrown.code} ${thrown.message}${hint}`, 500);
  }
  return new AwsFault('InternalFailure', thrown instanceof Error ? thrown.message : String(thrown), 500);
}

function readBody(incoming: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    const refuse = (error: unknown) => {
      incoming.off('data', take);
      reject(error);
    };
    const take = (bytes: Buffer) => {
      length += bytes.length;
      if (length > maxBodyBytes) {
        refuse(new AwsFault('RequestEntityTooLargeException', `the request is larger than ${maxBodyBytes} bytes`, 413));
      } else chunks.push(bytes);
    };
    incoming.on('data', take);
    incoming.once('error', refuse);
    incoming.once('end', () => {
      const [only] = chunks;
      resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks));
    });
  });
}

function flatHeaders(incoming: IncomingMessage): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) flat[name] = typeof value === 'string' ? value : value.join(',');
  }
  return flat;
}

function headerOf(incoming: IncomingMessage, name: string): string | undefined {
  const value = incoming.headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

function splitOnce(text: string, at: string): readonly [string, string] {
  const index = text.indexOf(at);
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)];
}
