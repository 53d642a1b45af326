import {
  FilterLogEventsCommand,
  CloudWatchLogsClient,
  DescribeLogGroupsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { GetFunctionCommand, InvokeCommand, LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cappedLines } from '../../lib/local/capped-lines.ts';
import { localClient } from '../../lib/local/client.ts';
import type { Runtime } from '../../lib/local/runtime.ts';
import { clientConfig, refusal } from '../contract/target.ts';
import { eventually } from '../eventually.ts';
import { openForTest, registerFunction, type TestFunction, temporaryFolder } from './runtimes.ts';

/** Invokes, and gives what a caller sees. */
async function invoke(runtime: Runtime, name: string, payload: unknown = {}) {
  const client = new LambdaClient(clientConfig(runtime));
  const answer = await client.send(
    new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(payload), LogType: 'Tail' }),
  );
  return {
    status: answer.StatusCode,
    functionError: answer.FunctionError,
    payload: JSON.parse(answer.Payload?.transformToString() ?? 'null'),
    log: Buffer.from(answer.LogResult ?? '', 'base64').toString(),
  };
}

async function outcome(code: string, options: TestFunction = {}, payload: unknown = {}) {
  const runtime = await openForTest();
  const name = await registerFunction(runtime, code, options);
  return { runtime, name, ...(await invoke(runtime, name, payload)) };
}

async function logged(runtime: Runtime, name: string, filterPattern?: string) {
  const logs = new CloudWatchLogsClient(clientConfig(runtime));
  const lines: string[] = [];
  let nextToken: string | undefined;
  do {
    const page = await logs.send(
      new FilterLogEventsCommand({ logGroupName: `/aws/lambda/${name}`, filterPattern, nextToken }),
    );
    lines.push(...(page.events ?? []).map(({ message = '' }) => message));
    nextToken = page.nextToken;
  } while (nextToken !== undefined);
  return lines;
}

const bare = (line: string) => line.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID').replaceAll(/\d+(\.\d+)?/g, 'N');

