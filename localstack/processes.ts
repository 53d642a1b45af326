/** Processes and those that they have started: who they are, and how all of them are ended. */
import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';

export interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** Every process of this machine that still runs. */
export async function listProcesses(): Promise<readonly Process[]> {
  const text = await new Promise<string>((done, fail) => {
    execFile('ps', ['-e', '-o', 'pid=,ppid=,stat=,command='], { maxBuffer: 64 * 1024 * 1024 }, (error, stdout) =>
      error === null ? done(stdout) : fail(error),
    );
  });
  return text.split('\n').flatMap((line) => {
    const [, pid, parent, state = '', command = ''] = /^ *(\d+) +(\d+) +(\S+) +(.*)$/.exec(line) ?? [];
    // A zombie has ended; only its parent has not asked yet.
    return pid === undefined || state.startsWith('Z') ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
  });
}

/** A process with all that it has started, and what those have started. */
export function familyOf(pid: number, all: readonly Process[]): readonly Process[] {
  const family = all.filter((one) => one.pid === pid);
  for (const member of family) family.push(...all.filter((one) => one.parent === member.pid && !family.includes(one)));
  return family;
}

/** Numbers of processes are used again: the same process has the same number and command. */
async function stillRunning(family: readonly Process[]): Promise<readonly Process[]> {
  const all = await listProcesses();
  return family.filter(({ pid, command }) => all.some((one) => one.pid === pid && one.command === command));
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/**
 * Ends a process and all that it has started: asks the process, which ends the others, and after `patienceMs` or when it
 * has left some behind, kills what is left.
 *
 * @returns the commands that had to be killed.
 */
export async function endFamily(pid: number, patienceMs = 20_000): Promise<readonly string[]> {
  const family = familyOf(pid, await listProcesses());
  if (family.length === 0) return [];
  signal(pid, 'SIGTERM');
  const deadline = Date.now() + patienceMs;
  while (Date.now() < deadline && (await stillRunning(family.slice(0, 1))).length > 0) await pause(100);
  // What it asked to end may need a moment more.
  for (let asked = 0; asked < 50 && (await stillRunning(family)).length > 0; asked += 1) await pause(100);
  const left = await stillRunning(family);
  for (const { pid: one } of left) signal(one, 'SIGKILL');
  // A busy machine takes its time to end even who is killed.
  for (let asked = 0; asked < 50 && (await stillRunning(left)).length > 0; asked += 1) await pause(100);
  return left.map(({ command }) => command);
}
