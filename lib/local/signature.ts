/**
 * AWS Signature Version 4: made for our own calls, checked on everything that comes in. Header and presigned form.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHmac, createSecretKey, hash, type KeyObject, timingSafeEqual } from 'node:crypto';
import { AwsFault } from './aws-fault.ts';

/** An access key. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** What of a request is signed. `path` and `query` are as on the wire; header names are lower case. */
export interface SignedParts {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** What a request says about its signature. */
export interface Authorization {
  readonly accessKeyId: string;
  /** `20261121` */
  readonly day: string;
  readonly region: string;
  /** `states`, `s3`, … : the requests are routed by it. */
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** `20261121T010203Z` */
  readonly date: string;
  /** For presigned URLs: seconds after `date`. */
  readonly expiresSeconds?: number;
}

const algorithm = 'AWS4-HMAC-SHA256';
const skewMs = 15 * 60_000;

/**
 * Reads the Authorization header, or the query of a presigned URL.
 *
 * @throws {AwsFault} when there is none or it is malformed.
 */
export function readAuthorization(parts: SignedParts): Authorization {
  const header = single(parts.headers['authorization']);
  const query = new URLSearchParams(parts.query);
  const presigned = header === undefined && query.has('X-Amz-Signature');
  if (header === undefined && !presigned) {
    throw new AwsFault('MissingAuthenticationTokenException', 'Request is missing Authentication Token', 403);
  }
  const fields = presigned
    ? {
        algorithm: query.get('X-Amz-Algorithm'),
        credential: query.get('X-Amz-Credential'),
        signedHeaders: query.get('X-Amz-SignedHeaders'),
        signature: query.get('X-Amz-Signature'),
        date: query.get('X-Amz-Date'),
      }
    : {
        algorithm: header?.split(' ')[0],
        credential: /\bCredential=([^\s,]+)/.exec(header ?? '')?.[1],
        signedHeaders: /\bSignedHeaders=([^\s,]+)/.exec(header ?? '')?.[1],
        signature: /\bSignature=([^\s,]+)/.exec(header ?? '')?.[1],
        date: single(parts.headers['x-amz-date']),
      };
  const scope = /^([\w]{4,128})\/(\d{8})\/([a-z0-9-]{1,32})\/([a-z0-9-]{1,32})\/aws4_request$/.exec(
    fields.credential ?? '',
  );
  const [, accessKeyId, day, region, service] = scope ?? [];
  if (
    fields.algorithm !== algorithm ||
    accessKeyId === undefined ||
    day === undefined ||
    region === undefined ||
    service === undefined ||
    !fields.signedHeaders ||
    !/^[0-9a-f]{64}$/.test(fields.signature ?? '') ||
    !/^\d{8}T\d{6}Z$/.test(fields.date ?? '')
  ) {
    throw new AwsFault('IncompleteSignatureException', 'The Authorization of this request is not well-formed', 403);
  }
  const expires = Number(query.get('X-Amz-Expires') ?? '0');
  return {
    accessKeyId,
    day,
    region,
    service,
    signedHeaders: fields.signedHeaders.split(';'),
    signature: fields.signature ?? '',
    date: fields.date ?? '',
    ...(presigned && { expiresSeconds: Number.isFinite(expires) ? Math.min(Math.max(expires, 0), 604_800) : 0 }),
  };
}

/**
 * Checks a signature, in time that does not tell how much of it was right.
 *
 * @param payloadHash What stands in the canonical request: SHA-256 of the body in hexadecimal, or a marker of S3.
 * @throws {AwsFault} with the code that AWS gives.
 */
export function checkSignature(
  parts: SignedParts,
  authorization: Authorization,
  credentials: Credentials,
  payloadHash: string,
  nowMs: number,
): void {
  if (authorization.accessKeyId !== credentials.accessKeyId) {
    throw new AwsFault(
      authorization.service === 's3' ? 'InvalidAccessKeyId' : 'UnrecognizedClientException',
      'The security token included in the request is invalid.',
      403,
    );
  }
  const signedAtMs = Date.parse(
    authorization.date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'),
  );
  const lateMs = authorization.expiresSeconds === undefined ? skewMs : authorization.expiresSeconds * 1000;
  const inTime = signedAtMs <= nowMs + skewMs && nowMs <= signedAtMs + lateMs;
  if (!inTime || !authorization.date.startsWith(authorization.day)) {
    throw new AwsFault(
      authorization.service === 's3' ? 'RequestTimeTooSkewed' : 'InvalidSignatureException',
      `Signature expired or not yet valid: ${authorization.date}`,
      403,
    );
  }
  const expected = signatureOf(parts, authorization, credentials, payloadHash);
  const wanted = Buffer.from(expected, 'hex');
  const given = Buffer.from(authorization.signature, 'hex');
  const hostSigned = authorization.signedHeaders.includes('host');
  if (!hostSigned || wanted.length !== given.length || !timingSafeEqual(wanted, given)) {
    throw new AwsFault(
      authorization.service === 's3' ? 'SignatureDoesNotMatch' : 'InvalidSignatureException',
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.',
      403,
    );
  }
}

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
  for (const [name, value] of Object.entries(parts.headers)) if (typeof value === 'string') headers[name] = value;
  const authorization: Authorization = {
    accessKeyId: credentials.accessKeyId,
    day: date.slice(0, 8),
    region: scope.region,
    service: scope.service,
    signedHeaders: Object.keys(headers).sort(),
    signature: '',
    date,
  };
  const signature = signatureOf({ ...parts, headers }, authorization, credentials, bodyHash);
  const credential = `${credentials.accessKeyId}/${authorization.day}/${scope.region}/${scope.service}/aws4_request`;
  return {
    ...headers,
    authorization: `${algorithm} Credential=${credential}, SignedHeaders=${authorization.signedHeaders.join(';')}, Signature=${signature}`,
  };
}

/** SHA-256 in hexadecimal. */
export function sha256(data: string | Uint8Array): string {
  return hash('sha256', data);
}

function signatureOf(parts: SignedParts, by: Authorization, credentials: Credentials, payloadHash: string): string {
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
  return hmac(signingKey(by, credentials), text).toString('hex');
}

/** Keys that were made last, by what they are made of: one serves all requests of a day to a service. */
const signingKeys = new Map<string, KeyObject>();
const maxSigningKeys = 64;

function signingKey({ day, region, service }: Authorization, { secretAccessKey }: Credentials): KeyObject {
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

function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
