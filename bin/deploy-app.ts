/**
 * The CDK app of `bunsui deploy`: a stack for the platform and one for each pipeline, so that each is deployed, and
 * destroyed, without the others. `node deploy-app.js SPEC.json`; SPEC is a `DeployAppSpec`.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { App, CfnWaitConditionHandle, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { DeployAppSpec } from '../lib/cli/deploy-app-spec.ts';
import { stackTags } from '../lib/cli/deploy-app-spec.ts';
import { calledBy, type LoadedPipeline, loadPipeline } from '../lib/cli/load-pipeline.ts';
import { Pipeline, Platform } from '../lib/constructs/index.ts';
import { BunsuiError } from '../lib/errors.ts';

/** The feature flags that the constructs are tested with: those of this package's own `cdk.json`. */
function testedFlags(): { readonly [flag: string]: unknown } {
  // One folder higher above built files.
  const file = ['../cdk.json', '../../cdk.json']
    .map((path) => new URL(path, import.meta.url))
    .find((url) => existsSync(url));
  if (file === undefined) return {};
  return (
    (JSON.parse(readFileSync(file, 'utf8')) as { readonly context?: { readonly [flag: string]: unknown } }).context ??
    {}
  );
}

const asDays = (days: number | undefined) => (days === undefined ? undefined : Duration.days(days));

/** Without the fields that are `undefined`: what nobody gave is left to the construct. */
function given<T extends object>(fields: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    readonly [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

async function synthesise({ deployment, outdir, withPlatform, emptyStacks }: DeployAppSpec): Promise<void> {
  const { prefix, environment, settings, variables, channels, context, files, folder } = deployment;
  const own = { 'aws:cdk:enable-path-metadata': true };
  const app = new App({ outdir, context: { ...testedFlags(), ...own, ...context }, analyticsReporting: false });
  const newStack = (name: string, description: string, tags: { readonly [name: string]: string }) =>
    new Stack(app, name, { stackName: name, description, tags: { [stackTags.platform]: prefix, ...tags } });
  // What is destroyed needs no more than its name; a template must have a resource, and this one is nothing.
  const empty = emptyStacks.map((name) => new Stack(app, name, { stackName: name }));
  for (const stack of empty) new CfnWaitConditionHandle(stack, 'Nothing');
  // The last one goes last: CDK destroys what depends on a stack before the stack.
  for (const stack of empty.slice(0, -1)) stack.addStackDependency(empty.at(-1) ?? stack);
  const shared = given({
    removalPolicy:
      settings.removal === undefined
        ? undefined
        : settings.removal === 'destroy'
          ? RemovalPolicy.DESTROY
          : RemovalPolicy.RETAIN,
    logRetention: settings.logRetentionDays,
  });
  const platform = withPlatform
    ? newStack(prefix, `bunsui: the platform ${prefix}`, { [stackTags.kind]: 'platform' })
    : undefined;
  if (platform !== undefined) {
    new Platform(platform, 'Platform', {
      prefix,
      channels,
      ...shared,
      ...given({
        environmentName: environment,
        logsExpiration: asDays(settings.logsDays),
        reportsExpiration: asDays(settings.reportsDays),
        logLevel: settings.logLevel,
        apiRateLimit: settings.apiRateLimit,
        apiLogRole: settings.apiLogRole,
      }),
    });
  }
  const named: LoadedPipeline[] = [];
  for (const file of files) named.push(await loadPipeline(file, folder, (text) => process.stderr.write(`${text}\n`)));
  // What is called is deployed with who calls it, whether its file was named or not.
  const definitions = new Map([...named, ...named.flatMap(calledBy)].map((one) => [one.ir.id, one]));
  for (const definition of definitions.values()) {
    const { id } = definition.ir;
    const stack = newStack(pipelineStack(prefix, id), `bunsui: pipeline ${id} on the platform ${prefix}`, {
      [stackTags.kind]: 'pipeline',
      [stackTags.pipeline]: id,
    });
    if (platform !== undefined) stack.addStackDependency(platform);
    const where = Platform.fromAttributes(stack, 'Platform', {
      prefix,
      ...shared,
      ...(withPlatform ? { channelNames: Object.keys(channels) } : {}),
    });
    const pipeline = new Pipeline(stack, 'Pipeline', {
      platform: where,
      definition,
      ...given({ startsByItself: settings.schedules }),
    });
    for (const operation of Object.values(pipeline.operations)) {
      // What passes from job to job, and what the author's handlers are told about the stage.
      where.grantData(operation, id);
      for (const [name, value] of Object.entries(variables)) operation.addEnvironment(name, value);
    }
    for (const { taskRole, defaultContainer } of Object.values(pipeline.containers)) {
      where.grantData(taskRole, id);
      for (const [name, value] of Object.entries(variables)) defaultContainer?.addEnvironment(name, value);
    }
  }
  app.synth();
}

/** Stack names hold letters, digits and `-`; ids also `_`, and no two pipelines may share a stack. */
function pipelineStack(prefix: string, id: string): string {
  if (!id.includes('_')) return `${prefix}-${id}`;
  return `${prefix}-${id.replaceAll('_', '-')}-${createHash('sha256').update(id).digest('hex').slice(0, 6)}`;
}

try {
  await synthesise(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as DeployAppSpec);
} catch (thrown) {
  if (!(thrown instanceof BunsuiError)) throw thrown;
  const { name, code, message, hint } = thrown;
  process.stderr.write(`${JSON.stringify({ bunsuiError: { name, code, message, hint } })}\n`);
  process.exitCode = 1;
}
