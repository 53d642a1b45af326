/**
 * What `bunsui deploy` brings to AWS: from `bunsui.json`, its stage and the command line to plain data, which the CDK
 * app of `bin/deploy-app.ts` is handed as a file.
 */
import { glob } from 'node:fs/promises';
import { resolve } from 'node:path';
import * as z from 'zod/mini';
import { BunsuiError } from '../errors.ts';
import { type AwsChannels, type Channels, readAwsChannels, readChannels } from '../notify/channels.ts';
import { isPlatformName, usualPlatform } from './platform-target.ts';
import type { ProjectFile } from './project-file.ts';
import { didYouMean } from './suggest.ts';

/** Parameters of a platform: what `--param` and `params` in `bunsui.json` can set, with the texts that each takes. */
export const deployParameters = {
  removal: 'what becomes of tables, bucket and logs when the platform is destroyed: retain or destroy',
  logRetentionDays: 'days that CloudWatch keeps logs: 1, 3, 5, 7, 14, 30, 60, 90, 180, 365 or 731',
  logsDays: 'days that logs of sessions stay in the bucket',
  reportsDays: 'days that reports of sessions stay in the bucket',
  logLevel: "level of the platform's own functions: DEBUG, INFO, WARN or ERROR",
  schedules: 'whether schedules and triggers start pipelines: on or off',
  apiRateLimit: 'requests per second that the HTTP API takes',
  apiLogRole: "whether the account's role for logs of API Gateway is made: on or off",
} as const;

const days = z.coerce.number().check(z.int(), z.minimum(1), z.maximum(3_650));
const retentions = [1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 731] as const;
const onOff = z.pipe(
  z.enum(['on', 'off']),
  z.transform((text: 'on' | 'off') => text === 'on'),
);

const parameterSchemas = {
  removal: z.enum(['retain', 'destroy']),
  logRetentionDays: z.coerce.number().check(z.refine((value) => retentions.some((one) => one === value))),
  logsDays: days,
  reportsDays: days,
  logLevel: z.enum(['DEBUG', 'INFO', 'WARN', 'ERROR']),
  schedules: onOff,
  apiRateLimit: z.coerce.number().check(z.int(), z.minimum(1), z.maximum(10_000)),
  apiLogRole: onOff,
} satisfies { readonly [name in keyof typeof deployParameters]: unknown };

type ParameterName = keyof typeof parameterSchemas;

/** What the parameters say, typed; those that nobody gave are left to the construct. */
export type PlatformSettings = { readonly [name in ParameterName]?: z.output<(typeof parameterSchemas)[name]> };

/** Everything that the CDK app needs. JSON. */
export interface Deployment {
  /** The platform's prefix. */
  readonly prefix: string;
  /** The stage, as records name it. */
  readonly environment?: string;
  /** Absolute paths. */
  readonly files: readonly string[];
  readonly settings: PlatformSettings;
  /** Environment variables of every operation's function. */
  readonly variables: { readonly [name: string]: string };
  /** CDK's own context: feature flags. */
  readonly context: { readonly [name: string]: string };
  readonly channels: Channels;
  /** Folder that paths of source files are told from: the same for everybody who deploys the project. */
  readonly folder: string;
}

/** A deployment, and where it goes. */
export interface Wanted {
  readonly deployment: Deployment;
  /** Names of channels in `bunsui.json` that are for a laptop, and are not deployed. */
  readonly onLaptopOnly: readonly string[];
  readonly profile?: string;
  readonly region?: string;
}

/** As typed. */
export interface DeployRequest {
  readonly files: readonly string[];
  readonly cwd: string;
  readonly stage?: string;
  readonly platform?: string;
  readonly profile?: string;
  readonly region?: string;
  /** `name=value`. */
  readonly params: readonly string[];
  readonly context: readonly string[];
}

