/**
 * A small client of the runtime, for our own calls: signs and sends, without the SDK, which would cost a tenth of a
 * second to load on the way to the first job.
 */
import { request } from 'node:http';
import { BunsuiError } from '../errors.ts';
import { hintMark } from './aws-fault.ts';
import { type Credentials, signedHeaders } from '../request-signature.ts';

/** Where a runtime is and how to speak to it. */
export interface RuntimeAddress {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: Credentials;
}

export interface ClientResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

export interface LocalClient {
  /** Sends a signed request. `path` is percent-encoded and may have a query. Any status is an answer. */
  send(
    service: string,
    method: string,
    path: string,
    body?: string,
    headers?: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<ClientResponse>;
  /**
   * Calls an operation of a JSON protocol: `json('states', 'AWSStepFunctions.ListStateMachines', {})`.
   *
   * @returns the answer, or AWS's error: its code (without a namespace) and message.
   * @throws {BunsuiError} BS5001 when the answer is a failure of the server.
   */
  json(service: string, target: string, input: object): Promise<JsonResult>;
  /**
   * Calls a private route of the runtime: `private('PUT', 'functions/load', { … })`.
   *
   * @throws {BunsuiError} BS5001 for any refusal.
   */
  private(method: string, route: string, input?: object, signal?: AbortSignal): Promise<unknown>;
}

export type JsonResult =
  | { readonly ok: true; readonly value: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** A client of a runtime. */
export function localClient(runtime: RuntimeAddress): LocalClient {
  const send: LocalClient['send'] = (service, method, path, body = '', headers = {}, signal) =>
    sendSigned(runtime, { service, method, path, body, headers, ...(signal && { signal }) });
  return {
    send,
    async json(service, target, input) {
      const version = service === 'logs' ? '1.1' : '1.0';
      const answer = await send(service, 'POST', '/', JSON.stringify(input), {
        'content-type': `application/x-amz-json-${version}`,
        'x-amz-target': target,
      });
      const value = JSON.parse(answer.body || '{}') as Readonly<Record<string, unknown>>;
      if (answer.status < 300) return { ok: true, value };
      const code = String(value['__type'] ?? 'Unknown').replace(/^.*#/, '');
      const message = String(value['message'] ?? value['Message'] ?? '');
      if (answer.status >= 500) throw failure(target, code, message);
      return { ok: false, code, message };
    },
    async private(method, route, input, signal) {
      const body = input === undefined ? '' : JSON.stringify(input);
      const answer = await send('bunsui', method, `/_bunsui/${route}`, body, {}, signal);
      const value = JSON.parse(answer.body || '{}') as { readonly message?: string };
      if (answer.status < 300) return value;
      throw failure(`${method} ${route}`, String(answer.headers['x-amzn-errortype']), String(value.message));
    },
  };
}

function failure(call: string, code: string, message: string): BunsuiError {
  // What the runtime found wrong on its disk keeps its code: it is no matter of the call.
  const [said = '', hint] = message.split(hintMark);
  const text = /^BS4003 (.+)$/s.exec(said)?.[1];
  if (text !== undefined) {
    return new BunsuiError('SessionError', 'BS4003', text, { context: { call }, ...(hint !== undefined && { hint }) });
  }
  return new BunsuiError('AWSError', 'BS5001', `the local runtime refused ${call}: ${code}: ${message}`, {
    context: { call, code },
  });
}

function sendSigned(
  runtime: RuntimeAddress,
  call: {
    readonly service: string;
    readonly method: string;
    readonly path: string;
    readonly body: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal;
  },
): Promise<ClientResponse> {
  const { host, hostname, port } = new URL(runtime.endpoint);
  const [path = '/', query = ''] = call.path.split('?', 2);
  const headers = signedHeaders(
    { method: call.method, path, query, headers: { ...call.headers, host } },
    { service: call.service, region: runtime.region },
    runtime.credentials,
    call.body,
    Date.now(),
  );
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        hostname,
        port,
        method: call.method,
        path: call.path,
        headers: { ...headers, 'content-length': Buffer.byteLength(call.body) },
        ...(call.signal && { signal: call.signal }),
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const body = Buffer.concat(chunks).toString('utf8');
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(call.body);
  });
}
