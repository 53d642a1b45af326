import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dueRange } from '../../lib/cli/due-range.ts';
import { bunsui, plainEnvironment, program } from './command-line.ts';

const folder = mkdtempSync(join(tmpdir(), 'bunsui-schedules-'));
const stateDir = join(folder, 'state');
const cwd = fileURLToPath(new URL('bell/', import.meta.url));
const here = ['--state-dir', stateDir];
interface Line {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** `schedule start` in a process of its own, whose lines can be awaited. */
function foreground(args: readonly string[], place: readonly string[] = here) {
  const child = spawn(process.execPath, [program, 'schedule', 'start', ...args, '--json', ...place], {
    cwd,
    env: plainEnvironment(),
  });
  const lines: Line[] = [];
  let said = '';
  let more = Promise.withResolvers<void>();
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts.map((line) => JSON.parse(line) as Line));
    more.resolve();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    more.resolve();
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    async line(fits: (line: Line) => boolean): Promise<Line> {
      for (;;) {
        const found = lines.find(fits);
        if (found !== undefined) return found;
        if (child.exitCode !== null) throw new Error(`it has ended: ${said}`);
        more = Promise.withResolvers<void>();
        await Promise.race([more.promise, ended]);
      }
    },
    async says(text: string): Promise<void> {
      while (!said.includes(text)) {
        if (child.exitCode !== null) throw new Error(`it has ended: ${said}`);
        more = Promise.withResolvers<void>();
        await Promise.race([more.promise, ended]);
      }
    },
    async end(signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
      child.kill(signal);
      return ended;
    },
  };
}

