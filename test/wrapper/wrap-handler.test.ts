import * as z from 'zod';
import * as mini from 'zod/mini';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { sessionOfExecution } from '../../lib/storage-layout.ts';
import { type HandlerContext, runHandler, wrapHandler } from '../../lib/wrapper/wrap-handler.ts';
import { callOf, executionArn, nowMs, portsFor } from './call.ts';

const contract = { id: 'load', input: z.object({ n: z.int() }), output: z.object({ rows: z.int() }) };
const anything = { id: 'load', input: z.unknown(), output: z.unknown() };

async function failureOf(run: Promise<unknown>): Promise<string> {
  return run.then(
    (value) => `no failure: ${JSON.stringify(value)}`,
    (error: Error) => `${error.name}: ${error.message}`,
  );
}

describe('a call of a pipeline', () => {
  it('gives the handler its parsed input and its place in the session', async () => {
    const seen: unknown[] = [];
    const handler = wrapHandler(
      { ...contract, input: z.object({ n: z.int(), day: z.string().default('mon') }) },
      (input: unknown, context: HandlerContext) => {
        const { log: _, signal, remainingTimeMs, checkpoint: __, checkpointed: ___, ...rest } = context;
        seen.push(input, rest, signal.aborted, remainingTimeMs());
        return { rows: 2, extra: 'dropped by the schema' };
      },
      portsFor(),
    );
    const call = callOf({ n: 1 }, { job: 'convert[17]/one', attempt: 2, redrive: 1 });
    expect(await handler(call, { awsRequestId: 'r1', getRemainingTimeInMillis: () => 5_000 })).toStrictEqual({
      rows: 2,
    });
    expect(seen).toStrictEqual([
      { n: 1, day: 'mon' },
      {
        session: 's1',
        job: 'convert[17]/one',
        attempt: 3,
        operation: 'load',
        generation: 1,
        idempotencyKey: 's1/1/convert[17]/one',
      },
      false,
      5_000,
    ]);
  });

  it('counts the runs of a job that were cut off and started again, in context, log and record alike', async () => {
    const ports = portsFor();
    const handler = wrapHandler(anything, (_: unknown, { attempt }: HandlerContext) => attempt, ports);
    const attempts: unknown[] = [];
    const restarts = (value: unknown) => ({ custom: { bunsui: { restarts: value } } });
    for (const clientContext of [undefined, null, 'x', restarts(2), restarts(-1), restarts(0.5), restarts('2')]) {
      attempts.push(await handler(callOf(1, { attempt: 1 }), { clientContext }));
    }
    expect(attempts).toStrictEqual([2, 2, 2, 4, 2, 2, 2]);
    const logged = ports.lines.map((line) => (JSON.parse(line) as { attempt: number }).attempt);
    expect(logged).toStrictEqual(attempts.flatMap((attempt) => [attempt, attempt]));
  });

  it('derives the session from the execution when it was started without one', async () => {
    const handler = wrapHandler(
      anything,
      (_: unknown, { session, generation }: HandlerContext) => ({ session, generation }),
      portsFor(),
    );
    const { session } = sessionOfExecution(executionArn, '2026-03-04T05:06:00.000Z');
    expect(await handler(callOf(1, { block: undefined }))).toStrictEqual({ session, generation: 1 });
    expect(await handler(callOf(1, { block: null }))).toStrictEqual({ session, generation: 1 });
    expect(session).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/);
  });

  it('aborts the signal before the function is stopped', async () => {
    const handler = wrapHandler(
      anything,
      (_: unknown, { signal }: HandlerContext) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve('saved'));
        }),
      portsFor(),
    );
    expect(await handler(callOf(1), { getRemainingTimeInMillis: () => 100 })).toBe('saved');
  });

  it('takes schemas of zod/mini', async () => {
    const small = { id: 'load', input: mini.object({ n: mini.int() }), output: mini.object({ rows: mini.int() }) };
    const handler = wrapHandler(small, () => ({ rows: 1 }), portsFor());
    expect(await handler(callOf({ n: 1 }))).toStrictEqual({ rows: 1 });
    expect(await failureOf(handler(callOf({ n: 'x' })))).toBe(
      'Bunsui.InputInvalid: the input of load does not fit its schema: n: Invalid input: expected number, received string',
    );
  });

  it.each([
    ['nothing', undefined],
    ['a bare value', 'text'],
    ['an array', []],
    ['no envelope', { input: {} }],
    ['a hostile job', callOf(1, { job: '../../etc' })],
    ['another operation', callOf(1, { operation: 'other' })],
    ['a negative attempt', callOf(1, { attempt: -1 })],
    ['a text attempt', callOf(1, { attempt: '1' })],
    ['a fractional redrive', callOf(1, { redrive: 0.5 })],
    ['no execution', callOf(1, { execution: '' })],
    ['no time', callOf(1, { startedAt: 'today' })],
    ['a hostile session', callOf(1, { block: { session: '../x', createdAt: '2026-03-04T05:06:00Z', generation: 1 } })],
    ['a generation of 0', callOf(1, { block: { session: 's', createdAt: '2026-03-04T05:06:00Z', generation: 0 } })],
    ['an impossible day', callOf(1, { block: { session: 's', createdAt: '2026-99-04T05:06:00Z', generation: 1 } })],
  ])('refuses %s', async (_, event) => {
    const run = vi.fn(() => 1);
    expect(await failureOf(wrapHandler(anything, run, portsFor())(event))).toMatch(
      /^Bunsui\.InputInvalid: the call is not one of a pipeline: bunsui\./,
    );
    expect(run).not.toHaveBeenCalled();
  });
});

