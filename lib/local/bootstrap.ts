/**
 * The inside of a function process: loads one handler and runs one invocation after the other, as Lambda's runtime
 * does. It stands alone (no import of ours), because everything here counts in the start of each function.
 *
 * Arguments: the handler's file, the export's name, the memory limit in bytes. Channel: see `function-process.ts`.
 * Descriptor 3 is the lifeline: its other end is the runtime, and when that is gone, however it died, so are we.
 */
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

interface Invocation {
  readonly requestId: string;
  readonly payload: string;
  readonly deadlineMs: number;
  readonly functionArn: string;
  /** Written to the output when the handler has ended, so that the reader knows it has everything. */
  readonly marker: string;
  readonly clientContext?: object;
}

interface ErrorReport {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace: readonly string[];
}

const [, , handlerFile = '', handlerName = '', memoryLimit = '0'] = process.argv;

// A thread of its own, since a handler may never give the main one back.
const watch = `
  const { Socket } = require('node:net');
  const lifeline = new Socket({ fd: 3, readable: true, writable: true });
  const end = () => { try { process.kill(-process.pid, 'SIGKILL'); } catch { process.kill(process.pid, 'SIGKILL'); } };
  lifeline.on('error', end).on('close', end).resume();
  const limit = ${Number(memoryLimit)};
  setInterval(() => {
    if (limit > 0 && process.memoryUsage.rss() > limit) lifeline.write('memory', end);
  }, 50);
`;
new Worker(watch, { eval: true, stdin: false, env: {} }).unref();

// Taken before the handler's code can change them.
const send = process.send?.bind(process);
Reflect.deleteProperty(process, 'send');
const write = process.stdout.write.bind(process.stdout);
// One stream, so that lines stay in the order in which they were written.
process.stderr.write = write as typeof process.stderr.write;
const { exit, resourceUsage } = process;

let current: Invocation | undefined;

function tell(message: object): Promise<void> {
  return new Promise((resolve) => send?.({ ...message, maxRssKiB: resourceUsage().maxRSS }, () => resolve()));
}

/** @see https://github.com/aws/aws-lambda-nodejs-runtime-interface-client (src/Errors.js) */
function reportOf(thrown: unknown, errorType?: string): ErrorReport {
  if (thrown instanceof Error || (typeof thrown === 'object' && thrown !== null && 'message' in thrown)) {
    const error = thrown as Error;
    return {
      errorType: errorType ?? String(error.name ?? 'Error'),
      errorMessage: String(error.message),
      trace: String(error.stack ?? '')
        .split('\n')
        .slice(0, 50),
    };
  }
  return { errorType: errorType ?? typeof thrown, errorMessage: String(thrown), trace: [] };
}

async function finish(invocation: Invocation, outcome: object): Promise<void> {
  current = undefined;
  await new Promise<void>((resolve) => write(`\0${invocation.marker}\n`, () => resolve()));
  await tell({ kind: 'ended', requestId: invocation.requestId, ...outcome });
}

async function crash(thrown: unknown, errorType: string | undefined, exitCode: number): Promise<void> {
  const report = reportOf(thrown, errorType);
  write(`ERROR\t${JSON.stringify(report)}\n`);
  if (current === undefined) await tell({ kind: 'failed-to-load', error: report });
  else await finish(current, { error: report });
  exit.call(process, exitCode);
}
process.on('uncaughtException', (error) => void crash(error, undefined, 129));
process.on('unhandledRejection', (reason) => void crash(reason, 'Runtime.UnhandledPromiseRejection', 128));
process.on('disconnect', () => exit.call(process, 0));

type Handler = (event: unknown, context: object) => unknown;

async function loadHandler(): Promise<Handler> {
  let loaded: Record<string, unknown>;
  try {
    loaded = await import(pathToFileURL(handlerFile).href);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (error instanceof SyntaxError) throw Object.assign(error, { name: 'Runtime.UserCodeSyntaxError' });
    if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') {
      throw Object.assign(error as Error, { name: 'Runtime.ImportModuleError' });
    }
    throw error;
  }
  const handler = loaded[handlerName];
  if (typeof handler !== 'function') {
    const missing = new Error(`index.${handlerName} is undefined or not exported`);
    throw Object.assign(missing, { name: 'Runtime.HandlerNotFound' });
  }
  if (handler.length >= 3) {
    const callback = new Error(
      `index.${handlerName} takes a callback, which Lambda's Node.js 24 does not: return a promise`,
    );
    throw Object.assign(callback, { name: 'Runtime.CallbackHandlerDeprecated' });
  }
  return handler as Handler;
}

function contextOf(invocation: Invocation): object {
  const { env } = process;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: env['AWS_LAMBDA_FUNCTION_NAME'],
    functionVersion: '$LATEST',
    invokedFunctionArn: invocation.functionArn,
    memoryLimitInMB: env['AWS_LAMBDA_FUNCTION_MEMORY_SIZE'],
    awsRequestId: invocation.requestId,
    ...(invocation.clientContext !== undefined && { clientContext: invocation.clientContext }),
    logGroupName: env['AWS_LAMBDA_LOG_GROUP_NAME'],
    logStreamName: env['AWS_LAMBDA_LOG_STREAM_NAME'],
    getRemainingTimeInMillis: () => Math.max(invocation.deadlineMs - Date.now(), 0),
  };
}

async function run(handler: Handler, invocation: Invocation): Promise<void> {
  current = invocation;
  let value: unknown;
  try {
    value = await handler(JSON.parse(invocation.payload), contextOf(invocation));
  } catch (thrown) {
    const report = reportOf(thrown);
    write(`ERROR\tInvoke Error\t${JSON.stringify(report)}\n`);
    return finish(invocation, { error: report });
  }
  try {
    const payload = JSON.stringify(value === undefined ? null : value);
    if (payload === undefined) throw new TypeError(`a ${typeof value} is not JSON`);
    return await finish(invocation, { payload });
  } catch (thrown) {
    const because = thrown instanceof Error ? thrown.message : String(thrown);
    const errorMessage = `Unable to stringify response body: ${because}`;
    return finish(invocation, { error: { errorType: 'Runtime.MarshalError', errorMessage, trace: [] } });
  }
}

const startedMs = performance.now();
try {
  const handler = await loadHandler();
  process.on('message', (message) => void run(handler, message as Invocation));
  await tell({ kind: 'ready', initMs: performance.now() - startedMs });
} catch (thrown) {
  await crash(thrown, undefined, 1);
}
