/**
 * Large values of a job: its output is moved to S3 as far as it does not fit through the state machine, and what its
 * input points at is fetched before the handler sees it. See lib/payload-layout.ts for what stands in their place.
 */
import { jobErrors } from '../errors.ts';
import {
  isPayload,
  maxInlineBytes,
  type Packed,
  pack,
  type Payload,
  pointersIn,
  type Unpackable,
  unpack,
} from '../payload-layout.ts';
import { environment, payloadPath } from '../storage-layout.ts';
import type { Envelope } from './envelope.ts';
import { asError, jobError } from './job-error.ts';
import type { WrapperPorts } from './ports.ts';
import { regionOf, signedRequest } from './signed-calls.ts';

const maxTries = 8;
const firstDelayMs = 50;
const maxDelayMs = 2_000;
/** How long a call may take: a while, and a second for each MiB. */
const baseCallMs = 10_000;
const msPerByte = 1_000 / 1_048_576;
/** Objects that are read at once, so that a long list of pointers takes neither all sockets nor all memory. */
const maxReads = 8;

type Place = Pick<Envelope, 'block' | 'job' | 'operation' | 'keep' | 'inline'>;

/** Moves what is too large, and brings it back. */
export interface Payloads {
  /**
   * An output as it goes through the state machine.
   * @throws an error named `Bunsui.OutputTooLarge` when what expressions read of it does not fit, `Bunsui.OutputInvalid` when
   *   such a part has bunsui's own key
   */
  leave(
    place: Place,
    output: { readonly value: unknown; readonly text: string },
  ): Promise<{ value: unknown; text: string }>;
  /**
   * An input as the handler sees it.
   * @throws an error named `Bunsui.InputInvalid` when it holds a pointer to nothing of this session
   */
  fetch(place: Place, input: unknown): Promise<unknown>;
}

/** @param remainingMs how long the function still has */
export function payloads(ports: WrapperPorts, remainingMs: () => number): Payloads {
  const send = sender(ports, remainingMs);
  return {
    async leave(place, output) {
      const packed = await packOutput(place, output);
      const { block } = place;
      if (packed.object !== undefined) {
        const { name, body } = packed.object;
        await send('PUT', payloadPath({ ...block, object: name }), { body });
      }
      return packed;
    },

    async fetch({ block, operation }, input) {
      const refuse = (what: string): never => {
        throw jobError(jobErrors.inputInvalid, `the input of ${operation} holds ${what}, which bunsui has not written`);
      };
      const pointers = pointersIn(input, refuse);
      if (pointers.size === 0) return input;
      const texts = new Map<string, string>();
      const open = [...pointers];
      const read = async (): Promise<void> => {
        for (let next = open.shift(); next !== undefined; next = open.shift()) {
          const [key, payload] = next;
          const bytes = await send('GET', payloadPath({ ...block, object: payload.object }), { range: payload });
          if (bytes === undefined || !(await isPayload(payload, bytes))) refuse(`a pointer to ${payload.object}`);
          texts.set(key, new TextDecoder().decode(bytes));
        }
      };
      await Promise.all(Array.from({ length: Math.min(maxReads, open.length) }, read));
      return unpack(input, (key) => texts.get(key) ?? 'null');
    },
  };
}

/**
 * An output without what is too large for the state machine.
 * @throws as `leave` does
 */
export async function packOutput(
  { operation, keep, inline }: Pick<Place, 'operation' | 'keep' | 'inline'>,
  { value, text }: { readonly value: unknown; readonly text: string },
): Promise<Packed> {
  const packed = await pack(value, text, keep, inline);
  if ('reason' in packed) throw refusalOf(packed, operation, inline);
  return packed;
}

