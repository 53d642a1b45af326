/** Synthesis: the CDK app of a deployment, run in a process of its own. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BunsuiError, type ErrorCode, type ErrorFamily, errorCodes } from '../errors.ts';
import { awsEnvironment, lastWords, runNode } from './cdk.ts';
import type { CommandContext } from './context.ts';
import type { DeployAppSpec } from './deploy-app-spec.ts';
import { stackTags } from './deploy-app-spec.ts';
import type { Template } from './stack-changes.ts';
import { usualStateDir } from './platform-target.ts';

/** A stack of an assembly. */
export interface AssemblyStack {
  readonly name: string;
  readonly template: Template;
  /** The id of its pipeline; the platform's stack has none. */
  readonly pipeline?: string;
}

export interface Assembly {
  readonly folder: string;
  /** In the order in which they are deployed. */
  readonly stacks: readonly AssemblyStack[];
}

interface Artifact {
  readonly type: string;
  readonly properties?: {
    readonly templateFile?: string;
    readonly stackName?: string;
    readonly tags?: { readonly [name: string]: string };
  };
}

function appFile(): string {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`../../bin/deploy-app.${ending}`, import.meta.url));
}

/** What CDK makes of an error while it bundles: text, which holds ours. */
const unbundled = /PipelineError: (the handler of operation .* cannot be bundled: .*)$/;

/** The app prints one of our errors as a line of JSON; CDK puts what bundling threw into a text of its own. */
function ownError(lines: readonly string[]): BunsuiError | undefined {
  const [, bundling] = lines.map((one) => unbundled.exec(one)).find((match) => match !== null) ?? [];
  if (bundling !== undefined) return new BunsuiError('PipelineError', 'BS4004', bundling);
  const line = lines.findLast((one) => one.startsWith('{"bunsuiError":'));
  if (line === undefined) return undefined;
  const { bunsuiError } = JSON.parse(line) as {
    readonly bunsuiError: {
      readonly name: ErrorFamily;
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint?: string;
    };
  };
  const { name, code, message, hint } = bunsuiError;
  const known = Object.hasOwn(errorCodes, code) ? code : 'BS2005';
  return new BunsuiError(name, known, message, hint === undefined ? {} : { hint });
}

/**
 * Synthesises into `.bunsui/cdk/{prefix}` below the project. Nothing there has to be kept.
 *
 * @throws {BunsuiError} what the app throws; BS2005 when it ends in another way.
 */
export async function synthesise(context: CommandContext, spec: Omit<DeployAppSpec, 'outdir'>): Promise<Assembly> {
  const { deployment } = spec;
  const home = join(deployment.folder, usualStateDir, 'cdk');
  const folder = join(home, deployment.prefix);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const file = join(home, `${deployment.prefix}.json`);
  await writeFile(file, JSON.stringify({ ...spec, outdir: folder } satisfies DeployAppSpec));
  // Places of source files are recorded relative to where the app runs.
  const ended = await runNode([appFile(), file], { cwd: deployment.folder, env: awsEnvironment(context, {}) });
  if (ended.status !== 0 || !existsSync(join(folder, 'manifest.json'))) {
    // CDK heads an error with its name, and ends it with the place in its own code.
    const begin = Math.max(
      0,
      ended.lines.findLastIndex((line) => line.startsWith('«')),
    );
    const said = {
      ...ended,
      lines: ended.lines.slice(begin).filter((line) => !/^\s+(at |\.\.\.)|^Node\.js v/.test(line)),
    };
    const message = `the templates could not be made:\n${lastWords(said)}`;
    throw ownError(ended.lines) ?? new BunsuiError('ConfigError', 'BS2005', message);
  }
  return { folder, stacks: await stacksOf(folder) };
}

async function stacksOf(folder: string): Promise<readonly AssemblyStack[]> {
  const read = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(folder, name), 'utf8'));
  const { artifacts } = (await read('manifest.json')) as { readonly artifacts: { readonly [id: string]: Artifact } };
  const stacks = Object.entries(artifacts).filter(([, { type }]) => type === 'aws:cloudformation:stack');
  const all = await Promise.all(
    stacks.map(async ([id, { properties = {} }]): Promise<AssemblyStack> => {
      const template = (await read(properties.templateFile ?? `${id}.template.json`)) as Template;
      const pipeline = properties.tags?.[stackTags.pipeline];
      return { name: properties.stackName ?? id, template, ...(pipeline === undefined ? {} : { pipeline }) };
    }),
  );
  return all.toSorted((a, b) => Number(a.pipeline !== undefined) - Number(b.pipeline !== undefined));
}
