/**
 * Which platform a command is for: the one on this machine, or one that is deployed on AWS. This machine is the
 * default. `--platform`, or any other option about AWS, asks for AWS; so does BUNSUI_PLATFORM. What the environment
 * says of AWS itself (AWS_PROFILE, AWS_ENDPOINT_URL, …) only says where and as whom, never that.
 */
import { BunsuiError } from '../errors.ts';

/** A platform on this machine: a state folder. */
export interface LocalTarget {
  readonly kind: 'local';
  readonly stateDir: string;
}

/** A platform on AWS. What is not given the SDK finds as the AWS CLI does: environment, then profile. */
export interface AwsTarget {
  readonly kind: 'aws';
  /** Its prefix: `bunsui`, `bunsuidev`. */
  readonly name: string;
  readonly profile?: string;
  readonly region?: string;
  readonly endpointUrl?: string;
}

export type PlatformTarget = LocalTarget | AwsTarget;

/** The options as they were typed. */
export interface TypedTarget {
  readonly stateDir?: string;
  readonly platform?: string;
  readonly profile?: string;
  readonly region?: string;
  readonly endpointUrl?: string;
}

/** Where sessions are kept when nobody says otherwise. */
export const usualStateDir = '.bunsui';
/** The platform that is meant when options about AWS name none. */
export const usualPlatform = 'bunsui';

const awsOptions = { platform: '--platform', profile: '--profile', region: '--region', endpointUrl: '--endpoint-url' };

/** As the construct `Platform` takes its prefix: names of tables, buckets, machines and stacks begin with it. */
export function isPlatformName(name: string): boolean {
  return /^[a-z][a-z0-9]{0,14}$/.test(name);
}

function requireName(name: string, from: string): string {
  if (isPlatformName(name)) return name;
  throw new BunsuiError('ConfigError', 'BS2001', `${from} names the platform "${name.slice(0, 60)}"`, {
    hint: 'a name is 1 to 15 lower-case letters and digits, beginning with a letter',
  });
}

/**
 * The platform that is meant. An option goes over the environment.
 *
 * @param typed only what was typed: defaults left out.
 * @throws {BunsuiError} BS2001 for options that ask for both, and for a name that none can have.
 */
export function targetOf(
  typed: TypedTarget,
  environment: { readonly [name: string]: string | undefined },
): PlatformTarget {
  const { stateDir, platform, profile, region, endpointUrl } = typed;
  const given = Object.entries(awsOptions).find(([name]) => typed[name as keyof typeof awsOptions] !== undefined);
  if (stateDir !== undefined && given !== undefined) {
    throw new BunsuiError('ConfigError', 'BS2001', `--state-dir is for this machine, ${given[1]} for AWS`, {
      hint: 'give one of the two',
    });
  }
  const inherited = environment['BUNSUI_PLATFORM'] ?? '';
  if (given === undefined && (stateDir !== undefined || inherited === '')) {
    return { kind: 'local', stateDir: stateDir ?? usualStateDir };
  }
  const name =
    platform !== undefined
      ? requireName(platform, '--platform')
      : inherited === ''
        ? usualPlatform
        : requireName(inherited, 'BUNSUI_PLATFORM');
  return {
    kind: 'aws',
    name,
    ...(profile === undefined ? {} : { profile }),
    ...(region === undefined ? {} : { region }),
    ...(endpointUrl === undefined ? {} : { endpointUrl: requireUrl(endpointUrl) }),
  };
}

function requireUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return text.replace(/\/+$/, '');
  throw new BunsuiError('ConfigError', 'BS2001', `--endpoint-url is "${text.slice(0, 100)}", which is no URL`, {
    hint: 'give one with its protocol: http://127.0.0.1:4566',
  });
}

/** The options that ask for this platform again, in the order of the help: none where it is the usual one. */
export function targetOptions(target: PlatformTarget): readonly string[] {
  if (target.kind === 'local') return target.stateDir === usualStateDir ? [] : ['--state-dir', target.stateDir];
  return (Object.keys(awsOptions) as (keyof typeof awsOptions)[]).flatMap((option) => {
    const value = option === 'platform' ? target.name : target[option];
    return value === undefined ? [] : [awsOptions[option], value];
  });
}
