/**
 * Functions and their processes: the registry, warm processes for reuse, a bound on how many run at once, and what
 * goes into the log around an invocation.
 */
import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BunsuiError } from '../errors.ts';
import { damagedFile, makeFolder, parseStored, safeFileName, storageError, writeFileAtomic } from './durable-files.ts';
import {
  type ClientContext,
  type FunctionConfig,
  type FunctionErrorReport,
  type FunctionProcess,
  type Invocation,
  type InvocationEnd,
  startFunctionProcess,
} from './function-process.ts';
import { cappedLines } from './capped-lines.ts';
import type { LogStore, LogStream } from './log-store.ts';
import type { RuntimeLog } from './runtime-log.ts';

/** How an invocation ended. `payload` is JSON text. */
export type InvocationResult = { readonly requestId: string; readonly logTail: string } & (
  | { readonly ok: true; readonly payload: string }
  | { readonly ok: false; readonly error: FunctionErrorReport }
);

export interface FunctionPool {
  register(config: FunctionConfig): Promise<void>;
  find(name: string): FunctionConfig | undefined;
  list(): readonly FunctionConfig[];
  /**
   * Looks whether registrations and modules of functions are whole; names that were never registered are passed over.
   *
   * @throws {BunsuiError} BS4003 naming the file that is not.
   */
  check(names: readonly string[]): Promise<void>;
  /** Runs a function. `signal` ends a running invocation together with its process. */
  invoke(
    config: FunctionConfig,
    payload: string,
    signal: AbortSignal,
    clientContext?: ClientContext,
  ): Promise<InvocationResult>;
  /** Ends all processes. */
  close(): Promise<void>;
}

