/**
 * One process that runs one function: starts it, gives it one invocation at a time, reads its output line by line,
 * and says how each invocation ended in the words in which Lambda says it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { outputLines } from './output-lines.ts';

/** A function as registered. */
export interface FunctionConfig {
  readonly name: string;
  /** Absolute path of a bundled module. */
  readonly handlerFile: string;
  /** The name of the export. */
  readonly handler: string;
  readonly timeoutSeconds: number;
  readonly memoryMiB: number;
  readonly environment: Readonly<Record<string, string>>;
}

/** How Lambda reports an error of a function. */
export interface FunctionErrorReport {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

export type InvocationEnd = { readonly durationMs: number; readonly maxRssMiB: number; readonly initMs?: number } & (
  | { readonly ok: true; readonly payload: string }
  | { readonly ok: false; readonly error: FunctionErrorReport }
);

/** What the handler finds as `context.clientContext`. */
export interface ClientContext {
  readonly custom: { readonly bunsui: { readonly restarts: number } };
}

/** One call of a function. */
export interface Invocation {
  readonly requestId: string;
  /** JSON text. */
  readonly payload: string;
  /** Ends the invocation together with its process. */
  readonly signal: AbortSignal;
  readonly clientContext?: ClientContext;
}

export interface FunctionProcess {
  readonly pid: number | undefined;
  /** False when it has ended, or is about to. */
  usable(): boolean;
  /** Runs one invocation; output lines go to `onLine`, all of them before the promise resolves. */
  invoke(invocation: Invocation, onLine: (line: string) => void): Promise<InvocationEnd>;
  /** Ends the process and those it started. Resolves when it is gone. */
  end(): Promise<void>;
}

/** Lambda allows 6 MB in an answer. */
const maxAnswerBytes = 6_291_556;
/** Lambda gives the loading of a handler ten seconds. */
const loadSeconds = 10;
/**
 * What our own watching costs in memory, and what Node's resident size on a laptop exceeds Lambda's by: the limit is
 * that much above the function's memory.
 */
const memoryAllowanceMiB = 48;

type ChildMessage = { readonly maxRssKiB: number } & (
  | { readonly kind: 'ready'; readonly initMs: number }
  | { readonly kind: 'failed-to-load'; readonly error: FunctionErrorReport }
  | {
      readonly kind: 'ended';
      readonly requestId: string;
      readonly payload?: string;
      readonly error?: FunctionErrorReport;
    }
);

const bootstrapFile = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './bootstrap.ts' : './bootstrap.js', import.meta.url),
);

/** Starts a process for a function. `environment` is all it gets. */
export function startFunctionProcess(
  config: FunctionConfig,
  environment: Readonly<Record<string, string>>,
  functionArn: string,
): FunctionProcess {
  const child = spawn(process.execPath, nodeArguments(config), {
    cwd: dirname(config.handlerFile),
    env: environment,
    // A group of its own: it is ended with what it started, and a terminal's Ctrl-C is ours to handle.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'ipc'],
  });
  const state: ProcessState = { config, functionArn, child, ended: false };
  const lines = outputLines((line) => state.running?.onLine(line));
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => lines.take(chunk));
  const lifeline = child.stdio[3] as Readable;
  lifeline.on('error', () => {});
  lifeline.on('data', () => {
    state.outOfMemory = true;
  });
  // The native part of Node writes its last words here when the heap is full.
  child.stderr?.on('data', (chunk: Buffer) => {
    if (/JavaScript heap out of memory|FATAL ERROR: .* out of memory/i.test(chunk.toString('latin1'))) {
      state.outOfMemory = true;
    }
  });
  child.on('message', (message) => receive(state, message as ChildMessage, lines));
  child.on('error', (error) => {
    state.startError = error;
    state.ended = true;
    state.running?.end(exitReport(state, null, null));
  });
  const gone = new Promise<void>((resolve) => {
    child.on('exit', () => {
      state.ended = true;
      // What it started ends with it; while that holds the output open there is no `close`.
      killGroup(child.pid);
    });
    // `close` comes when the output has been read too; a last message may still be on its way then.
    child.on('close', (code, signal) => {
      const over = () => {
        lines.flush();
        state.running?.end(exitReport(state, code, signal));
        resolve();
      };
      if (child.connected) child.once('disconnect', over);
      else over();
    });
    child.on('error', () => resolve());
  });
  return {
    pid: child.pid,
    usable: () => !state.ended && !state.killed && !state.broken && state.loadError === undefined,
    invoke: (invocation, onLine) => invoke(state, invocation, onLine),
    end: () => {
      kill(state);
      return gone;
    },
  };
}

interface Running {
  readonly requestId: string;
  readonly marker: string;
  readonly onLine: (line: string) => void;
  readonly loaded: () => void;
  readonly end: (error: FunctionErrorReport | { readonly payload: string }) => void;
}

interface ProcessState {
  readonly config: FunctionConfig;
  readonly functionArn: string;
  readonly child: ChildProcess;
  ended: boolean;
  killed?: true;
  /** It cannot take another invocation. */
  broken?: true;
  outOfMemory?: true;
  startError?: Error;
  loadError?: FunctionErrorReport;
  initMs?: number;
  maxRssKiB?: number;
  running?: Running | undefined;
}