describe('a function', () => {
  it('is given an event and a context as Lambda gives them', async () => {
    const { runtime, payload } = await outcome(
      `export const handler = async (event, context) => {
        const { getRemainingTimeInMillis, awsRequestId, logStreamName, ...rest } = context;
        return { event, rest, remaining: getRemainingTimeInMillis() > 15000, id: awsRequestId, stream: logStreamName };
      };`,
      {},
      { a: [1, 'ü', null] },
    );
    expect({ ...payload, id: bare(payload.id), stream: payload.stream.replace(/[0-9a-f]{32}/, 'HEX') }).toStrictEqual({
      event: { a: [1, 'ü', null] },
      rest: {
        callbackWaitsForEmptyEventLoop: true,
        functionName: 'subject',
        functionVersion: '$LATEST',
        invokedFunctionArn: `arn:aws:lambda:${runtime.region}:${runtime.accountId}:function:subject`,
        memoryLimitInMB: '128',
        logGroupName: '/aws/lambda/subject',
      },
      remaining: true,
      id: 'ID',
      stream: `${new Date().toISOString().slice(0, 10).replaceAll('-', '/')}/[$LATEST]HEX`,
    });
  });

  it('sees its own environment and nothing of the one the runtime runs in', async () => {
    process.env['BUNSUI_TEST_SECRET'] = 'secret';
    const { runtime, payload } = await outcome('export const handler = async () => process.env;', {
      environment: { MINE: 'yes' },
    });
    delete process.env['BUNSUI_TEST_SECRET'];
    const { MINE, AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, TZ, BUNSUI_TEST_SECRET, NODE_CHANNEL_FD } = payload;
    expect({ MINE, AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, TZ, BUNSUI_TEST_SECRET, NODE_CHANNEL_FD }).toStrictEqual({
      MINE: 'yes',
      AWS_ENDPOINT_URL: runtime.endpoint,
      AWS_ACCESS_KEY_ID: runtime.credentials.accessKeyId,
      TZ: ':UTC',
      BUNSUI_TEST_SECRET: undefined,
      NODE_CHANNEL_FD: undefined,
    });
  });

  it('is kept warm for the next invocation', async () => {
    const { runtime, name, payload } = await outcome(
      'let n = 0; export const handler = async () => [++n, process.pid];',
    );
    const again = await invoke(runtime, name);
    expect([payload[0], again.payload]).toStrictEqual([1, [2, payload[1]]]);
  });

  it('runs twice at once in processes of its own', async () => {
    const runtime = await openForTest();
    const name = await registerFunction(
      runtime,
      `import { existsSync, writeFileSync } from 'node:fs';
      export const handler = async ({ me, other }) => {
        writeFileSync(me, '');
        while (!existsSync(other)) await new Promise((resolve) => setTimeout(resolve, 5));
        return process.pid;
      };`,
    );
    const folder = temporaryFolder();
    const [a, b] = [join(folder, 'a'), join(folder, 'b')];
    const [first, second] = await Promise.all([
      invoke(runtime, name, { me: a, other: b }),
      invoke(runtime, name, { me: b, other: a }),
    ]);
    expect(first.payload).not.toBe(second.payload);
  });

  it('waits for its turn when as many run as may', async () => {
    const runtime = await openForTest({ concurrency: 1 });
    const name = await registerFunction(
      runtime,
      `export const handler = async ({ n }) => { const from = Date.now(); await new Promise((r) => setTimeout(r, 20)); return { n, from, to: Date.now(), pid: process.pid }; };`,
    );
    const answers = await Promise.all([1, 2, 3].map(async (n) => (await invoke(runtime, name, { n })).payload));
    const inOrder = answers.toSorted((a, b) => a.from - b.from);
    expect(new Set(answers.map(({ pid }) => pid)).size).toBe(1);
    for (const [index, answer] of inOrder.entries()) {
      expect(answer.from).toBeGreaterThanOrEqual(inOrder[index - 1]?.to ?? 0);
    }
  });

  it('runs its new code after it is registered again', async () => {
    const runtime = await openForTest();
    const name = await registerFunction(runtime, 'export const handler = async () => "old";');
    expect((await invoke(runtime, name)).payload).toBe('old');
    await registerFunction(runtime, 'export const handler = async () => "new";');
    expect((await invoke(runtime, name)).payload).toBe('new');
  });

  it('runs its new code when its file has been replaced', async () => {
    const runtime = await openForTest();
    const handlerFile = join(temporaryFolder(), 'index.mjs');
    writeFileSync(handlerFile, 'export const handler = async () => "old";');
    await localClient(runtime).private('PUT', 'functions/subject', { handlerFile, handler: 'handler' });
    expect((await invoke(runtime, 'subject')).payload).toBe('old');
    writeFileSync(handlerFile, 'export const handler = async () => "newer";');
    expect((await invoke(runtime, 'subject')).payload).toBe('newer');
  });

  it('is described and listed', async () => {
    const { runtime, name } = await outcome('export const handler = async () => 1;', { memoryMiB: 256 });
    const client = new LambdaClient(clientConfig(runtime));
    const { Configuration } = await client.send(new GetFunctionCommand({ FunctionName: name }));
    const { Functions = [] } = await client.send(new ListFunctionsCommand({}));
    expect([Configuration?.MemorySize, Functions.map(({ FunctionName }) => FunctionName)]).toStrictEqual([256, [name]]);
    expect(await refusal(client.send(new InvokeCommand({ FunctionName: 'nobody' })))).toBe('ResourceNotFoundException');
  });

  it('runs once for an event, and the caller does not wait', async () => {
    const runtime = await openForTest();
    const file = join(temporaryFolder(), 'seen');
    const code = `import { appendFileSync } from 'node:fs';
      let n = 0;
      export const handler = async ({ file }) => { n += 1; appendFileSync(file, String(n)); if (n < 2) throw new Error('again'); };`;
    const name = await registerFunction(runtime, code);
    const client = new LambdaClient(clientConfig(runtime));
    const Payload = JSON.stringify({ file });
    const { StatusCode } = await client.send(
      new InvokeCommand({ FunctionName: name, InvocationType: 'Event', Payload }),
    );
    expect(StatusCode).toBe(202);
    await eventually(
      'its second try',
      () => readFileSync(file, 'utf8'),
      (seen) => seen === '12',
    );
  });
});

