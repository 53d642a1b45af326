/** Options that several commands share, and the checks of what is typed for them. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CommandContext } from './context.ts';
import { type LocalTarget, type PlatformTarget, targetOf, usualPlatform, usualStateDir } from './platform-target.ts';
import { didYouMean } from './suggest.ts';

/** Runs a command's work and keeps its exit code. */
export type Run = (work: () => Promise<number>) => Promise<void>;

/** What the action of a command is given that works on any platform (`onPlatform`). */
export interface PlatformOptions {
  readonly target: PlatformTarget;
  readonly json?: true;
}

/** What the action of a command is given that works on this machine alone (`onThisMachine`). */
export interface LocalOptions {
  readonly target: LocalTarget;
  readonly json?: true;
}

/** Section of a help page that says which platform, and where it is. */
const heading = 'Platform';

export function oneOf(what: string, allowed: readonly string[]) {
  return (typed: string): string => {
    const known = allowed.find((name) => name === typed) ?? allowed.find((name) => name === typed.toUpperCase());
    if (known !== undefined) return known;
    const suggestion = didYouMean(typed, allowed);
    throw new InvalidArgumentError(
      `a ${what} is one of ${allowed.join(', ')}${suggestion === undefined ? '' : `\n${suggestion}`}`,
    );
  };
}

export function wholeNumber(typed: string): number {
  const value = Number(typed);
  if (!/^\d{1,4}$/.test(typed) || value < 1 || value > 1000) {
    throw new InvalidArgumentError('a number from 1 to 1000 is allowed');
  }
  return value;
}

const maxKeyCharacters = 1024;

export function idempotencyKey(typed: string): string {
  if (typed.length >= 1 && typed.length <= maxKeyCharacters) return typed;
  throw new InvalidArgumentError(`a key has 1 to ${maxKeyCharacters} characters, this one has ${typed.length}`);
}

/** For options that can be given again and again. */
export const collect = (typed: string, before: readonly string[] | undefined) => [...(before ?? []), typed];

export const jsonOption = (text: string) => new Option('--json', text);

const stateDirOption = (text: string) => new Option('--state-dir <dir>', text).default(usualStateDir);

/** The options that say where AWS is, and as whom. */
export const awsOptions = () =>
  [
    new Option('--profile <name>', 'on AWS: a profile of its configuration'),
    new Option('--region <region>', 'on AWS: its region'),
    new Option('--endpoint-url <url>', 'on AWS: another endpoint, LocalStack say'),
  ].map((option) => option.helpGroup(heading));

const targetNames = ['stateDir', 'platform', 'profile', 'region', 'endpointUrl'] as const;

/** The options that say which platform, as far as somebody has typed them. */
export function typedTarget(command: Command): readonly string[] {
  const typed = (name: string) => command.getOptionValueSource(name) === 'cli';
  return command.options.flatMap((option) =>
    targetNames.some((name) => name === option.attributeName()) && typed(option.attributeName())
      ? [option.long ?? option.flags]
      : [],
  );
}

/** For a command that works on this machine and on a deployed platform: options that say which, given as `target`. */
export function onPlatform(command: Command, { environment }: CommandContext): Command {
  const platform = new Option('--platform <name>', `on AWS: the platform of that name (default ${usualPlatform})`);
  command
    .addOption(stateDirOption('on this machine: where sessions, data and logs lie').helpGroup(heading))
    .addOption(platform.helpGroup(heading));
  for (const option of awsOptions()) command.addOption(option);
  return command.hook('preAction', (_, action) => {
    const typed = targetNames.filter((name) => action.getOptionValueSource(name) === 'cli');
    const values = Object.fromEntries(typed.map((name) => [name, String(action.getOptionValue(name))]));
    action.setOptionValue('target', targetOf(values, environment));
  });
}

/** For a command that works on this machine alone. */
export function onThisMachine(command: Command): Command {
  return command.addOption(stateDirOption('where sessions, data and logs are kept')).hook('preAction', (_, action) => {
    const target: LocalTarget = { kind: 'local', stateDir: String(action.getOptionValue('stateDir')) };
    action.setOptionValue('target', target);
  });
}