function nodeArguments(config: FunctionConfig): readonly string[] {
  const { memoryMiB, handlerFile, handler } = config;
  return [
    // As Lambda's own bootstrap divides the memory.
    `--max-old-space-size=${Math.floor(memoryMiB * 0.9)}`,
    `--max-semi-space-size=${Math.max(Math.floor(memoryMiB * 0.05), 1)}`,
    '--enable-source-maps',
    '--disable-warning=ExperimentalWarning',
    bootstrapFile,
    handlerFile,
    handler,
    String((memoryMiB + memoryAllowanceMiB) * 1024 * 1024),
  ];
}

function invoke(state: ProcessState, invocation: Invocation, onLine: (line: string) => void): Promise<InvocationEnd> {
  const { config } = state;
  const { requestId, payload, signal, clientContext } = invocation;
  const wasLoaded = state.initMs !== undefined;
  const marker = randomBytes(12).toString('hex');
  return new Promise((resolve) => {
    let startedMs = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const limit = (seconds: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        end({
          errorType: 'Sandbox.Timedout',
          errorMessage: `RequestId: ${requestId} Error: Task timed out after ${seconds.toFixed(2)} seconds`,
        });
        kill(state);
      }, seconds * 1000);
    };
    const aborted = () => {
      end({
        errorType: 'Sandbox.Stopped',
        errorMessage: `RequestId: ${requestId} Error: the answer is not wanted any more`,
      });
      kill(state);
    };
    const end: Running['end'] = (result) => {
      if (state.running?.requestId !== requestId) return;
      clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
      state.running = undefined;
      const facts = {
        durationMs: performance.now() - startedMs,
        maxRssMiB: Math.ceil((state.maxRssKiB ?? 0) / 1024),
        ...(!wasLoaded && state.initMs !== undefined && { initMs: state.initMs }),
      };
      if ('errorType' in result) resolve({ ok: false, error: result, ...facts });
      else resolve({ ok: true, payload: result.payload, ...facts });
    };
    const loaded = () => {
      startedMs = performance.now();
      limit(config.timeoutSeconds);
      const deadlineMs = Date.now() + config.timeoutSeconds * 1000;
      const { functionArn } = state;
      state.child.send({ requestId, payload, deadlineMs, functionArn, marker, clientContext }, (error) => {
        // The channel breaks only because the process ends, and its end is reported by `close`.
        if (error !== null) state.broken = true;
      });
    };
    state.running = { requestId, marker, onLine, loaded, end };
    if (signal.aborted) return aborted();
    signal.addEventListener('abort', aborted);
    if (state.ended) return end(exitReport(state, state.child.exitCode, state.child.signalCode));
    if (wasLoaded) return loaded();
    limit(Math.max(loadSeconds, config.timeoutSeconds));
  });
}

function receive(state: ProcessState, message: ChildMessage, lines: ReturnType<typeof outputLines>): void {
  state.maxRssKiB = Math.max(message.maxRssKiB, state.maxRssKiB ?? 0);
  const { running } = state;
  if (message.kind === 'ready') {
    state.initMs = message.initMs;
    running?.loaded();
  } else if (message.kind === 'failed-to-load') {
    // It ends by itself, and what it has written comes before that.
    state.loadError = message.error;
  } else if (running !== undefined && message.requestId === running.requestId) {
    lines.whenMarked(running.marker, () => running.end(answerOf(message)));
  }
}

function answerOf(message: ChildMessage & { kind: 'ended' }): FunctionErrorReport | { readonly payload: string } {
  if (message.error !== undefined) return message.error;
  const payload = message.payload ?? 'null';
  const bytes = Buffer.byteLength(payload);
  if (bytes <= maxAnswerBytes) return { payload };
  return {
    errorType: 'Function.ResponseSizeTooLarge',
    errorMessage: `Response payload size (${bytes} bytes) exceeded maximum allowed payload size (${maxAnswerBytes} bytes).`,
  };
}

function exitReport(state: ProcessState, code: number | null, signal: string | null): FunctionErrorReport {
  const id = state.running?.requestId;
  if (state.loadError !== undefined) return state.loadError;
  if (state.startError !== undefined) {
    return { errorType: 'Runtime.Unknown', errorMessage: `the process did not start: ${state.startError.message}` };
  }
  if (state.outOfMemory) {
    return {
      errorType: 'Runtime.OutOfMemory',
      errorMessage: `RequestId: ${id} Error: Runtime exited with error: signal: killed (memory limit ${state.config.memoryMiB} MB)`,
    };
  }
  const reason =
    signal !== null
      ? `with error: signal: ${signal === 'SIGKILL' ? 'killed' : signal}`
      : code === 0
        ? 'without providing a reason'
        : `with error: exit status ${code}`;
  return { errorType: 'Runtime.ExitError', errorMessage: `RequestId: ${id} Error: Runtime exited ${reason}` };
}

function kill(state: ProcessState): void {
  state.killed = true;
  if (state.ended) return;
  if (!killGroup(state.child.pid)) state.child.kill('SIGKILL');
}

function killGroup(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    process.kill(-pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}