export interface PoolOptions {
  readonly stateDir: string;
  readonly logs: LogStore;
  readonly log: RuntimeLog;
  /** Invocations at once; others wait their turn. */
  readonly concurrency: number;
  /** What every function gets in its environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly arnOf: (name: string) => string;
}

/** Warm processes that are kept at most; the one that has idled longest goes first. */
const maxIdle = 24;
const logTailBytes = 4096;
const deployAgain = 'deploy the pipeline again, then resume';

/** Opens the pool of a state folder, with the functions that were registered earlier. */
export async function openFunctionPool(options: PoolOptions): Promise<FunctionPool> {
  const folder = join(options.stateDir, 'functions', 'registered');
  const { configs, sizes, damages } = await readConfigs(folder, options.log);
  const turns = limitedTurns(options.concurrency);
  const warm: WarmProcess[] = [];
  const running = new Set<{ readonly process: FunctionProcess; readonly invocation: Promise<unknown> }>();
  const retiring = new Set<Promise<void>>();
  let closing = false;

  const start = (config: FunctionConfig, code: string): WarmProcess => {
    const group = logGroupOf(config.name);
    const stream = options.logs.newStream(group, Date.now());
    const environment = functionEnvironment(config, options.environment, group, stream.name);
    return { config, code, stream, process: startFunctionProcess(config, environment, options.arnOf(config.name)) };
  };
  const retire = (one: WarmProcess): Promise<void> => {
    const work = one.process.end().then(() => one.stream.close());
    retiring.add(work);
    return work.finally(() => retiring.delete(work));
  };
  const take = (config: FunctionConfig, code: string): WarmProcess => {
    const index = warm.findLastIndex((one) => one.config.name === config.name && one.code === code);
    const [found] = index < 0 ? [] : warm.splice(index, 1);
    if (found === undefined) return start(config, code);
    if (found.process.usable()) return found;
    void retire(found);
    return take(config, code);
  };
  const putBack = (one: WarmProcess) => {
    const outdated = configs.get(one.config.name) !== one.config;
    if (!closing && !outdated && one.process.usable()) warm.push(one);
    else void retire(one);
    if (warm.length > maxIdle) for (const oldest of warm.splice(0, warm.length - maxIdle)) void retire(oldest);
  };

  return {
    async register(config) {
      const known = configs.get(config.name);
      const handlerBytes = await sizeOf(config.handlerFile);
      const same = known !== undefined && JSON.stringify(known) === JSON.stringify(config);
      if (same && sizes.get(config.name) === handlerBytes) return;
      await makeFolder(folder);
      const file = registrationOf(config.name);
      const text = JSON.stringify({ ...config, ...(handlerBytes !== undefined && { handlerBytes }) });
      await writeFileAtomic(join(folder, file), text);
      damages.delete(file);
      if (handlerBytes === undefined) sizes.delete(config.name);
      else sizes.set(config.name, handlerBytes);
      // A process that is warm goes by its module's own facts.
      if (same) return;
      configs.set(config.name, config);
      const outdated = warm.filter((one) => one.config.name === config.name);
      for (const one of outdated) {
        warm.splice(warm.indexOf(one), 1);
        void retire(one);
      }
    },
    find: (name) => configs.get(name),
    list: () => [...configs.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    async check(names) {
      for (const name of new Set(names)) {
        const damage = damages.get(registrationOf(name));
        if (damage !== undefined) throw damage;
        const config = configs.get(name);
        const wanted = sizes.get(name);
        const found = config === undefined ? undefined : await sizeOf(config.handlerFile);
        if (config !== undefined && wanted !== undefined && found !== wanted) {
          const now = found === undefined ? 'it is missing' : `it has ${found} bytes`;
          throw damagedFile(
            config.handlerFile,
            `${now}, and had ${wanted} when function ${name} was registered`,
            deployAgain,
          );
        }
      }
    },
    invoke: (config, payload, signal, clientContext) =>
      turns(signal, async () => {
        const requestId = randomUUID();
        if (signal.aborted || closing) return notWanted(requestId);
        const one = take(config, codeOf(config.handlerFile));
        const call: Invocation = { requestId, payload, signal, ...(clientContext !== undefined && { clientContext }) };
        const invocation = runInvocation(one, call, options.log).finally(() => putBack(one));
        const entry = { process: one.process, invocation };
        running.add(entry);
        return invocation.finally(() => running.delete(entry));
      }),
    async close() {
      closing = true;
      // One that runs is retired by its invocation, when that has written its last lines.
      const ending = [...running].map(async ({ invocation, process }) => {
        await process.end();
        await invocation;
      });
      await Promise.all([...ending, ...warm.splice(0).map(retire)]);
      await Promise.all(retiring);
    },
  };
}

interface WarmProcess {
  readonly config: FunctionConfig;
  /** What of the handler's file tells it from another version under the same name. */
  readonly code: string;
  readonly stream: LogStream;
  readonly process: FunctionProcess;
}

function notWanted(requestId: string): InvocationResult {
  const errorMessage = `RequestId: ${requestId} Error: the answer is not wanted any more`;
  return { requestId, logTail: '', ok: false, error: { errorType: 'Sandbox.Stopped', errorMessage } };
}

async function runInvocation(one: WarmProcess, call: Invocation, log: RuntimeLog): Promise<InvocationResult> {
  const { config, stream } = one;
  const { requestId } = call;
  let tail = '';
  let failed = false;
  const output = cappedLines((lines) => {
    tail = Buffer.from(`${tail}${lines.map(({ message }) => `${message}\n`).join('')}`)
      .subarray(-logTailBytes)
      .toString();
    return stream.append(lines).catch((error: unknown) => {
      if (!failed) log('error', `the log of ${config.name} cannot be written: ${String(error)}`);
      failed = true;
    });
  });
  output.always(`START RequestId: ${requestId} Version: $LATEST`);
  const end = await one.process.invoke(call, output.line);
  output.finish();
  output.always(`END RequestId: ${requestId}`);
  if (!end.ok && /^(Sandbox|Runtime\.(ExitError|OutOfMemory))/.test(end.error.errorType)) {
    output.always(`${new Date().toISOString()} ${end.error.errorMessage}`);
  }
  output.always(reportLine(requestId, end, config));
  output.flush();
  // Readers find all of it as soon as the answer is there.
  await stream.append([]).catch(() => {});
  return end.ok
    ? { ok: true, payload: end.payload, requestId, logTail: tail }
    : { ok: false, error: end.error, requestId, logTail: tail };
}

function reportLine(requestId: string, end: InvocationEnd, config: FunctionConfig): string {
  const parts = [
    `REPORT RequestId: ${requestId}`,
    `Duration: ${end.durationMs.toFixed(2)} ms`,
    `Billed Duration: ${Math.ceil(end.durationMs + (end.initMs ?? 0))} ms`,
    `Memory Size: ${config.memoryMiB} MB`,
    `Max Memory Used: ${end.maxRssMiB} MB`,
    ...(end.initMs === undefined ? [] : [`Init Duration: ${end.initMs.toFixed(2)} ms`]),
    ...(end.ok ? [] : ['Status: error', `Error Type: ${end.error.errorType.replaceAll(/\s+/g, ' ').slice(0, 200)}`]),
  ];
  return parts.join('\t');
}

/** The environment that Lambda gives, and nothing of this process but what Node needs to run. */
function functionEnvironment(
  config: FunctionConfig,
  shared: Readonly<Record<string, string>>,
  logGroup: string,
  logStream: string,
): Record<string, string> {
  const own = ['PATH', 'TMPDIR', 'TEMP', 'SystemRoot'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(own),
    LANG: 'en_US.UTF-8',
    ...config.environment,
    ...shared,
    TZ: ':UTC',
    _HANDLER: `index.${config.handler}`,
    LAMBDA_TASK_ROOT: join(config.handlerFile, '..'),
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: config.name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(config.memoryMiB),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: logGroup,
    AWS_LAMBDA_LOG_STREAM_NAME: logStream,
  };
}

/** The log group of a function. */
export function logGroupOf(name: string): string {
  return `/aws/lambda/${name}`;
}

/** Asked for at each invocation: the answer is in the system's memory, and to wait for a thread takes ten times as long. */
function codeOf(file: string): string {
  try {
    const facts = statSync(file, { bigint: true, throwIfNoEntry: false });
    return facts === undefined ? 'missing' : `${facts.ino}/${facts.size}/${facts.mtimeNs}`;
  } catch {
    return 'missing';
  }
}

async function sizeOf(file: string): Promise<number | undefined> {
  return (await stat(file).catch(() => undefined))?.size;
}

function registrationOf(name: string): string {
  return `${safeFileName(name)}.json`;
}

interface Registrations {
  readonly configs: Map<string, FunctionConfig>;
  /** Function → the bytes of its module when it was registered. */
  readonly sizes: Map<string, number>;
  /** File → what is wrong with it. */
  readonly damages: Map<string, BunsuiError>;
}

async function readConfigs(folder: string, log: RuntimeLog): Promise<Registrations> {
  const names = await readdir(folder).catch(() => []);
  const read: Registrations = { configs: new Map(), sizes: new Map(), damages: new Map() };
  for (const name of names.filter((file) => file.endsWith('.json') && !file.startsWith('.'))) {
    const path = join(folder, name);
    try {
      const stored = parseStored(path, await readFile(path, 'utf8'), deployAgain) as FunctionConfig & {
        readonly handlerBytes?: number;
      };
      const { handlerBytes, ...config } = stored;
      read.configs.set(config.name, config);
      if (handlerBytes !== undefined) read.sizes.set(config.name, handlerBytes);
    } catch (error) {
      if (!(error instanceof BunsuiError)) throw storageError(path, error);
      // It counts when the function is wanted; registering it again mends it.
      read.damages.set(name, error);
      log('error', `${error.code} ${error.message}`, { hint: error.hint });
    }
  }
  return read;
}

/** Lets `limit` act at once; others wait in order. Whose signal is aborted acts at once: he has nothing to run. */
function limitedTurns(limit: number): <T>(signal: AbortSignal, act: () => Promise<T>) => Promise<T> {
  let free = limit;
  const waiting: (() => void)[] = [];
  const turn = (signal: AbortSignal): Promise<boolean> => {
    if (free > 0) {
      free -= 1;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const aborted = () => {
        waiting.splice(waiting.indexOf(called), 1);
        resolve(false);
      };
      const called = () => {
        signal.removeEventListener('abort', aborted);
        resolve(true);
      };
      waiting.push(called);
      signal.addEventListener('abort', aborted, { once: true });
    });
  };
  return async (signal, act) => {
    const holdsTurn = !signal.aborted && (await turn(signal));
    try {
      return await act();
    } finally {
      const next = holdsTurn ? waiting.shift() : undefined;
      if (next !== undefined) next();
      else if (holdsTurn) free += 1;
    }
  };
}
