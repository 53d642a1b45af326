/** Errors in the one shape of the API, and the statuses they are told with. */
import type * as z from 'zod/mini';
import { BunsuiError, type ErrorCode } from '../errors.ts';
import type { failure } from './schemas.ts';

/** Codes that are the caller's to mend; every other error is one of the API or of AWS. */
const statuses: { readonly [code in ErrorCode]?: number } = {
  BS3001: 422,
  BS3002: 404,
  BS3003: 404,
  BS3004: 422,
  BS3005: 409,
  BS3006: 404,
  BS3007: 404,
  BS3008: 409,
  BS3011: 404,
  BS3013: 404,
  BS3014: 409,
  BS3015: 422,
  BS3016: 403,
  BS3017: 409,
  BS2001: 400,
  BS6001: 400,
  BS6002: 404,
  BS6003: 405,
  BS6004: 413,
  BS6007: 403,
};

type Failure = z.output<typeof failure>;

/** What is answered, and whether the error is to be written down because the answer does not tell of it. */
export interface Refusal {
  readonly status: number;
  readonly body: Failure;
  readonly headers: { readonly [name: string]: string };
}

/** Names under which services of AWS say that they are called too often. */
const throttled =
  /^(Throttl\w*|ProvisionedThroughputExceededException|TooManyRequestsException|RequestLimitExceeded|SlowDown|LimitExceededException|RequestThrottled\w*)$/;
const network = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|TimeoutError|NetworkingError)$/;

interface AwsShaped {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** Seconds after which a caller who was told to wait may come again. */
const retryAfterSeconds = '1';

/**
 * How a request that failed is answered. What is not the caller's to mend says the request's id and nothing of what
 * went wrong inside.
 */
export function refusalOf(thrown: unknown, requestId: string): Refusal {
  if (thrown instanceof BunsuiError) {
    const status = statuses[thrown.code];
    if (status !== undefined) return callersFault(thrown, status, requestId);
    return inside(thrown.recoverable ? 503 : 500, requestId);
  }
  const { name, code, $metadata } = (thrown ?? {}) as AwsShaped;
  const aws = $metadata?.httpStatusCode ?? 0;
  if (aws === 429 || throttled.test(String(name))) return inside(429, requestId);
  const unreachable = network.test(String(code)) || network.test(String(name));
  return inside(aws >= 500 || unreachable ? 503 : 500, requestId);
}

function callersFault(error: BunsuiError, status: number, requestId: string): Refusal {
  const { code, message, hint, recoverable, context } = error;
  const body: Failure = {
    error: {
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
      recoverable,
      ...(Object.keys(context).length === 0 ? {} : { context: { ...context } }),
      request_id: requestId,
    },
  };
  return { status, body, headers: {} };
}

const insideErrors = {
  429: { code: 'BS6006', message: 'too many calls at once; come again a little later', recoverable: true },
  500: {
    code: 'BS6005',
    message: 'an error inside of the API; its log has more under the request id',
    recoverable: false,
  },
  503: { code: 'BS5001', message: 'a service of AWS did not answer; come again a little later', recoverable: true },
} as const;

function inside(status: 429 | 500 | 503, requestId: string): Refusal {
  const headers: Refusal['headers'] = status === 500 ? {} : { 'retry-after': retryAfterSeconds };
  return { status, body: { error: { ...insideErrors[status], request_id: requestId } }, headers };
}