let front: ReturnType<typeof foreground>;
beforeAll(() => {
  front = foreground(['bell.ts', 'echo.ts']);
});
afterAll(async () => {
  await front.end('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

describe('schedules on this machine', { timeout: 60_000 }, () => {
  it('fire, and the success of one pipeline starts the other', async () => {
    const firing = await front.line(({ firing: what }) => what === 'bell.often');
    expect(firing).toMatchObject({ v: 1, type: 'firing', outcome: 'created', scheduled: expect.stringMatching(/Z$/) });
    const ended = await front.line(({ type, session }) => type === 'session.ended' && session === firing['session']);
    expect(ended).toMatchObject({ firing: 'bell.often', status: 'completed' });
    const echo = await front.line(({ firing: what }) => what === 'echo.bell');
    expect(echo).toMatchObject({ type: 'firing', outcome: 'created' });
    const shown = await bunsui(['session', 'show', String(echo['session']), '--json', ...here], { cwd });
    expect(JSON.parse(shown.out)).toMatchObject({ trigger: { kind: 'event', chain: 1 } });
  });

  it('and an object that is put into a bucket', async () => {
    const { port, ...credentials } = JSON.parse(readFileSync(join(stateDir, 'runtime.json'), 'utf8'));
    const endpoint = `http://127.0.0.1:${port}`;
    const s3 = new S3Client({ endpoint, region: 'us-east-1', credentials, forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: 'incoming' }));
    await s3.send(new PutObjectCommand({ Bucket: 'incoming', Key: 'in/day.csv', Body: 'x' }));
    const firing = await front.line(({ firing: what }) => what === 'bell.s3');
    const ended = await front.line(({ type, session }) => type === 'session.ended' && session === firing['session']);
    expect(ended['status']).toBe('completed');
  });

  it('are listed with their next times, in their zones, and what clocks do to them', async () => {
    const listed = await bunsui(['schedule', 'list', '--next', '2', ...here], { cwd });
    expect([listed.code, listed.err]).toStrictEqual([0, '']);
    const lines = listed.out.split('\n');
    expect(lines[0]).toMatch(/^SCHEDULE +WHEN +ZONE +NEXT$/);
    expect(lines[1]).toMatch(
      /^bell\.nightly {2}cron\(30 2 \* \* \? \*\) {2}America\/New_York {2}\d{4}-\d\d-\d\d 02:30 -0[45]:00$/,
    );
    expect(lines[2]).toMatch(/^ +\d{4}-\d\d-\d\d 0[23]:30 -0[45]:00$/);
    expect(lines[3]).toMatch(/^bell\.often {4}rate\(1 minute\) {6}UTC {15}\d{4}-\d\d-\d\d \d\d:\d\d Z$/);
    expect(lines.at(-2)).toMatch(
      /^bell\.nightly in America\/New_York: clocks skip \d{4}-\d\d-\d\d 02:30, and so does it$/,
    );
    const json = (await bunsui(['schedule', 'list', '--json', ...here], { cwd })).out.trim().split('\n');
    expect(json.map((line) => JSON.parse(line))).toMatchObject([
      {
        type: 'schedule',
        id: 'bell.nightly',
        enabled: true,
        clocks: [{ kind: 'skipped' }],
        next: [{}, {}, {}].map(() => expect.any(String)),
      },
      { type: 'schedule', id: 'bell.often', expression: 'rate(1 minute)', clocks: [] },
    ]);
  });

  it('are disabled and enabled, by their names', async () => {
    const off = await bunsui(['schedule', 'disable', 'bell.often', ...here], { cwd });
    expect([off.code, off.out]).toStrictEqual([0, 'bell.often is disabled\n']);
    expect((await bunsui(['schedule', 'disable', 'bell.often', ...here], { cwd })).out).toBe(
      'bell.often is disabled, as it was\n',
    );
    const one = await bunsui(['schedule', 'enable', 'bell', ...here], { cwd });
    expect([one.code, one.err]).toStrictEqual([
      5,
      'error[BS3007]: pipeline "bell" has 2 schedules\n  = help: name one of bell.nightly, bell.often\n',
    ]);
    const unknown = await bunsui(['schedule', 'enable', 'bel.often', ...here], { cwd });
    expect([unknown.code, unknown.err]).toStrictEqual([
      5,
      'error[BS3007]: there is no schedule "bel.often"\n  = help: did you mean "bell.often"?\n',
    ]);
  });

  it('are backfilled: one session for each due time, and none again', async () => {
    const nightly = ['schedule', 'backfill', 'bell', '--schedule', 'nightly', ...here];
    // Clocks skip the time of the fourteenth.
    const first = await bunsui([...nightly, '--from', '2027-03-13', '--to', '2027-03-15', '--parallel', '2'], { cwd });
    expect([first.code, first.err]).toStrictEqual([0, 'bell.nightly: 2 due times, 2 at once\n']);
    expect(first.out).toMatch(/^2027-03-13 02:30 -05:00 {2}\w{26} {2}completed$/m);
    expect(first.out).toMatch(/^2 due, 2 completed$/m);
    const again = await bunsui([...nightly, '--from', '2027-03-15', '--to', '2027-03-16T12:00:00Z', '--json'], { cwd });
    expect(
      again.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { type: 'backfill.session', scheduled: '2027-03-15T06:30:00.000Z', status: 'completed', outcome: 'exists' },
      { type: 'backfill.session', scheduled: '2027-03-16T06:30:00.000Z', status: 'completed', outcome: 'created' },
      { type: 'backfill.ended', due: 2, completed: 2, not_completed: 0, existed: 1 },
    ]);
    const lost = await bunsui(['schedule', 'backfill', 'bell', '--from', '2027-03-15', '--to', '2027-03-16', ...here], {
      cwd,
    });
    expect([lost.code, lost.err]).toStrictEqual([
      5,
      'error[BS3007]: pipeline "bell" has 2 schedules\n  = help: --schedule takes nightly, often\n',
    ]);
    const none = await bunsui(['schedule', 'backfill', 'echo', '--from', '2027-03-15', '--to', '2027-03-16', ...here], {
      cwd,
    });
    expect([none.code, none.err.split('\n')[0]]).toStrictEqual([5, 'error[BS3007]: pipeline "echo" has no schedule']);
  });

  it('wait for another process that works with the same folder, and end when they are asked to', async () => {
    const second = foreground(['bell.ts']);
    await second.says('waiting for its end');
    expect(await front.end('SIGINT')).toBe(130);
    // What was disabled stays so when it is deployed again.
    expect(await second.line(({ type }) => type === 'schedules.firing')).toMatchObject({
      schedules: [
        { id: 'bell.nightly', enabled: true },
        { id: 'bell.often', enabled: false },
      ],
    });
    expect(await second.end('SIGTERM')).toBe(143);
  });

  it('are none where nothing was deployed, and a file with mistakes starts nothing', async () => {
    const empty = await bunsui(['schedule', 'list', '--state-dir', join(folder, 'none')], { cwd });
    expect([empty.code, empty.out, empty.err]).toStrictEqual([0, '', 'no pipeline that is deployed has a schedule\n']);
    const missing = await bunsui(['schedule', 'start', 'none.ts', ...here], { cwd });
    expect(missing.code).toBe(5);
  });
});

describe('a pipeline that never runs twice at once', { timeout: 60_000 }, () => {
  const state = ['--state-dir', join(folder, 'overlap')];
  const run = (file: string, ms: number) => bunsui(['run', file, '-p', `ms=${ms}`, '--json', ...state], { cwd });
  const typesOf = (out: string) =>
    out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as Line).type);
  /** The second is started while the first one runs. */
  async function both(file: string) {
    const first = run(file, 6000);
    for (let running = ''; !running.includes('running'); ) {
      running = (await bunsui(['session', 'list', '--json', '--status', 'running', ...state], { cwd })).out;
    }
    return [await run(file, 0), await first] as const;
  }

  it('makes the next run wait', async () => {
    const [second, first] = await both('queued.ts');
    expect([first.code, second.code, typesOf(second.out).at(-1)]).toStrictEqual([0, 0, 'session.ended']);
    expect(second.err).toMatch(/^session \w{26} waits until no other session of its pipeline runs$/m);
  });

  it('goes on with what was interrupted before it fires', async () => {
    const bare = ['--state-dir', join(folder, 'interrupted')];
    const child = spawn(process.execPath, [program, 'run', 'queued.ts', '-p', 'ms=2000', '--json', ...bare], {
      cwd,
      env: plainEnvironment(),
    });
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (text: Buffer) => {
        if (text.toString().includes('job.started')) resolve();
      });
    });
    child.kill('SIGKILL');
    const next = foreground(['queued.ts'], bare);
    const { session } = await next.line(({ type }) => type === 'session.resumed');
    expect(await next.line(({ type }) => type === 'session.ended')).toMatchObject({ session, status: 'completed' });
    expect(await next.end('SIGINT')).toBe(130);
  });

  it('or drops it, and says so', async () => {
    const [second, first] = await both('skipping.ts');
    expect([first.code, second.code]).toStrictEqual([0, 6]);
    expect(second.err).toMatch(
      /error\[BS3005\]: session \w{26} was dropped: session \w{26} of this pipeline ran already/,
    );
  });
});