describe('a function that fails', () => {
  it('by throwing: its error’s name, message and trace', async () => {
    const { payload, functionError, status } = await outcome(
      `class OutOfStock extends Error { name = 'OutOfStock'; }
      export const handler = async () => { throw new OutOfStock('no more'); };`,
    );
    const { trace, ...error } = payload;
    expect({ ...error, functionError, status, at: trace[0] }).toStrictEqual({
      errorType: 'OutOfStock',
      errorMessage: 'no more',
      functionError: 'Unhandled',
      status: 200,
      at: 'OutOfStock: no more',
    });
  });

  it('by throwing what is no error', async () => {
    const { payload } = await outcome(`export const handler = async () => { throw 'text'; };`);
    expect(payload).toStrictEqual({ errorType: 'string', errorMessage: 'text', trace: [] });
  });

  it('by hanging: it is ended at its timeout, and the next invocation has a fresh process', async () => {
    const code = `let n = 0; export const handler = async ({ hang }) => { n += 1; if (hang === 'wait') await new Promise(() => {}); if (hang === 'spin') for (;;); return n; };`;
    const { runtime, name, payload } = await outcome(code, { timeoutSeconds: 1 }, { hang: 'wait' });
    expect({ ...payload, errorMessage: bare(payload.errorMessage) }).toStrictEqual({
      errorType: 'Sandbox.Timedout',
      errorMessage: 'RequestId: ID Error: Task timed out after N seconds',
    });
    expect(payload.errorMessage).toMatch(/after 1\.00 seconds$/);
    expect((await invoke(runtime, name, { hang: 'spin' })).payload.errorType).toBe('Sandbox.Timedout');
    expect((await invoke(runtime, name)).payload).toBe(1);
  });

  it('by ending its process, with or without a reason', async () => {
    const code = 'export const handler = async ({ code }) => { process.exit(code); };';
    const { runtime, name, payload } = await outcome(code, {}, { code: 0 });
    const second = await invoke(runtime, name, { code: 7 });
    expect(
      [payload, second.payload].map(({ errorType, errorMessage }) => [errorType, errorMessage.slice(48)]),
    ).toStrictEqual([
      ['Runtime.ExitError', 'Error: Runtime exited without providing a reason'],
      ['Runtime.ExitError', 'Error: Runtime exited with error: exit status 7'],
    ]);
  });

  it('by exhausting its heap', async () => {
    const code = `let kept = []; export const handler = async ({ eat }) => { while (eat) kept.push(new Array(1e5).fill(Math.random())); return 'alive'; };`;
    const { runtime, name, payload } = await outcome(code, {}, { eat: true });
    expect(payload.errorType).toBe('Runtime.OutOfMemory');
    expect((await invoke(runtime, name)).payload).toBe('alive');
  });

  it('by exhausting its memory outside the heap', async () => {
    const code = `let kept = []; export const handler = async ({ eat }) => { while (eat) kept.push(Buffer.alloc(1e6, 1)); return 'alive'; };`;
    const { runtime, name, payload } = await outcome(code, {}, { eat: true });
    expect(payload.errorType).toBe('Runtime.OutOfMemory');
    expect((await invoke(runtime, name)).payload).toBe('alive');
  });

  it.each([
    [
      'a module that is not there',
      `import 'nowhere'; export const handler = async () => 1;`,
      'Runtime.ImportModuleError',
    ],
    ['a syntax error', 'export const handler = async () => {', 'Runtime.UserCodeSyntaxError'],
    ['another export', 'export const other = 1;', 'Runtime.HandlerNotFound'],
    [
      'a callback',
      'export const handler = (event, context, callback) => callback(null, 1);',
      'Runtime.CallbackHandlerDeprecated',
    ],
    ['an error while it loads', `throw new RangeError('no'); export const handler = async () => 1;`, 'RangeError'],
    [
      'a process that ends while it loads',
      'process.exit(3); export const handler = async () => 1;',
      'Runtime.ExitError',
    ],
    [
      'a rejection that nobody handles',
      `export const handler = async () => { Promise.reject(new Error('x')); await new Promise(() => {}); };`,
      'Runtime.UnhandledPromiseRejection',
    ],
    [
      'an exception in a timer',
      `export const handler = async () => { setTimeout(() => { throw new EvalError('x'); }); await new Promise(() => {}); };`,
      'EvalError',
    ],
    ['an answer that is not JSON', 'export const handler = async () => ({ n: 1n });', 'Runtime.MarshalError'],
    ['a function as its answer', 'export const handler = async () => () => {};', 'Runtime.MarshalError'],
    [
      'an answer that is too large',
      `export const handler = async () => 'x'.repeat(7e6);`,
      'Function.ResponseSizeTooLarge',
    ],
  ])('by %s', async (_what, code, errorType) => {
    const { payload, functionError } = await outcome(code);
    expect([payload.errorType, functionError]).toStrictEqual([errorType, 'Unhandled']);
  });

  it('ends together with the processes that it started', async () => {
    const code = `import { spawn } from 'node:child_process';
      export const handler = async ({ file }) => { const child = spawn('sleep', ['1000']); console.log('child ' + child.pid); await new Promise(() => {}); };`;
    const { payload, log } = await outcome(code, { timeoutSeconds: 1 });
    expect(payload.errorType).toBe('Sandbox.Timedout');
    const pid = Number(/child (\d+)/.exec(log)?.[1]);
    await expect.poll(() => isRunning(pid)).toBe(false);
  });
});

