/** Calls of S3 about objects under the prefix that the environment names, signed by hand: this rides in every function. */
import { jobErrors } from '../errors.ts';
import { environment } from '../storage-layout.ts';
import { asError, jobError } from './job-error.ts';
import type { WrapperPorts } from './ports.ts';
import { regionOf, signedRequest } from './signed-calls.ts';

const maxTries = 8;
const firstDelayMs = 50;
const maxDelayMs = 2_000;
/** How long a call may take: a while, and a second for each MiB. */
const baseCallMs = 10_000;
const msPerByte = 1_000 / 1_048_576;

/** What a call says beside its object. */
export interface ObjectRequest {
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Bytes that are read. */
  readonly range?: { readonly start: number; readonly bytes: number };
  /** What of an upload in parts it is about: `uploads`, `partNumber`, `uploadId`. */
  readonly query?: Readonly<Record<string, string>>;
}

export interface ObjectAnswer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

/**
 * Reads, writes or deletes at a path below the prefix.
 *
 * @returns undefined when there is no such object, range or upload
 * @throws an error named `Bunsui.RecordFailed` when S3 refuses, or the tries or the time are used up
 */
export type ObjectCall = (
  method: 'DELETE' | 'GET' | 'POST' | 'PUT',
  path: string,
  request: ObjectRequest,
) => Promise<ObjectAnswer | undefined>;

/** @param remainingMs how long the function still has */
export function objectCalls(ports: WrapperPorts, remainingMs: () => number): ObjectCall {
  const env = ports.environment;
  const region = regionOf(env);
  const once = async (...[method, path, { body, range, query }]: Parameters<ObjectCall>) => {
    const { url, headers } = signedRequest(env, 's3', {
      method,
      address: addressOf(env, region, path, query),
      headers: {
        ...(range === undefined ? {} : { range: `bytes=${range.start}-${range.start + range.bytes - 1}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body ?? '',
    });
    const limitMs = baseCallMs + (body?.length ?? range?.bytes ?? 0) * msPerByte;
    const signal = AbortSignal.timeout(Math.max(1, Math.floor(Math.min(limitMs, remainingMs()))));
    const response = await ports.fetch(url, { method, headers, body, signal });
    const bytes = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, bytes, etag: response.headers?.get('etag') ?? '' };
  };
  return async (method, path, request) => {
    const what = `${nameOf(method, request)} of ${path}`;
    for (let attempt = 1; ; attempt += 1) {
      let why: string;
      try {
        const { status, bytes, etag } = await once(method, path, request);
        const text = () => new TextDecoder().decode(bytes);
        // S3 begins to answer before an upload is put together, and may end with an error.
        if (status >= 200 && status < 300 && !(method === 'POST' && text().includes('<Error>'))) return { bytes, etag };
        if (status === 404 && (method !== 'PUT' || text().includes('NoSuchUpload'))) return undefined;
        if (status === 416) return undefined;
        why = `status ${status}: ${text().slice(0, 200)}`;
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

/** What S3 calls a call. */
function nameOf(method: Parameters<ObjectCall>[0], { query = {} }: ObjectRequest): string {
  const ofUploads = { DELETE: 'AbortMultipartUpload', POST: 'CompleteMultipartUpload', PUT: 'UploadPart', GET: '' };
  if ('uploadId' in query) return ofUploads[method];
  return { DELETE: 'DeleteObject', POST: 'CreateMultipartUpload', PUT: 'PutObject', GET: 'GetObject' }[method];
}

/** On AWS the bucket is part of the host; an endpoint of one's own takes it in the path. */
function addressOf(
  env: WrapperPorts['environment'],
  region: string,
  path: string,
  query: ObjectRequest['query'] = {},
): string {
  const bucket = env[environment.bucket];
  const prefix = env[environment.payloads];
  if (bucket === undefined || prefix === undefined)
    throw jobError(
      jobErrors.recordFailed,
      `a large value is to be stored, and ${environment.bucket} and ${environment.payloads} name no place`,
    );
  const asked = new URLSearchParams(query).toString();
  const key = `${prefix}/${path}${asked === '' ? '' : `?${asked}`}`;
  const endpoint = env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL'];
  return endpoint === undefined
    ? `https://${bucket}.s3.${region}.amazonaws.com/${key}`
    : `${endpoint.replace(/\/$/, '')}/${bucket}/${key}`;
}
