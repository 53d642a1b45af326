/** `bunsui stack destroy`: takes a pipeline, or a platform with its pipelines, away. Says what stays. */
import { BunsuiError } from '../../errors.ts';
import { ask } from '../ask.ts';
import { awsError } from '../aws-errors.ts';
import { findCdk, runCdk } from '../cdk.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import type { AwsTarget } from '../platform-target.ts';
import { type DeployedStack, emptyBucket, fateOf, listStacks, type StackTarget, stackClient } from '../stacks.ts';
import { didYouMean } from '../suggest.ts';

export interface StackDestroyOptions extends StackTarget {
  readonly yes?: true;
  readonly json?: true;
}

/** The stack of that name, and if it is a platform those of its pipelines, in the order in which they can go. */
function toDestroy(stacks: readonly DeployedStack[], name: string): readonly DeployedStack[] {
  const found = stacks.find((stack) => stack.name === name);
  if (found === undefined) {
    const names = stacks.map((stack) => stack.name);
    throw new BunsuiError('ConfigError', 'BS2003', `no stack "${name.slice(0, 100)}" was deployed there by bunsui`, {
      hint: didYouMean(name, names) ?? (names.length === 0 ? 'there is none at all' : `there are ${names.join(', ')}`),
    });
  }
  if (found.kind === 'pipeline') return [found];
  return [...stacks.filter(({ kind, platform }) => kind === 'pipeline' && platform === found.platform), found];
}

export async function destroyStackCommand(
  context: CommandContext,
  name: string,
  options: StackDestroyOptions,
): Promise<number> {
  const { out, err } = context.terminal;
  const { yes, json, ...target } = options;
  const aws: AwsTarget = { kind: 'aws', name, ...target };
  const explained = (thrown: unknown) => Promise.reject(awsError(thrown, aws) ?? thrown);
  const cdk = findCdk(context.cwd);
  const client = stackClient(target);
  const stacks = toDestroy(await listStacks(client).catch(explained), name);
  const names = stacks.map((stack) => stack.name);
  const fates = await Promise.all(names.map((one) => fateOf(client, one).catch(explained)));
  const retained = fates.flatMap((fate) => fate.retained);
  const buckets = fates.flatMap((fate) => fate.buckets);
  if (!json) {
    const gone = [...names, ...buckets.map((bucket) => `${bucket}, with all its objects`)];
    err.write(`${err.palette.bold('This is destroyed')}\n${gone.map((one) => `  ${one}\n`).join('')}`);
    if (retained.length > 0) {
      err.write(
        `${err.palette.bold('This stays, with all it holds')}\n${retained.map((one) => `  ${one}\n`).join('')}`,
      );
    }
  }
  if (!yes && (await ask(context, `Type ${name} to destroy it: `, '--yes')) !== name) {
    err.write('nothing was destroyed\n');
    return exitCodes.ok;
  }
  const { synthesise } = await import('../assembly.ts');
  const deployment = {
    prefix: 'destroy',
    files: [],
    settings: {},
    variables: {},
    context: {},
    channels: {},
    folder: context.cwd,
  };
  const assembly = await synthesise(context, { deployment, withPlatform: false, emptyStacks: names });
  if (!json) err.write(`destroying ${names.join(', ')}\n`);
  for (const bucket of buckets) await emptyBucket(target, bucket).catch(explained);
  await runCdk(context, { cdk, assembly: assembly.folder, target, args: ['destroy', '--all', '--force'] });
  if (!json) out.write(`destroyed ${names.join(', ')}\n`);
  for (const one of json ? names : []) out.write(jsonLine('stack.destroyed', { at: isoTime(Date.now()), stack: one }));
  return exitCodes.ok;
}
