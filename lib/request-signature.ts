/**
 * AWS Signature Version 4. A leaf: it signs the calls of functions and of the command line, and the endpoint on this
 * machine checks what comes in by it.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';

/** An access key. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of keys that AWS gives for a while. */
  readonly sessionToken?: string;
}

/** What of a request is signed. `path` and `query` are as on the wire; header names are lower case. */
export interface SignedParts {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** What a signature is made for beside the request. */
export interface SignatureScope {
  /** `20261121` */
  readonly day: string;
  readonly region: string;
  /** `states`, `s3`, … : the requests are routed by it. */
  readonly service: string;
  /** Sorted. */
  readonly signedHeaders: readonly string[];
  /** `20261121T010203Z` */
  readonly date: string;
}

export const algorithm = 'AWS4-HMAC-SHA256';

/**
 * Signs a request of our own.
 *
 * @returns the headers to send, `authorization` among them.
 */
export function signedHeaders(
  parts: SignedParts,
  scope: { readonly service: string; readonly region: string },
  credentials: Credentials,
  body: string | Uint8Array,
  nowMs: number,
): Record<string, string> {
  const date = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const bodyHash = sha256(body);
  const headers: Record<string, string> = { 'x-amz-date': date, 'x-amz-content-sha256': bodyHash };
  if (credentials.sessionToken !== undefined) headers['x-amz-security-token'] = credentials.sessionToken;
  for (const [name, value] of Object.entries(parts.headers)) if (typeof value === 'string') headers[name] = value;
  const by: SignatureScope = { ...scope, date, day: date.slice(0, 8), signedHeaders: Object.keys(headers).sort() };
  const signature = signatureOf({ ...parts, headers }, by, credentials.secretAccessKey, bodyHash);
  const credential = `${credentials.accessKeyId}/${by.day}/${by.region}/${by.service}/aws4_request`;
  return {
    ...headers,
    authorization: `${algorithm} Credential=${credential}, SignedHeaders=${by.signedHeaders.join(';')}, Signature=${signature}`,
  };
}

/** SHA-256 in hexadecimal. */
export function sha256(data: string | Uint8Array): string {
  return hash('sha256', data);
}

/** @param payloadHash SHA-256 of the body in hexadecimal, or a marker of S3 in its place */
export function signatureOf(
  parts: SignedParts,
  by: SignatureScope,
  secretAccessKey: string,
  payloadHash: string,
): string {
  const canonical = [
    parts.method,
    canonicalPath(parts.path, by.service),
    canonicalQuery(parts.query),
    ...by.signedHeaders.map((name) => `${name}:${headerText(parts.headers[name])}`),
    '',
    by.signedHeaders.join(';'),
    payloadHash,
  ].join('\n');
  const scope = `${by.day}/${by.region}/${by.service}/aws4_request`;
  const text = [algorithm, by.date, scope, sha256(canonical)].join('\n');
  return hmac(signingKey(by, secretAccessKey), text).toString('hex');
}

/** Keys that were made last, by what they are made of: one serves all requests of a day to a service. */
const signingKeys = new Map<string, KeyObject>();
const maxSigningKeys = 64;

function signingKey({ day, region, service }: SignatureScope, secretAccessKey: string): KeyObject {
  const of = JSON.stringify([secretAccessKey, day, region, service]);
  const known = signingKeys.get(of);
  if (known !== undefined) return known;
  const key = createSecretKey(
    [day, region, service, 'aws4_request'].reduce<Buffer>(hmac, Buffer.from(`AWS4${secretAccessKey}`)),
  );
  // Day, region and service are the caller's words: they must not fill the memory.
  if (signingKeys.size >= maxSigningKeys) signingKeys.clear();
  signingKeys.set(of, key);
  return key;
}

function hmac(key: Uint8Array | KeyObject, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

// S3 takes the path as it is. The other services resolve `.` and `..` and encode a second time.
function canonicalPath(path: string, service: string): string {
  if (service === 's3') {
    return path
      .split('/')
      .map((part) => encodeStrictly(decoded(part)))
      .join('/');
  }
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') kept.pop();
    else if (part !== '' && part !== '.') kept.push(part);
  }
  const trailing = path.endsWith('/') && kept.length > 0 ? '/' : '';
  return `/${kept.map(encodeStrictly).join('/')}${trailing}`;
}

function canonicalQuery(query: string): string {
  if (query === '') return '';
  return query
    .split('&')
    .filter((pair) => pair !== '' && !pair.startsWith('X-Amz-Signature='))
    .map((pair) => {
      const at = pair.indexOf('=');
      const [name, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
      return `${encodeStrictly(decoded(name))}=${encodeStrictly(decoded(value))}`;
    })
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    .join('&');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function headerText(value: string | readonly string[] | undefined): string {
  const text = typeof value === 'string' ? value : (value ?? []).join(',');
  return text.trim().replaceAll(/\s+/g, ' ');
}
