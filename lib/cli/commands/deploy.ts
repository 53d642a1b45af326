/**
 * `bunsui deploy`: pipelines to AWS by CDK, for people who do not know CDK. Check, synthesise, plan, ask, deploy.
 */
import { BunsuiError } from '../../errors.ts';
import { ask, canAsk } from '../ask.ts';
import type { AssemblyStack } from '../assembly.ts';
import { awsError } from '../aws-errors.ts';
import { findCdk, runCdk, type StackEvent, stackEvent } from '../cdk.ts';
import { loadCompiled } from '../checked-pipeline.ts';
import type { CommandContext } from '../context.ts';
import { deploymentOf, type Wanted, withoutEffect } from '../deployment.ts';
import { duration } from '../durations.ts';
import { exitCodes } from '../exit-codes.ts';
import { harmlessLine } from '../harmless.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import { commandLine, shortPath } from '../places.ts';
import { planJson, planLines } from '../plan-page.ts';
import type { AwsTarget } from '../platform-target.ts';
import { readProjectFile } from '../project-file.ts';
import { changesOf, hasChanges, type StackChanges } from '../stack-changes.ts';
import type { StackTarget } from '../stacks.ts';

export interface DeployOptions {
  readonly stage?: string;
  readonly platform?: string;
  readonly profile?: string;
  readonly region?: string;
  readonly endpointUrl?: string;
  readonly context?: readonly string[];
  readonly param?: readonly string[];
  readonly requireApproval?: 'any-change' | 'broadening' | 'never';
  readonly plan?: true;
  readonly yes?: true;
  readonly json?: true;
}

/** With `--plan`: something would change. As `cdk diff` and others have it. */
const planHasChanges = 2;

export async function deployCommand(
  context: CommandContext,
  files: readonly string[],
  options: DeployOptions,
): Promise<number> {
  const say = sayer(context, options);
  const wanted = await wantedOf(context, files, options);
  const { deployment } = wanted;
  const cdk = findCdk(context.cwd);
  for (const file of deployment.files) {
    const artifact = await loadCompiled(context, shortPath(file, context.cwd), { json: options.json ?? false });
    if (artifact === undefined) return exitCodes.invalid;
  }
  const target = targetOf(wanted, options);
  const aws: AwsTarget = { kind: 'aws', name: deployment.prefix, ...target };
  const [{ synthesise }, stacks] = await Promise.all([import('../assembly.ts'), import('../stacks.ts')]);
  const client = stacks.stackClient(target);
  const explained = (thrown: unknown) => Promise.reject(awsError(thrown, aws) ?? thrown);
  const status = await stacks.stackStatus(client, deployment.prefix).catch(explained);
  // A platform of that name that somebody deploys with a CDK app of their own is used as it is.
  const isOthers = status === undefined && (await isThere(context, aws));
  if (wanted.onLaptopOnly.length > 0) {
    say(`for this machine only, and not deployed: the channels ${wanted.onLaptopOnly.join(', ')}`);
  }
  const idle = isOthers ? withoutEffect(deployment, options.param ?? []) : [];
  if (idle.length > 0) say(`another app deploys the platform ${aws.name}; without effect there: ${idle.join('; ')}`);
  say('making the templates');
  const assembly = await synthesise(context, { deployment, withPlatform: !isOthers, emptyStacks: [] });
  say('comparing with what is deployed');
  const plan: StackChanges[] = [];
  for (const { name, template } of assembly.stacks) {
    const before = await stacks.deployedTemplate(client, name).catch(explained);
    plan.push(changesOf(name, before, template));
  }
  showPlan(context, options, plan);
  const isChange = plan.some(hasChanges);
  if (options.plan) return isChange ? planHasChanges : exitCodes.ok;
  if (isChange && !(await isApproved(context, options, plan))) {
    context.terminal.err.write('nothing was deployed\n');
    return exitCodes.ok;
  }
  const startedMs = Date.now();
  const progress = deployProgress(context, options);
  const args = ['deploy', '--all', '--require-approval', 'never', '--progress', 'events'];
  await runCdk(context, { cdk, assembly: assembly.folder, target, args, hear: progress.hear }).finally(progress.stop);
  showDeployed(context, options, { aws, stacks: assembly.stacks, plan, tookMs: Date.now() - startedMs });
  return exitCodes.ok;
}

async function wantedOf(context: CommandContext, files: readonly string[], options: DeployOptions): Promise<Wanted> {
  const { stage, platform, profile, region, param = [], context: flags = [] } = options;
  const inherited = platform ?? (stage === undefined ? context.environment['BUNSUI_PLATFORM'] || undefined : undefined);
  const wanted = await deploymentOf(
    {
      files,
      cwd: context.cwd,
      params: param,
      context: flags,
      ...(stage === undefined ? {} : { stage }),
      ...(inherited === undefined ? {} : { platform: inherited }),
      ...(profile === undefined ? {} : { profile }),
      ...(region === undefined ? {} : { region }),
    },
    await readProjectFile(context.cwd),
  );
  if (wanted.deployment.files.length > 0) return wanted;
  throw new BunsuiError('ConfigError', 'BS2001', 'there is nothing to deploy: no pipeline file is given', {
    hint: 'give files, or list them in bunsui.json: {"pipelines": ["pipelines/*/pipeline.ts"]}',
  });
}