const texts = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
const stageSchema = z.strictObject({
  platform: z.optional(z.string()),
  profile: z.optional(z.string()),
  region: z.optional(z.string()),
  params: z.optional(texts),
  context: z.optional(texts),
  channels: z.optional(z.unknown()),
});
const projectSchema = z.looseObject({
  pipelines: z.optional(z.array(z.string())),
  platform: z.optional(z.string()),
  params: z.optional(texts),
  context: z.optional(texts),
  channels: z.optional(z.unknown()),
  stages: z.optional(z.record(z.string(), stageSchema)),
});
type Project = z.output<typeof projectSchema>;
type Stage = z.output<typeof stageSchema>;
type Texts = { readonly [name: string]: string };

function refuse(message: string, hint: string): BunsuiError {
  return new BunsuiError('ConfigError', 'BS2001', message, { hint });
}

function projectOf(file: ProjectFile | undefined): Project {
  const checked = projectSchema.safeParse(file?.fields ?? {});
  if (checked.success) return checked.data;
  const said = checked.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
  throw new BunsuiError('ConfigError', 'BS2002', `${file?.path ?? 'bunsui.json'} is not as it should be: ${said}`, {
    hint: 'see bunsui deploy --help',
  });
}

function pair(option: string, text: string): readonly [name: string, value: string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw refuse(`"${text.slice(0, 100)}" is no ${option}: it has no name and "="`, `write --${option} name=value`);
}

const asTexts = (given: Readonly<Record<string, unknown>> | undefined): Texts =>
  Object.fromEntries(Object.entries(given ?? {}).map(([name, value]) => [name, String(value)]));

const isParameter = (name: string): name is ParameterName => Object.hasOwn(parameterSchemas, name);
const variablePrefix = 'env.';

function settingOf(name: ParameterName, text: string): unknown {
  const checked = parameterSchemas[name].safeParse(text);
  if (checked.success) return checked.data;
  throw refuse(`the parameter ${name} is "${text.slice(0, 60)}"`, `it says ${deployParameters[name]}`);
}

/** Parameters as settings of the platform, and `env.NAME=value` as variables of functions. */
function readParameters(given: Texts): Pick<Deployment, 'settings' | 'variables'> {
  const settings: Record<string, unknown> = {};
  const variables: Record<string, string> = {};
  for (const [name, text] of Object.entries(given)) {
    if (isParameter(name)) settings[name] = settingOf(name, text);
    else if (/^env\.[A-Za-z][A-Za-z0-9_]{1,127}$/.test(name)) variables[name.slice(variablePrefix.length)] = text;
    else {
      const known = Object.keys(deployParameters);
      const hint = didYouMean(name, known) ?? `there are ${known.join(', ')}, and env.NAME for variables of functions`;
      throw refuse(`there is no parameter "${name.slice(0, 60)}"`, hint);
    }
  }
  return { settings: settings as PlatformSettings, variables };
}

function prefixOf(request: DeployRequest, project: Project, stagePrefix: string | undefined): string {
  const { stage, platform } = request;
  const base = project.platform ?? usualPlatform;
  const prefix = platform ?? stagePrefix ?? `${base}${stage ?? ''}`;
  if (isPlatformName(prefix)) return prefix;
  throw refuse(
    `the platform would be named "${prefix.slice(0, 60)}"`,
    'a name is 1 to 15 lower-case letters and digits, beginning with a letter; give another --stage or --platform',
  );
}

async function filesOf(request: DeployRequest, project: Project, file: ProjectFile | undefined) {
  if (request.files.length > 0) return request.files.map((one) => resolve(request.cwd, one));
  const found: string[] = [];
  const folder = file?.folder ?? request.cwd;
  for (const pattern of project.pipelines ?? []) {
    const before = found.length;
    for await (const one of glob(pattern, { cwd: folder, exclude: (name) => name === 'node_modules' })) {
      found.push(resolve(folder, one));
    }
    if (found.length === before) {
      throw new BunsuiError('ConfigError', 'BS2002', `${file?.path} names pipelines "${pattern}", and no file fits`, {
        hint: 'correct the pattern',
      });
    }
  }
  return [...new Set(found)].toSorted();
}

