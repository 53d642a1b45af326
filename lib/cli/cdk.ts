/** The command line of CDK that is installed beside the project or bunsui: found, run, and heard as it goes on. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { BunsuiError } from '../errors.ts';
import type { CommandContext } from './context.ts';
import { harmlessLine } from './harmless.ts';
import type { StackTarget } from './stacks.ts';

/** What has to be installed; the constructs are loaded from beside bunsui, the command line from beside the project. */
const packages = ['aws-cdk', 'aws-cdk-lib', 'constructs'] as const;

function resolved(name: string, from: string): string | undefined {
  try {
    return createRequire(from).resolve(`${name}/package.json`);
  } catch {
    return undefined;
  }
}

/**
 * The file of CDK's command line.
 *
 * @throws {BunsuiError} BS2005 that says what to install.
 */
export function findCdk(cwd: string): string {
  const [project, own] = [pathToFileURL(join(cwd, 'package.json')).href, import.meta.url];
  const places = packages.map((name) =>
    name === 'aws-cdk' ? (resolved(name, project) ?? resolved(name, own)) : resolved(name, own),
  );
  const missing = packages.filter((_, index) => places[index] === undefined);
  const [cdk] = places;
  if (cdk !== undefined && missing.length === 0) return join(dirname(cdk), 'bin/cdk');
  throw new BunsuiError('ConfigError', 'BS2005', `to deploy, bunsui needs ${missing.join(', ')}, not found here`, {
    hint: `npm install --save-dev ${missing.map((name) => (name === 'aws-cdk' ? 'aws-cdk@2' : name)).join(' ')}`,
  });
}

/** The environment of programs that work on a platform. */
export function awsEnvironment(
  { environment }: CommandContext,
  { region, endpointUrl, profile }: StackTarget,
): NodeJS.ProcessEnv {
  return {
    ...environment,
    ...(region === undefined ? {} : { AWS_REGION: region, AWS_DEFAULT_REGION: region }),
    ...(endpointUrl === undefined ? {} : { AWS_ENDPOINT_URL: endpointUrl }),
    ...(profile === undefined ? {} : { AWS_PROFILE: profile }),
    CDK_DISABLE_CLI_TELEMETRY: 'true',
  };
}

export interface Ended {
  readonly status: number;
  /** The last lines that it printed. */
  readonly lines: readonly string[];
}

const keptLines = 200;

/** Runs a program of Node to its end. `hear` is told each line, of stdout and stderr. */
export async function runNode(
  args: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly hear?: (line: string) => void },
): Promise<Ended> {
  const child = spawn(process.execPath, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => {
      lines.push(line);
      if (lines.length > keptLines) lines.shift();
      options.hear?.(line);
    });
  }
  const status = await new Promise<number>((ended, failed) => {
    child.once('error', failed);
    child.once('close', (code) => ended(code ?? 1));
  });
  return { status, lines };
}

/** What a program that failed said last, without what is only decoration. */
export function lastWords({ lines }: Ended, count = 12): string {
  const said = lines.map((line) => harmlessLine(line).trimEnd()).filter((line) => /[\p{L}\p{N}]/u.test(line));
  return said.slice(-count).join('\n');
}

/**
 * Runs CDK on a cloud assembly.
 *
 * @throws {BunsuiError} BS2005 when it ends with an error: with what it said, and for a missing bootstrap what to do.
 */
export async function runCdk(
  context: CommandContext,
  run: {
    readonly cdk: string;
    readonly assembly: string;
    readonly target: StackTarget;
    readonly args: readonly string[];
    readonly hear?: (line: string) => void;
  },
): Promise<void> {
  const { cdk, assembly, target, args, hear } = run;
  const profile = target.profile === undefined ? [] : ['--profile', target.profile];
  const ended = await runNode([cdk, ...args, '--app', assembly, '--no-notices', '--no-color', ...profile], {
    cwd: assembly,
    env: awsEnvironment(context, target),
    ...(hear === undefined ? {} : { hear }),
  });
  if (ended.status === 0) return;
  const said = lastWords(ended);
  const hint = hintFor(context, said, ended);
  throw new BunsuiError('AWSError', 'BS2005', `CDK ended with an error:\n${said}`, { hint });
}

/** What CloudFormation says of a name that is taken; resources without a name of their own never meet another. */
const takenName = /already exists|AlreadyExists|ResourceExistenceCheck/;

function hintFor({ commandName }: CommandContext, said: string, { lines }: Ended): string {
  if (/bootstrap/i.test(said)) {
    return `this account and region have to be prepared once: ${commandName} bootstrap`;
  }
  if (lines.some((line) => takenName.test(line))) {
    return (
      'something of that name is there already. Tables and bucket of a platform that was destroyed are kept, with all ' +
      'they hold, unless it was deployed with --param removal=destroy: delete them (aws dynamodb delete-table, aws s3 rb), ' +
      'take them over (cdk import), or deploy beside them with another --stage or --platform'
    );
  }
  return 'what was deployed before is as it was, or CloudFormation says why not: see its events in the AWS console';
}

/** One event of a stack, as CDK prints it with `--progress events`. */
export interface StackEvent {
  readonly stack: string;
  readonly done: number;
  readonly total: number;
  readonly status: string;
  readonly type: string;
  readonly resource: string;
  readonly reason: string;
}

/** `shop |  3/38 | 1:02:58 PM | CREATE_COMPLETE | AWS::SSM::Parameter | Parameters/x (X12) reason`. */
export function stackEvent(line: string): StackEvent | undefined {
  const match = /^\s*(\S+) \|\s*(\d+)(?:\/(\d+))? \| [^|]+ \| ([A-Z_]+)\s* \| (\S+)\s* \| (.*)$/.exec(line);
  if (match === null) return undefined;
  const [, stack = '', done, total = done, status = '', type = '', rest = ''] = match;
  const [, resource = rest.trim(), reason = ''] =
    /^(.*?)(?: \([A-Za-z0-9]+\))?(?: ([A-Z].*))?$/.exec(rest.trim()) ?? [];
  return { stack, done: Number(done), total: Number(total), status, type, resource, reason };
}
