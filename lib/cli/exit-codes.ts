/**
 * Exit codes: the table that users script against, and which error ends with which code.
 */
import { BunsuiError, type ErrorCode } from '../errors.ts';

/** What each exit code says. Stable: a released code never changes its meaning. */
export const exitCodes = {
  ok: 0,
  pipelineFailed: 1,
  usage: 2,
  invalid: 3,
  auth: 4,
  notFound: 5,
  conflict: 6,
  runtime: 7,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const byErrorCode: { readonly [code in ErrorCode]?: ExitCode } = {
  BS2001: exitCodes.usage,
  BS2002: exitCodes.notFound,
  BS2003: exitCodes.notFound,
  BS2004: exitCodes.invalid,
  BS2006: exitCodes.conflict,
  BS2007: exitCodes.invalid,
  BS3001: exitCodes.invalid,
  BS3002: exitCodes.notFound,
  BS3003: exitCodes.notFound,
  BS3004: exitCodes.conflict,
  BS3005: exitCodes.conflict,
  BS3006: exitCodes.notFound,
  BS3007: exitCodes.notFound,
  BS3008: exitCodes.conflict,
  BS3009: exitCodes.notFound,
  BS3010: exitCodes.invalid,
  BS3011: exitCodes.notFound,
  BS3013: exitCodes.notFound,
  BS3014: exitCodes.conflict,
  BS3015: exitCodes.invalid,
  BS3017: exitCodes.conflict,
  BS4002: exitCodes.conflict,
  BS4004: exitCodes.invalid,
};

/** Names under which AWS refuses a caller, as opposed to a call. */
const authErrorNames = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'AuthorizationError',
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'RequestExpired',
  'SignatureDoesNotMatch',
  'TokenProviderError',
  'TokenRefreshRequired',
  'UnauthorizedOperation',
  'UnrecognizedClientException',
]);

/** Says that the caller is refused, wherever in the chain of causes AWS said so. */
function isAuthError(thrown: unknown, depth = 0): boolean {
  if (!(thrown instanceof Error) || depth > 8) return false;
  return authErrorNames.has(thrown.name) || isAuthError(thrown.cause, depth + 1);
}

/** The exit code for anything a command throws. */
export function exitCodeFor(thrown: unknown): ExitCode {
  if (isAuthError(thrown)) return exitCodes.auth;
  if (!(thrown instanceof BunsuiError)) return exitCodes.runtime;
  if (thrown.code.startsWith('BS1')) return exitCodes.invalid;
  return byErrorCode[thrown.code] ?? exitCodes.runtime;
}
