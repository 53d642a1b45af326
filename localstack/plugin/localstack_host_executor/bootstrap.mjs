// Minimal Node runtime interface client: loads _HANDLER, polls the Lambda Runtime API, reports results.
// Error shapes follow aws-lambda-ric: errorType is error.name, or typeof for values that are not errors.
import { existsSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { types } from 'node:util';

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
// As in executor.py, which has stdout and stderr in one pipe: what comes before has been printed before.
const endOfOutput = '\0end of output\n';
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

function call(method, path, body, headers = {}) {
  return new Promise((done, failed) => {
    const request = http.request(
      { host, port, method, path: `/2018-06-01/runtime/${path}`, headers, agent },
      (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('end', () => done({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
      },
    );
    request.on('error', failed);
    if (body !== undefined) {
      request.setHeader('Content-Type', 'application/json');
      request.setHeader('Content-Length', Buffer.byteLength(body));
      request.write(body);
    }
    request.end();
  });
}

const isError = (value) =>
  types.isNativeError(value) || (value && typeof value === 'object' && 'message' in value && 'stack' in value);

function describe(error) {
  return isError(error)
    ? { errorType: error.name, errorMessage: error.message, trace: error.stack?.split('\n') ?? [] }
    : { errorType: typeof error, errorMessage: String(error), trace: [] };
}

function named(name, message) {
  return Object.assign(new Error(message), { name });
}

async function loadHandler() {
  const root = process.env.LAMBDA_TASK_ROOT;
  const match = /^(.*?)([^/.]+)\.(.+)$/.exec(process.env._HANDLER);
  if (!match) throw named('Runtime.MalformedHandlerName', 'Bad handler');
  const base = resolve(root, match[1], match[2]);
  const file = ['', '.js', '.mjs', '.cjs']
    .map((ext) => base + ext)
    .find((name) => existsSync(name) && !name.endsWith('/'));
  let module;
  try {
    if (!file) throw Object.assign(new Error(`Cannot find module '${match[2]}'`), { code: 'MODULE_NOT_FOUND' });
    if (file.endsWith('.mjs')) module = await import(pathToFileURL(file).href);
    else {
      try {
        module = createRequire(pathToFileURL(`${dirname(file)}/`).href)(file);
      } catch (error) {
        if (error.code !== 'ERR_REQUIRE_ESM' && error.code !== 'ERR_REQUIRE_ASYNC_MODULE') throw error;
        module = await import(pathToFileURL(file).href);
      }
    }
  } catch (error) {
    if (error instanceof SyntaxError) throw named('Runtime.UserCodeSyntaxError', error.stack ?? error.message);
    if (['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'].includes(error.code)) {
      throw named('Runtime.ImportModuleError', `Error: ${error.message}`);
    }
    throw error;
  }
  const path = match[3].split('.');
  const handler =
    path.reduce((value, key) => value?.[key], module) ?? path.reduce((value, key) => value?.[key], module.default);
  if (typeof handler !== 'function') {
    throw named('Runtime.HandlerNotFound', `${process.env._HANDLER} is undefined or not exported`);
  }
  return handler;
}

function run(handler, event, context) {
  return new Promise((done, failed) => {
    const callback = (error, result) => (error ? failed(error) : done(result));
    const returned = handler(event, { ...context, done: callback, succeed: done, fail: failed }, callback);
    if (typeof returned?.then === 'function') returned.then(done, failed);
    else if (handler.length < 3) done(returned);
  });
}

let current;
const crash = (type) => async (error) => {
  setTimeout(() => process.exit(128), 1000); // even when the Runtime API does not answer
  const reason =
    type === 'uncaughtException'
      ? error
      : named('Runtime.UnhandledPromiseRejection', `${describe(error).errorType}: ${describe(error).errorMessage}`);
  console.error(error);
  await call('POST', current ? `invocation/${current}/error` : 'init/error', JSON.stringify(describe(reason)), {
    'X-Exiting': '1',
  }).catch(() => {});
  process.exit(128);
};
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => process.exit(0)); // LocalStack is gone
process.on('uncaughtException', crash('uncaughtException'));
process.on('unhandledRejection', crash('unhandledRejection'));

let handler;
try {
  handler = await loadHandler();
} catch (error) {
  console.error(error);
  await call('POST', 'init/error', JSON.stringify(describe(error)));
  process.exit(1);
}

for (;;) {
  let next;
  try {
    next = await call('GET', 'invocation/next');
  } catch {
    process.exit(0); // the Runtime API is gone: LocalStack stopped this environment
  }
  const id = next.headers['lambda-runtime-aws-request-id'];
  const deadline = Number(next.headers['lambda-runtime-deadline-ms']);
  process.env._X_AMZN_TRACE_ID = next.headers['lambda-runtime-trace-id'];
  current = id;
  const context = {
    awsRequestId: id,
    invokedFunctionArn: next.headers['lambda-runtime-invoked-function-arn'],
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  try {
    const result = await run(handler, JSON.parse(next.body || '{}'), context);
    process.stdout.write(endOfOutput);
    await call('POST', `invocation/${id}/response`, JSON.stringify(result === undefined ? null : result));
  } catch (error) {
    console.error(`${new Date().toISOString()}\t${id}\tERROR\tInvoke Error\t${JSON.stringify(describe(error))}`);
    process.stdout.write(endOfOutput);
    await call('POST', `invocation/${id}/error`, JSON.stringify(describe(error)));
  }
  current = undefined;
}
