/** Signatures of what comes in, in the header and in presigned URLs. */
import { timingSafeEqual } from 'node:crypto';
import {
  algorithm,
  type Credentials,
  type SignatureScope,
  type SignedParts,
  signatureOf,
} from '../request-signature.ts';
import { AwsFault } from './aws-fault.ts';

/** What a request says about its signature. */
export interface Authorization extends SignatureScope {
  readonly accessKeyId: string;
  readonly signature: string;
  /** For presigned URLs: seconds after `date`. */
  readonly expiresSeconds?: number;
}

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
  const expected = signatureOf(parts, authorization, credentials.secretAccessKey, payloadHash);
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

function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
