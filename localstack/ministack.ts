/**
 * MiniStack as a process of this machine: a second endpoint beside LocalStack, which only stores schedules. This one
 * fires them. Installed once into `.localstack/ministack/`, 78 MB; a run is in memory and gone with its process.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { home, sources } from './places.ts';
import { endFamily } from './processes.ts';
import { findPython, SetupError } from './programs.ts';
import { freePort } from './server.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface MiniStack {
  readonly endpoint: string;
  /** Path of the Python that it runs with. */
  readonly python: string;
  /** Ends its processes and removes its files. @returns the commands that had to be killed */
  end(): Promise<readonly string[]>;
}

const folder = join(home, 'ministack');
const python = join(folder, 'venv/bin/python');
const stampFile = join(folder, 'stamp.json');
const requirements = join(sources, 'ministack-requirements.txt');
const patienceMs = 120_000;

/** Installs it unless the same pins have been installed with the same Python. */
async function install(environment: Environment): Promise<void> {
  const found = await findPython(environment);
  const pins = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex');
  const stamp = `${JSON.stringify({ pins, ...found })}\n`;
  if ((await readFile(stampFile, 'utf8').catch(() => '')) === stamp) return;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await run(found.path, ['-m', 'venv', join(folder, 'venv')]);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  await run(python, [...pip, '--requirement', requirements]);
  // Last: an installation without a stamp is not used again.
  await writeFile(stampFile, stamp);
}

async function run(file: string, args: readonly string[]): Promise<void> {
  const child = spawn(file, [...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let printed = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed = (printed + text).slice(-4_000);
  });
  const status = await new Promise<number | null>((done, fail) => child.on('close', done).on('error', fail));
  if (status !== 0) throw new SetupError(`${file} ${args.join(' ')} failed (${status ?? 'killed'}):\n${printed}`);
}

/**
 * Starts MiniStack on a free port of 127.0.0.1 and waits until it answers.
 *
 * @throws {SetupError} when there is no Python for it, pip fails, or it does not answer within half a minute.
 */
export async function startMiniStack(environment: Environment): Promise<MiniStack> {
  await install(environment);
  // Outside of the project, whose packages functions must not find.
  const temporary = await mkdtemp(join(tmpdir(), 'bunsui-ministack-'));
  const logFile = join(temporary, 'ministack.log');
  const log = openSync(logFile, 'w');
  const port = await freePort();
  const child = spawn(python, ['-m', 'ministack'], {
    cwd: temporary,
    env: {
      ...environment,
      // It runs functions with the first `node` there is.
      PATH: `${dirname(process.execPath)}:${environment['PATH'] ?? ''}`,
      TMPDIR: temporary,
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      AWS_ENDPOINT_URL: '',
    },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const failed = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code) => resolve(`it ended with ${code}`));
  });
  const endpoint = `http://127.0.0.1:${port}`;
  const stack: MiniStack = {
    endpoint,
    python,
    async end() {
      const killed = await endFamily(child.pid ?? -1, 5_000);
      await rm(temporary, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
      return killed;
    },
  };
  const late = pause(patienceMs, 'it does not answer', { ref: false });
  const why = await Promise.race([failed, late, answering(endpoint)]);
  if (why === undefined) return stack;
  const printed = (await readFile(logFile, 'utf8')).slice(-2_000);
  await stack.end();
  throw new SetupError(`MiniStack does not start: ${why}\n${printed}`);
}

async function answering(endpoint: string): Promise<undefined> {
  for (;;) {
    const health = await fetch(`${endpoint}/_ministack/health`, { signal: AbortSignal.timeout(1_000) }).catch(
      () => undefined,
    );
    if (health?.ok === true) return undefined;
    await pause(50);
  }
}