/** A stage is on AWS, all of it; what the project declares is for both places. */
function channelsOf(project: Project, stage: Stage | undefined, where: string): AwsChannels {
  if (stage?.channels !== undefined) return { channels: readChannels(stage.channels, where), onLaptopOnly: [] };
  return readAwsChannels(project.channels ?? {}, where);
}

/** Parameters of the platform's own stack; the others are also for the stacks of pipelines. */
const ownParameters: readonly ParameterName[] = ['logsDays', 'reportsDays', 'logLevel', 'apiRateLimit', 'apiLogRole'];

/**
 * What a deployment says of the platform that does nothing where another app deploys the platform, in words.
 *
 * @throws {BunsuiError} BS2001 when some of it was typed: nobody types what is to be passed over
 */
export function withoutEffect(
  { prefix, settings, channels, environment }: Deployment,
  typedParams: readonly string[],
): readonly string[] {
  const given = ownParameters.filter((name) => settings[name] !== undefined);
  const typed = given.filter((name) => typedParams.some((text) => text.startsWith(`${name}=`)));
  if (typed.length > 0) {
    throw refuse(
      `--param ${typed.join(', ')}: another app deploys the platform ${prefix}, and only that app can change it`,
      `leave ${typed.length === 1 ? 'it' : 'them'} out, or deploy a platform of your own: --stage or --platform`,
    );
  }
  const names = Object.keys(channels);
  return [
    ...(given.length === 0 ? [] : [`the parameter${given.length === 1 ? '' : 's'} ${given.join(', ')}`]),
    ...(names.length === 0 ? [] : [`the channel${names.length === 1 ? '' : 's'} ${names.join(', ')}`]),
    ...(environment === undefined ? [] : [`the stage's name ${environment} in records`]),
  ];
}

/**
 * What is to be deployed. The command line goes over the stage, the stage over the project.
 *
 * @throws {BunsuiError} BS2001, BS2002, BS2004 with what is wrong in options or `bunsui.json`.
 */
export async function deploymentOf(request: DeployRequest, file: ProjectFile | undefined): Promise<Wanted> {
  const project = projectOf(file);
  const { stage } = request;
  if (stage !== undefined && !/^[a-z][a-z0-9]{0,14}$/.test(stage)) {
    throw refuse(`"${stage.slice(0, 60)}" is no stage`, 'a stage is lower-case letters and digits: dev, prod');
  }
  const stages = project.stages ?? {};
  const own = stage !== undefined && Object.hasOwn(stages, stage) ? stages[stage] : undefined;
  if (stage !== undefined && own === undefined && Object.keys(stages).length > 0) {
    const known = Object.keys(stages);
    throw refuse(`${file?.path} has no stage "${stage}"`, didYouMean(stage, known) ?? `it has ${known.join(', ')}`);
  }
  const typedParams = Object.fromEntries(request.params.map((text) => pair('param', text)));
  const typedContext = Object.fromEntries(request.context.map((text) => pair('context', text)));
  const { channels, onLaptopOnly } = channelsOf(project, own, file?.path ?? 'bunsui.json');
  const profile = request.profile ?? own?.profile;
  const region = request.region ?? own?.region;
  return {
    deployment: {
      prefix: prefixOf(request, project, own?.platform),
      ...(stage === undefined ? {} : { environment: stage }),
      files: await filesOf(request, project, file),
      ...readParameters({ ...asTexts(project.params), ...asTexts(own?.params), ...typedParams }),
      context: { ...asTexts(project.context), ...asTexts(own?.context), ...typedContext },
      channels,
      folder: file?.folder ?? request.cwd,
    },
    onLaptopOnly,
    ...(profile === undefined ? {} : { profile }),
    ...(region === undefined ? {} : { region }),
  };
}