describe('what a function prints', () => {
  it('stands between START and END, stdout and stderr in order', async () => {
    const { log, runtime, name } = await outcome(
      `export const handler = async () => { console.log('one'); console.error('two'); process.stdout.write('three'); return 1; };`,
    );
    const lines = (await logged(runtime, name)).map(bare);
    expect(lines).toStrictEqual([
      'START RequestId: ID Version: $LATEST',
      'one',
      'two',
      'three',
      'END RequestId: ID',
      'REPORT RequestId: ID\tDuration: N ms\tBilled Duration: N ms\tMemory Size: N MB\tMax Memory Used: N MB\tInit Duration: N ms',
    ]);
    expect(bare(log)).toBe(`${lines.join('\n')}\n`);
  });

  it('is found by a term, and only then', async () => {
    const { runtime, name } = await outcome(
      `export const handler = async () => { console.log('a "needle" b'); console.log('hay'); };`,
    );
    expect(await logged(runtime, name, '"\\"needle\\""')).toStrictEqual(['a "needle" b']);
    const logs = new CloudWatchLogsClient(clientConfig(runtime));
    const ask = (logGroupName: string, filterPattern?: string) =>
      refusal(logs.send(new FilterLogEventsCommand({ logGroupName, filterPattern })));
    expect([await ask('/aws/lambda/nobody'), await ask(`/aws/lambda/${name}`, '{ $.level = 1 }')]).toStrictEqual([
      'ResourceNotFoundException',
      'InvalidParameterException',
    ]);
    const { logGroups = [] } = await logs.send(new DescribeLogGroupsCommand({}));
    expect(logGroups.map(({ logGroupName }) => logGroupName)).toStrictEqual(['/aws/lambda/subject']);
  });

  it('comes in pages, and by time', async () => {
    const { runtime, name } = await outcome(
      `export const handler = async () => { for (let i = 0; i < 3000; i += 1) console.log('line ' + i + ' ' + 'x'.repeat(1000)); };`,
    );
    const lines = (await logged(runtime, name)).filter((line) => line.startsWith('line'));
    expect(lines.map((line) => Number(line.split(' ')[1]))).toStrictEqual(Array.from({ length: 3000 }, (_, i) => i));
    const logs = new CloudWatchLogsClient(clientConfig(runtime));
    const until = (options: object) =>
      logs.send(new FilterLogEventsCommand({ logGroupName: `/aws/lambda/${name}`, ...options }));
    const all = await until({ limit: 10 });
    const first = all.events?.[0]?.timestamp ?? 0;
    expect((await until({ endTime: first - 1 })).events).toStrictEqual([]);
    expect((await until({ startTime: Date.now() + 1000 })).events).toStrictEqual([]);
    expect((await until({ startTime: first, limit: 1 })).events).toStrictEqual([all.events?.[0]]);
  });

  it('may be 10 MB, of which nothing is lost', async () => {
    const { runtime, name, payload } = await outcome(
      `export const handler = async () => { for (let i = 0; i < 10_000; i += 1) console.log(String(i).padStart(5) + 'x'.repeat(1020)); return 'done'; };`,
      { timeoutSeconds: 60 },
    );
    expect(payload).toBe('done');
    const numbers = (await logged(runtime, name)).flatMap((line) =>
      line.endsWith('xxx') ? [Number(line.slice(0, 5))] : [],
    );
    expect(numbers).toStrictEqual(Array.from({ length: 10_000 }, (_, index) => index));
  });

  it.each([
    ['that fills the disk', { head: 1_000, waiting: 1e9, tail: 30 }, 98],
    ['that the disk does not take', { head: 1e9, waiting: 1_000, tail: 30 }, 0],
  ])('%s loses its middle, with a mark', async (_what, limits, least) => {
    const written: string[] = [];
    const output = cappedLines(async (events) => {
      written.push(...events.map(({ message }) => message));
      if (least === 0) await new Promise(() => {});
    }, limits);
    output.always('START');
    for (let index = 0; index < 40_000; index += 1) output.line(`line ${String(index).padStart(5)}`);
    output.finish();
    output.always('END');
    output.flush();
    const mark = written.findIndex((line) => line.startsWith('[output truncated'));
    const dropped = Number(/\d+/.exec(written[mark] ?? '')?.[0]);
    expect([written[0], written[1], written[2]]).toStrictEqual(['START', 'line     0', 'line     1']);
    expect(written.slice(mark + 1)).toStrictEqual(['line 39998', 'line 39999', 'END']);
    expect(written.length - 3 + dropped).toBe(40_000);
    expect(mark - 1).toBeGreaterThan(least === 0 ? 1_000 : least - 10);
    expect(mark).toBeLessThan(least === 0 ? 20_000 : 200);
  });

  it('may have no newline, no text and no end', async () => {
    const { runtime, name, payload } = await outcome(
      `export const handler = async () => {
        process.stdout.write(Buffer.from([0xff, 0x00, 0xc3]));
        process.stdout.write('\\r\\u001b[2J\\n');
        process.stdout.write('y'.repeat(200_000));
        return 'done';
      };`,
    );
    expect(payload).toBe('done');
    const lines = (await logged(runtime, name)).slice(1, -2);
    expect([lines[0], lines.slice(1).join('').length]).toStrictEqual(['\ufffd\0\ufffd\r\u001b[2J', 200_000]);
  });

  it('is no matter when the function has closed its output', async () => {
    const { payload } = await outcome(
      `export const handler = async () => { process.stdout.destroy(); return 'done'; };`,
    );
    expect(payload).toBe('done');
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
