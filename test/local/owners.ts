/** Runtimes in processes of their own, also inside a file system that the test makes up. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { Runtime } from '../../lib/local/runtime.ts';

export interface OwnerProcess {
  readonly child: ChildProcess;
  readonly opened: Omit<Runtime, 'resumeExecutions' | 'close'>;
  /** Ends it without a word. */
  kill(): Promise<void>;
  /** Closes the runtime and ends. */
  close(): Promise<void>;
}

export interface OwnerFailure {
  readonly failed: { readonly code: string; readonly message: string; readonly hint?: string };
}

const script = fileURLToPath(new URL('./owner-process.ts', import.meta.url));

/**
 * Opens a runtime in another process.
 *
 * @param shell Commands to run before, in a shell that then becomes the process; in user and mount namespaces of
 * their own when `namespace` is set, so that they can mount.
 */
export async function openInProcess(
  stateDir: string,
  before: { readonly shell?: string; readonly namespace?: true } = {},
): Promise<OwnerProcess | OwnerFailure> {
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', script, stateDir];
  const line = [...(before.shell === undefined ? [] : [before.shell]), `exec ${command.map(quoted).join(' ')}`].join(
    ' && ',
  );
  const whole = ['sh', '-c', line];
  const [file = '', ...args] = before.namespace ? ['unshare', '--user', '--map-root-user', '--mount', ...whole] : whole;
  const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const [message] = (await Promise.race([once(child, 'message'), exited])) as [unknown];
  if (typeof message !== 'object' || message === null) throw new Error(`the process ended with ${String(message)}`);
  if ('failed' in message) return message as OwnerFailure;
  const { opened } = message as { opened: OwnerProcess['opened'] };
  return {
    child,
    opened,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    async close() {
      child.send('close');
      await exited;
    },
  };
}

/** Opens a runtime in another process, which must succeed. */
export async function ownerProcess(...parameters: Parameters<typeof openInProcess>): Promise<OwnerProcess> {
  const result = await openInProcess(...parameters);
  if ('failed' in result) throw new Error(`${result.failed.code}: ${result.failed.message}`);
  return result;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
