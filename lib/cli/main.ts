/**
 * The command line: arguments in, an exit code out; data on stdout, everything else on stderr. This file and what it
 * imports is all that `--help` loads.
 */
import { enableCompileCache } from 'node:module';
import { isAbsolute, join } from 'node:path';
import { type Command, CommanderError } from 'commander';
import { BunsuiError } from '../errors.ts';
import { type CommandContext, commandNameFrom } from './context.ts';
import { exitCodeFor, exitCodes } from './exit-codes.ts';
import { usageOf } from './help.ts';
import { ownVersion } from './own-version.ts';
import { buildProgram } from './program.ts';
import { didYouMean } from './suggest.ts';
import { systemTerminal, type Terminal } from './terminal.ts';

/** What is missing in this Node.js, if anything: it must run TypeScript files as they are. */
export function nodeTooOld(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > 22 || (major === 22 && minor >= 18);
  return enough ? undefined : `bunsui needs Node.js 22.18 or later, and this is ${version}`;
}

/** The command that the first words name, and how many words that takes. */
function commandAt(program: Command, words: readonly string[]): { readonly command: Command; readonly depth: number } {
  let command = program;
  let depth = 0;
  for (const word of words) {
    const next = command.commands.find((one) => one.name() === word);
    if (next === undefined) break;
    command = next;
    depth += 1;
  }
  return { command, depth };
}

/** What a group does where no command of it is named. */
const usual: { readonly [group: string]: string } = { logs: 'tail' };

/** `logs SESSION` is `logs tail SESSION`. */
function withUsual(program: Command, args: readonly string[]): readonly string[] {
  const [group = '', next] = args;
  const command = usual[group];
  const isAsked = next === undefined || next === 'help' || next === '--help' || next === '-h';
  if (command === undefined || isAsked || commandAt(program, args).depth !== 1) return args;
  return [group, command, ...args.slice(1)];
}

/**
 * `help X Y` is `X Y --help`; a bare program or group shows its help; a wrong command with `--help` is a wrong command.
 */
function withHelp(program: Command, args: readonly string[]): readonly string[] {
  const asked = args[0] === 'help';
  const words = asked ? args.slice(1) : args;
  const { command, depth } = commandAt(program, words);
  const next = words[depth];
  if (command.commands.length > 0) {
    if (next === undefined) return [...words, '--help'];
    if (next === 'help') return withHelp(program, ['help', ...words.slice(0, depth), ...words.slice(depth + 1)]);
    if (!next.startsWith('-')) return words.slice(0, depth + 1);
  }
  return asked ? [...words.slice(0, depth), '--help'] : args;
}

/** What to do where an option about AWS is given to a command that works on this machine alone. */
function localOnly(message: string, usage: string): string | undefined {
  if (!/^unknown option '--(platform|profile|region|endpoint-url)/.test(message)) return undefined;
  const [, , second = ''] = usage.split(' ');
  const name = usage.startsWith('bunsui session resume') ? `session ${second}` : usage.split(' ')[1];
  const other = name === 'run' ? ': for AWS see bunsui deploy --help and bunsui session start --help' : '';
  return `"${name}" works on this machine alone${other}`;
}

/** Commander's text of a usage error, as one of ours. */
function usageError(text: string, program: Command, args: readonly string[]): BunsuiError {
  const [first = '', ...rest] = text
    .trim()
    .replace(/^error: /, '')
    .split('\n');
  const [, option, given, allowed] = /^option '(.*?)' argument '(.*)' is invalid\. (.*)$/.exec(first) ?? [];
  const start = given !== undefined && given.length > 60 ? `${given.slice(0, 59)}…` : given;
  const message = option === undefined ? first.replaceAll("'", '"') : `"${start}" does not fit ${option}: ${allowed}`;
  const suggested = rest.map((line) => line.replace(/^\(?Did you mean (.*?)\??\)?$/, 'did you mean $1?')).join(' ');
  const { command } = commandAt(program, args);
  const unknown = /^unknown command '(.*)'$/.exec(first)?.[1];
  const names = command.commands.map((one) => one.name());
  const better = unknown === undefined ? localOnly(first, usageOf(command)) : didYouMean(unknown, names);
  const see = `see ${
    command.parent === null
      ? 'bunsui --help'
      : `${usageOf(command)
          .split(' [')[0]
          ?.replace(/ [A-Z]+.*$/, '')} --help`
  }`;
  const hint = [better ?? suggested, see].filter((part) => part !== '').join('\n');
  return new BunsuiError('ConfigError', 'BS2001', message, { hint });
}

/**
 * Keeps for the next command what V8 makes of some hundred files of code: among the user's own files, because others may
 * write into the system's folder for temporary ones, and what lies there would be run.
 */
function keepCompiledCode({ XDG_CACHE_HOME: given = '', HOME: home = '' }: CommandContext['environment']): void {
  const caches = isAbsolute(given) ? given : isAbsolute(home) ? join(home, '.cache') : undefined;
  if (caches !== undefined) enableCompileCache(join(caches, 'bunsui', 'code'));
}

async function runProgram(args: readonly string[], context: CommandContext): Promise<number> {
  let exitCode: number = exitCodes.ok;
  let usageText = '';
  const program = buildProgram(
    context,
    ownVersion(),
    async (work) => {
      keepCompiledCode(context.environment);
      exitCode = await work();
    },
    (text) => {
      usageText += text;
    },
  );
  try {
    await program.parseAsync([...withHelp(program, withUsual(program, args))], { from: 'user' });
    return exitCode;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.exitCode === 0) return exitCodes.ok;
    throw usageError(usageText || thrown.message, program, withUsual(program, args));
  }
}

/** A reader that has gone away (`| head`) is no error. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_DESTROYED') throw error;
}

function ignoreClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    if (!stream.listeners('error').includes(ignoreClosedPipe)) stream.on('error', ignoreClosedPipe);
  }
}

/**
 * Runs a command line.
 *
 * @param args without the program: `['run', 'pipeline.ts']`.
 * @param place where relative files and the state folder start, and what is set there.
 * @returns the exit code (`exitCodes`).
 */
export async function main(
  args: readonly string[],
  terminal: Terminal = systemTerminal(),
  place: { readonly cwd: string; readonly environment: NodeJS.ProcessEnv } = {
    cwd: process.cwd(),
    environment: process.env,
  },
): Promise<number> {
  ignoreClosedPipes();
  const tooOld = nodeTooOld(process.versions.node);
  if (tooOld !== undefined) {
    terminal.err.write(`${tooOld}\n`);
    return exitCodes.runtime;
  }
  const { cwd, environment } = place;
  const context: CommandContext = { terminal, cwd, environment, commandName: commandNameFrom(environment) };
  try {
    return await runProgram(args, context);
  } catch (thrown) {
    const [{ showError }, { awsError }] = await Promise.all([import('./errors-shown.ts'), import('./aws-errors.ts')]);
    showError(awsError(thrown) ?? thrown, terminal, { json: args.includes('--json'), cwd });
    return exitCodeFor(thrown);
  }
}
