/** What AWS's SDK throws, in words that say what to do. Loaded when something was thrown. */
import { BunsuiError } from '../errors.ts';
import { harmlessLine } from './harmless.ts';
import type { AwsTarget, PlatformTarget } from './platform-target.ts';

/** Names that say so of credentials that were right once. */
const expiredNames = new Set(['ExpiredToken', 'ExpiredTokenException', 'RequestExpired', 'TokenRefreshRequired']);
const unknownNames = new Set([
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
]);
const deniedNames = new Set(['AccessDenied', 'AccessDeniedException', 'AuthorizationError', 'UnauthorizedOperation']);
/** The machine's network says these of an endpoint that is not there. */
const unreachable: { readonly [code: string]: string } = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was cut',
  EHOSTUNREACH: 'there is no way there',
  ENETUNREACH: 'there is no way there',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the name of the host cannot be looked up',
  ETIMEDOUT: 'no answer in time',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by itself',
};

interface SdkFacts {
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $fault?: unknown;
  readonly code?: unknown;
  readonly hostname?: unknown;
  readonly address?: unknown;
  readonly port?: unknown;
}

const asAws = (target: PlatformTarget | undefined): AwsTarget | undefined =>
  target?.kind === 'aws' ? target : undefined;

const withProfile = (command: string, target: AwsTarget | undefined) =>
  target?.profile === undefined ? command : `${command} --profile ${target.profile}`;

function credentialHint(target: AwsTarget | undefined): string {
  return `give --profile, or set AWS_PROFILE or AWS_ACCESS_KEY_ID; with single sign-on: ${withProfile('aws sso login', target)}`;
}

function refused(message: string, hint: string, cause: Error): BunsuiError {
  return new BunsuiError('AWSError', 'BS5001', message, { hint, cause });
}

const firstLine = (text: string) => harmlessLine(text.split('\n', 1)[0] ?? '');

/**
 * An error of the SDK as one of ours; `undefined` for any other. The original stays its cause, and gives the exit code.
 *
 * @param target the platform that the command is for, if it is known.
 */
export function awsError(thrown: unknown, target?: PlatformTarget): BunsuiError | undefined {
  if (!(thrown instanceof Error) || thrown instanceof BunsuiError) return undefined;
  const { name, message } = thrown;
  const facts = thrown as SdkFacts;
  const aws = asAws(target);
  if (message === 'Region is missing') {
    return new BunsuiError('ConfigError', 'BS2001', 'no region is given', {
      hint: 'give --region, set AWS_REGION, or set one for the profile: aws configure',
      cause: thrown,
    });
  }
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError') {
    const said = firstLine(message);
    // The chain of providers says no more than that none had any.
    const detail = said === '' || said.startsWith('Could not load credentials') ? '' : `: ${said}`;
    return refused(`there are no credentials for AWS${detail}`, credentialHint(aws), thrown);
  }
  const code = typeof facts.code === 'string' ? facts.code : '';
  const why = Object.hasOwn(unreachable, code)
    ? unreachable[code]
    : name === 'TimeoutError'
      ? 'no answer in time'
      : undefined;
  if (why !== undefined && facts.$fault === undefined) {
    const host = typeof facts.hostname === 'string' ? facts.hostname : `${String(facts.address)}:${String(facts.port)}`;
    const hint = code === 'ENOTFOUND' ? 'check --region and --endpoint-url' : 'check --endpoint-url and the network';
    return refused(`AWS is not to be reached at ${host} (${why})`, hint, thrown);
  }
  if (facts.$metadata === undefined) return undefined;
  if (expiredNames.has(name)) {
    return refused(
      `the credentials for AWS have expired (${name})`,
      withProfile('get new ones: aws sso login', aws),
      thrown,
    );
  }
  if (unknownNames.has(name)) {
    return refused(`AWS does not know these credentials: ${firstLine(message)}`, credentialHint(aws), thrown);
  }
  if (deniedNames.has(name)) {
    return refused(
      `AWS denies it: ${firstLine(message)}`,
      'ask who administers the account for this permission',
      thrown,
    );
  }
  const status = facts.$metadata.httpStatusCode;
  const said = message === '' || message === 'UnknownError' ? `status ${status ?? 'unknown'}` : firstLine(message);
  return refused(`AWS answered ${name}: ${said}`, 'try again, or see what the message says', thrown);
}
