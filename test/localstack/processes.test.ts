import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { manifestText } from '../../localstack/install.ts';
import { endFamily, familyOf, listProcesses } from '../../localstack/processes.ts';
import { freePort } from '../../localstack/server.ts';
import { requireNothingLeftOut } from './harness.ts';

/** Starts a process that starts another one, and hears nothing of SIGTERM if it is stubborn; tells both numbers. */
async function parentAndChild(stubborn: boolean): Promise<readonly [number, number]> {
  const script = `
    const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)']);
    process.on('SIGTERM', () => ${stubborn} || (child.kill(), child.once('exit', () => process.exit())));
    child.once('spawn', () => console.log(process.pid + ' ' + child.pid));
  `;
  const parent = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void parent.kill('SIGKILL'));
  const [line] = (await once(createInterface(parent.stdout), 'line')) as [string];
  const [first = 0, second = 0] = line.split(' ').map(Number);
  return [first, second];
}

const alive = async (pids: readonly number[]) =>
  (await listProcesses()).filter(({ pid }) => pids.includes(pid)).map(({ pid }) => pid);

describe('a process and what it has started', () => {
  it('are found through all generations', () => {
    const of = (pid: number, parent: number) => ({ pid, parent, command: `c${pid}` });
    const all = [of(1, 0), of(2, 1), of(3, 2), of(4, 1), of(5, 3), of(6, 4)];
    expect(familyOf(2, all).map(({ pid }) => pid)).toStrictEqual([2, 3, 5]);
    expect(familyOf(7, all)).toStrictEqual([]);
  });

  it('end together when they are asked', async () => {
    const pids = await parentAndChild(false);
    expect(await alive(pids)).toHaveLength(2);
    expect(await endFamily(pids[0])).toStrictEqual([]);
    expect(await alive(pids)).toStrictEqual([]);
  });

  it('are killed together when they do not', async () => {
    const pids = await parentAndChild(true);
    expect(await endFamily(pids[0], 200)).toHaveLength(2);
    expect(await alive(pids)).toStrictEqual([]);
    expect(await endFamily(pids[0])).toStrictEqual([]);
  });
});

describe('a free port', () => {
  it('is the preferred one unless somebody has it', async () => {
    const port = await freePort();
    expect(await freePort(port)).toBe(port);
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const other = await freePort(port);
    expect([other > 0, other !== port]).toStrictEqual([true, true]);
  });
});

describe('the jar that starts DynamoDB Local', () => {
  it('names the others in lines of at most 72 bytes', () => {
    const paths = Array.from({ length: 40 }, (_, index) => `DynamoDBLocal_lib/some-library-${index}.jar`);
    const text = manifestText(paths);
    expect(Math.max(...text.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(72);
    expect(text.endsWith('\r\n\r\n')).toBe(true);
    expect(text.replaceAll('\r\n ', '').split('\r\n')[2]).toBe(`Class-Path: ${paths.join(' ')}`);
  });
});

describe('a deployment', () => {
  it('fails when LocalStack has left out a resource that no test answers for', () => {
    const line = (type: string) => `2026-01-01 WARN --- : No resource provider found for "${type}"\n`;
    expect(() => requireNothingLeftOut('all is well')).not.toThrow();
    expect(() => requireNothingLeftOut(`${line('Custom::Thing')}${line('Custom::Thing')}${line('AWS::X::Y')}`)).toThrow(
      'LocalStack has made nothing for Custom::Thing, AWS::X::Y, though it says it has',
    );
  });
});