function targetOf({ profile, region }: Wanted, { endpointUrl }: DeployOptions): StackTarget {
  return {
    ...(profile === undefined ? {} : { profile }),
    ...(region === undefined ? {} : { region }),
    ...(endpointUrl === undefined ? {} : { endpointUrl }),
  };
}

/** Says what is done now: on stderr, or as a line with `--json`. */
function sayer({ terminal }: CommandContext, { json }: DeployOptions) {
  return (what: string) => {
    if (json) terminal.out.write(jsonLine('preparing', { at: isoTime(Date.now()), what }));
    else terminal.err.write(`${terminal.err.palette.dim(what)}\n`);
  };
}

async function isThere(context: CommandContext, target: AwsTarget): Promise<boolean> {
  const { openPlatform } = await import('../platform.ts');
  try {
    await (await openPlatform(context, target)).close();
    return true;
  } catch (thrown) {
    // Who deploys need not be allowed to read parameters: CloudFormation tells then when names are taken.
    const isDenied =
      thrown instanceof BunsuiError && thrown.cause instanceof Error && /^AccessDenied/.test(thrown.cause.name);
    if (isDenied || (thrown instanceof BunsuiError && thrown.code === 'BS2003')) return false;
    throw thrown;
  }
}

function showPlan({ terminal }: CommandContext, { json }: DeployOptions, plan: readonly StackChanges[]): void {
  if (json) for (const changes of plan) terminal.out.write(planJson(changes));
  else terminal.out.write(`\n${planLines(plan, terminal.out).join('\n')}\n`);
}

async function isApproved(
  context: CommandContext,
  options: DeployOptions,
  plan: readonly StackChanges[],
): Promise<boolean> {
  const { requireApproval: level = 'any-change', yes } = options;
  if (yes || level === 'never') return true;
  const isBroader = plan.some(({ permissions }) => permissions.some(({ change }) => change === 'add'));
  if (level === 'broadening' && !isBroader) return true;
  const answer = await ask(context, 'Deploy this? [y/N] ', '--yes');
  return /^y(es)?$/i.test(answer);
}

interface DeployProgress {
  readonly hear: (line: string) => void;
  readonly stop: () => void;
}

const isFailure = ({ status }: StackEvent) => status.endsWith('_FAILED') || status.includes('ROLLBACK');

/** Events as they come: with `--json` each as a line, on a terminal one line that changes, else what is new and what fails. */
function deployProgress(context: CommandContext, { json }: DeployOptions): DeployProgress {
  const { out, err } = context.terminal;
  const isLive = canAsk(context) && !json;
  const seen = new Set<string>();
  return {
    hear(line) {
      const event = stackEvent(line);
      if (event === undefined) return;
      const { stack, done, total, status, type, resource, reason } = event;
      if (json) {
        const fields = { at: isoTime(Date.now()), stack, status, resource_type: type, resource };
        out.write(jsonLine('stack.event', { ...fields, done, total, ...(reason === '' ? {} : { reason }) }));
        return;
      }
      if (isFailure(event)) {
        err.write(
          `${isLive ? '\r\x1b[K' : ''}${err.palette.red(harmlessLine(`${stack}  ${status}  ${type} ${resource}  ${reason}`))}\n`,
        );
      }
      if (isLive) err.write(`\r\x1b[K${stack}  ${done}/${total}  ${type}`.slice(0, err.size().columns + 3));
      else if (!seen.has(stack)) err.write(`deploying ${stack}\n`);
      seen.add(stack);
    },
    stop() {
      if (isLive) err.write('\r\x1b[K');
    },
  };
}

function showDeployed(
  context: CommandContext,
  options: DeployOptions,
  done: {
    readonly aws: AwsTarget;
    readonly stacks: readonly AssemblyStack[];
    readonly plan: readonly StackChanges[];
    readonly tookMs: number;
  },
): void {
  const { out } = context.terminal;
  const { aws, stacks, plan, tookMs } = done;
  const pipelines = stacks.flatMap(({ pipeline }) => (pipeline === undefined ? [] : [pipeline]));
  if (options.json) {
    const changed = plan.filter(hasChanges).map(({ stack }) => stack);
    out.write(
      jsonLine('deployed', { at: isoTime(Date.now()), platform: aws.name, pipelines, changed, duration_ms: tookMs }),
    );
    return;
  }
  const { bold, dim, green } = out.palette;
  const [first = 'PIPELINE'] = pipelines;
  const target: AwsTarget = { ...aws };
  out.write(`${green(bold('✓ deployed'))}  ${bold(aws.name)}  ${pipelines.join(', ')}  in ${duration(tookMs)}\n\n`);
  out.write(`  ${commandLine(context, `session start ${first} --wait`, target)}  ${dim('run it there')}\n`);
}