function refusalOf(packed: Unpackable, operation: string, inline: number): Error {
  if (packed.reason === 'reserved')
    return jobError(
      jobErrors.outputInvalid,
      `the output of ${operation} has the key "bunsui:payload" in ${packed.path || 'it'}, which an expression of the pipeline reads; rename it`,
    );
  const shown = packed.kept.map(({ path, bytes }) => `${path || 'all of it'} (${bytes} bytes)`).join(', ');
  return jobError(
    jobErrors.outputTooLarge,
    packed.kept.length > 0 || inline >= maxInlineBytes
      ? `of the output of ${operation} ${packed.bytes} bytes of JSON have to go through the state machine, which takes ${inline} of this job: expressions of the pipeline read ${shown || 'in its lists'}; let them read less, such as a number that the handler gives`
      : `of the output of ${operation} ${packed.bytes} bytes of JSON are left when the rest is in S3, and the state machine takes ${inline} of this job, whose outputs meet too many others: give on the whole output where its parts are read one by one, or go over fewer items at once`,
  );
}

/** Reads or writes an object under the prefix that the environment names; undefined when there is none. */
type Send = (
  method: 'GET' | 'PUT',
  path: string,
  of: { readonly body?: Uint8Array<ArrayBuffer>; readonly range?: Payload },
) => Promise<Uint8Array<ArrayBuffer> | undefined>;

function sender(ports: WrapperPorts, remainingMs: () => number): Send {
  const env = ports.environment;
  const region = regionOf(env);
  const once = async (...[method, path, { body, range }]: Parameters<Send>) => {
    const { url, headers } = signedRequest(env, 's3', {
      method,
      address: addressOf(env, region, path),
      headers: {
        ...(range === undefined ? {} : { range: `bytes=${range.start}-${range.start + range.bytes - 1}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body ?? '',
    });
    const limitMs = baseCallMs + (body?.length ?? range?.bytes ?? 0) * msPerByte;
    const signal = AbortSignal.timeout(Math.max(1, Math.floor(Math.min(limitMs, remainingMs()))));
    const response = await ports.fetch(url, { method, headers, body, signal });
    return { status: response.status, bytes: new Uint8Array(await response.arrayBuffer()) };
  };
  return async (method, path, of) => {
    const what = `${method === 'PUT' ? 'PutObject' : 'GetObject'} of ${path}`;
    for (let attempt = 1; ; attempt += 1) {
      let why: string;
      try {
        const { status, bytes } = await once(method, path, of);
        if (status === 200 || status === 206) return bytes;
        if (method === 'GET' && (status === 404 || status === 416)) return undefined;
        why = `status ${status}: ${new TextDecoder().decode(bytes).slice(0, 200)}`;
        if (status >= 400 && status < 500 && status !== 408 && status !== 429)
          throw jobError(jobErrors.recordFailed, `${what} was refused: ${why}`);
      } catch (thrown) {
        const error = asError(thrown);
        if (error.name === jobErrors.recordFailed) throw error;
        why = error.message;
      }
      const delayMs = ports.random() * Math.min(maxDelayMs, firstDelayMs * 2 ** (attempt - 1));
      if (attempt >= maxTries || delayMs >= remainingMs())
        throw jobError(jobErrors.recordFailed, `${what} failed ${attempt} times, at last by: ${why}`);
      await ports.sleep(delayMs);
    }
  };
}

/** On AWS the bucket is part of the host; an endpoint of one's own takes it in the path. */
function addressOf(env: WrapperPorts['environment'], region: string, path: string): string {
  const bucket = env[environment.bucket];
  const prefix = env[environment.payloads];
  if (bucket === undefined || prefix === undefined)
    throw jobError(
      jobErrors.recordFailed,
      `a large value is to be stored, and ${environment.bucket} and ${environment.payloads} name no place`,
    );
  const key = `${prefix}/${path}`;
  const endpoint = env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL'];
  return endpoint === undefined
    ? `https://${bucket}.s3.${region}.amazonaws.com/${key}`
    : `${endpoint.replace(/\/$/, '')}/${bucket}/${key}`;
}