describe('what goes wrong in a handler', () => {
  it('refuses an input that does not fit, with path and reason of every issue, and does not run', async () => {
    const run = vi.fn(() => ({ rows: 1 }));
    const deep = { ...contract, input: z.object({ a: z.array(z.object({ b: z.int() })), c: z.string() }) };
    expect(await failureOf(wrapHandler(deep, run, portsFor())(callOf({ a: [{ b: 1 }, { b: 'x' }] })))).toBe(
      'Bunsui.InputInvalid: the input of load does not fit its schema: ' +
        'a[1].b: Invalid input: expected number, received string; c: Invalid input: expected string, received undefined',
    );
    expect(run).not.toHaveBeenCalled();
  });

  it('bounds the list of issues', async () => {
    const many = { ...contract, input: z.array(z.int()) };
    const message = await failureOf(runHandler(many, () => 1, Array(100).fill('x')));
    expect([message.split(';').length, message.endsWith('; 80 more')]).toStrictEqual([21, true]);
  });

  it.each([
    ['nothing', undefined, /the handler of load returned nothing/],
    ['a wrong shape', { rows: 'x' }, /the output of load does not fit its schema: rows: /],
  ])('refuses an output that is %s', async (_, output, message) => {
    const failure = await failureOf(wrapHandler(contract, () => output, portsFor())(callOf({ n: 1 })));
    expect(failure).toMatch(/^Bunsui\.OutputInvalid: /);
    expect(failure).toMatch(message);
  });

  const circular: { self?: unknown } = {};
  circular.self = circular;
  const deep = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)) as unknown;
  it.each([
    ['a date', { at: new Date(0) }, 'output.at is a Date'],
    ['a bigint', { n: [1n] }, 'output.n[0] is a bigint'],
    ['a function', () => 1, 'output is a function'],
    ['no number', { n: Number.NaN }, 'output.n is NaN'],
    ['a map', new Map(), 'output is a Map'],
    ['a hole', { list: [1, undefined] }, 'output.list[1] is undefined'],
    ['a circle', circular, 'output.self contains itself'],
    ['too deep to write', { deep }, 'Maximum call stack size exceeded'],
  ])('refuses an output that is %s', async (_, output, reason) => {
    const failure = await failureOf(wrapHandler(anything, () => output, portsFor())(callOf(1)));
    expect(failure).toBe(
      `Bunsui.OutputInvalid: the output of load is not JSON: ${reason}; return plain objects, lists, text, numbers and booleans only`,
    );
  });

  it('passes thrown errors on with their own name, and makes errors of other things', async () => {
    class Flaky extends Error {
      override readonly name = 'Flaky';
    }
    const throwing = (thrown: unknown) =>
      wrapHandler(
        anything,
        () => {
          throw thrown;
        },
        portsFor(),
      )(callOf(1));
    expect(await failureOf(throwing(new Flaky('once more')))).toBe('Flaky: once more');
    expect(await failureOf(throwing('text'))).toBe('Error: text');
    expect(await failureOf(throwing({ code: 7 }))).toBe('Error: { code: 7 }');
    expect(await failureOf(throwing(undefined))).toBe('Error: undefined');
    expect(await failureOf(runHandler(anything, () => Promise.reject(new Flaky('later')), 1))).toBe('Flaky: later');
  });
});