describe('the span of a backfill', () => {
  const span = (from: string, to: string, zone = 'UTC') => {
    const { fromMs, untilMs } = dueRange(from, to, zone);
    return [new Date(fromMs).toISOString(), new Date(untilMs).toISOString()];
  };
  it('is days of the zone, both included, or moments', () => {
    expect(span('2026-11-01', '2026-11-01', 'America/New_York')).toStrictEqual([
      '2026-11-01T04:00:00.000Z',
      '2026-11-02T05:00:00.000Z',
    ]);
    expect(span('2026-11-01T06:00+09:00', '2026-11-01T00:00:00Z')).toStrictEqual([
      '2026-10-31T21:00:00.000Z',
      '2026-11-01T00:00:00.000Z',
    ]);
    // Midnight is skipped there: the day begins an hour later.
    expect(span('2027-09-05', '2027-09-05', 'America/Santiago')[0]).toBe('2027-09-05T04:00:00.000Z');
  });
  it.each(['2026-02-30', 'tomorrow', '2026-11-01T06:00', ''])('is not %j', (text) => {
    expect(() => dueRange(text, '2030-01-01', 'UTC')).toThrow(`--from is "${text}", which is no day or moment`);
  });
  it('does not end before it begins', () => {
    expect(() => dueRange('2026-11-02', '2026-11-01', 'UTC')).toThrow('--to 2026-11-01 is not after --from 2026-11-02');
  });
});