describe('the log of a job', () => {
  afterEach(() => vi.restoreAllMocks());

  it('writes a line at the start and at the end, and one per record between', async () => {
    const ports = portsFor();
    const handler = wrapHandler(
      contract,
      (_: unknown, { log }: HandlerContext) => {
        log.debug('not wanted by default');
        log.info('read', { rows: 3, session_id: 'forged', level: 'forged' });
        log.warn('slow');
        log.error('odd', { error: Object.assign(new RangeError('far'), { stack: 'stack' }) });
        return { rows: 3 };
      },
      ports,
    );
    await handler(callOf({ n: 1 }), { awsRequestId: 'r1' });
    const at = {
      timestamp: new Date(nowMs).toISOString(),
      session_id: 's1',
      job_id: 'load',
      operation_id: 'load',
      attempt: 1,
      request_id: 'r1',
    };
    expect(ports.lines.map((line) => JSON.parse(line))).toStrictEqual([
      { ...at, level: 'INFO', message: 'job started' },
      { ...at, level: 'INFO', message: 'read', rows: 3 },
      { ...at, level: 'WARNING', message: 'slow' },
      { ...at, level: 'ERROR', message: 'odd', error: { name: 'RangeError', message: 'far', stack: 'stack' } },
      { ...at, level: 'INFO', message: 'job completed', duration_ms: 0 },
    ]);
    expect(Object.keys(JSON.parse(ports.lines[0] ?? '{}')).slice(0, 7)).toStrictEqual([
      'timestamp',
      'level',
      'message',
      'session_id',
      'job_id',
      'operation_id',
      'attempt',
    ]);
  });

  it('writes how an attempt failed', async () => {
    const ports = portsFor();
    await failureOf(wrapHandler(contract, () => undefined, ports)(callOf({ n: 1 })));
    const last = JSON.parse(ports.lines.at(-1) ?? '{}') as { level: string; message: string; error: { name: string } };
    expect([last.level, last.message, last.error.name]).toStrictEqual(['ERROR', 'job failed', 'Bunsui.OutputInvalid']);
  });

  it('turns the console into records while the handler runs, and gives it back', async () => {
    const ports = portsFor();
    const before = [console.log, console.info, console.warn, console.error, console.debug];
    const handler = wrapHandler(
      anything,
      async () => {
        console.log('%s rows', 3, { a: 1 });
        console.warn('two\nlines\r\u001b[31m\u2028\u009b');
        await Promise.resolve();
        console.error(new Error('odd').message);
        throw new Error('after all');
      },
      { ...ports, environment: { ...ports.environment, BUNSUI_LOG_LEVEL: 'debug' } },
    );
    await failureOf(handler(callOf(1)));
    expect([console.log, console.info, console.warn, console.error, console.debug]).toStrictEqual(before);
    const records = ports.lines.map((line) => JSON.parse(line) as { level: string; message: string });
    expect(records.slice(1, 4).map(({ level, message }) => [level, message])).toStrictEqual([
      ['INFO', '3 rows { a: 1 }'],
      ['WARNING', 'two\nlines\r\u001b[31m\u2028\u009b'],
      ['ERROR', 'odd'],
    ]);
    expect(ports.lines.filter((line) => /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(line))).toStrictEqual([]);
  });

  it('keeps two handlers that overlap apart and restores the console after both', async () => {
    const before = console.log;
    const [one, two] = [portsFor(), portsFor()];
    const gates = [Promise.withResolvers<number>(), Promise.withResolvers<number>()] as const;
    const first = wrapHandler(anything, () => gates[0].promise, one)(callOf(1));
    const second = wrapHandler(anything, () => gates[1].promise, two)(callOf(1));
    gates[0].resolve(1);
    await first;
    console.log('for the second');
    gates[1].resolve(2);
    await second;
    expect([one.lines.length, two.lines.length, console.log === before]).toStrictEqual([2, 3, true]);
  });

  it('bounds what one record holds, and bears fields that JSON cannot', async () => {
    const ports = portsFor();
    const handler = wrapHandler(
      anything,
      (_: unknown, { log }: HandlerContext) => {
        log.info('x'.repeat(10_000_000), { big: 'y'.repeat(100_000), n: 1n, none: undefined });
        return 1;
      },
      ports,
    );
    await handler(callOf(1));
    const record = JSON.parse(ports.lines[1] ?? '{}') as Record<string, string>;
    expect(record['message']).toBe(`${'x'.repeat(32_768)}… (${10_000_000 - 32_768} more characters)`);
    expect([record['big']?.length, record['n'], record['none']]).toStrictEqual([32_768 + 25, '1n', 'undefined']);
  });

  it('writes only what the level variable asks for', async () => {
    const ports = portsFor();
    const quiet = { ...ports, environment: { BUNSUI_LOG_LEVEL: 'ERROR' } };
    await wrapHandler(anything, () => 1, quiet)(callOf(1));
    expect(ports.lines).toStrictEqual([]);
  });

  it('writes to standard output by default', async () => {
    const written: string[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
      written.push(String(chunk));
      return true;
    });
    await wrapHandler(anything, () => 1)(callOf(1));
    vi.restoreAllMocks();
    expect(written.map((line) => (JSON.parse(line) as { message: string }).message)).toStrictEqual([
      'job started',
      'job completed',
    ]);
    expect(written.every((line) => line.endsWith('\n'))).toBe(true);
  });
});

describe('a handler called directly', () => {
  it('sees a context of its own, with what the caller overrides', async () => {
    const written: unknown[][] = [];
    const spies = (['debug', 'info', 'warn', 'error'] as const).map((level) =>
      vi.spyOn(console, level).mockImplementation((...values) => void written.push([level, ...values])),
    );
    const seen = await runHandler(
      anything,
      (_: unknown, { log, checkpoint: __, checkpointed: ___, ...context }: HandlerContext) => {
        log.debug('d');
        log.info('i', { a: 1 });
        log.warn('w');
        log.error('e');
        return { ...context, signal: context.signal.aborted, remainingTimeMs: String(context.remainingTimeMs()) };
      },
      1,
      { attempt: 2 },
    ).catch((error: Error) => error.message);
    for (const spy of spies) spy.mockRestore();
    expect(seen).toStrictEqual({
      session: 'local',
      job: 'load',
      attempt: 2,
      operation: 'load',
      generation: 1,
      idempotencyKey: 'local/1/load',
      signal: false,
      remainingTimeMs: 'Infinity',
    });
    expect(written).toStrictEqual([
      ['debug', 'd'],
      ['info', 'i', { a: 1 }],
      ['warn', 'w'],
      ['error', 'e'],
    ]);
  });
});
