/**
 * LocalStack as processes of this machine. Each run has a folder and a file system of its own, so several can run at
 * once; its state is in memory and gone with it. It listens on 127.0.0.1 alone.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { installation, type RunPlaces, runPlaces, runsFolder } from './places.ts';
import { endFamily, listProcesses } from './processes.ts';
import { SetupError } from './programs.ts';

/** A LocalStack that runs. */
export interface Run {
  readonly name: string;
  readonly pid: number;
  readonly endpoint: string;
  /** What it has printed. */
  readonly log: string;
  /** Who called what, a JSON line each: see the plugin's `recorder.py`. */
  readonly calls: string;
  /** Its temporary files, the code of functions among them: outside of the project, whose packages they must not find. */
  readonly temporary: string;
  /** The process that this run ends with; none for a run that was started to stay. */
  readonly tiedTo?: number;
}

const module = 'localstack.runtime.main';
const healthPatienceMs = 180_000;

/** Environment variables for clients of a run: the AWS CLI, CDK, the SDK. The credentials mean nothing. */
export function clientEnvironment(run: Run): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: run.endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  };
}

/** A port of 127.0.0.1 that nobody has: the preferred one, or any. */
export async function freePort(preferred = 0): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' && preferred !== 0 ? done(freePort()) : fail(error),
    );
    server.listen(preferred, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null ? done(address.port) : fail(new Error('no port')),
      );
    });
  });
}

/**
 * Starts LocalStack and waits until it answers.
 *
 * @param options.tied whether it is to end with this process: see `serve.ts`
 * @throws {SetupError} with the end of its log when it ends or does not answer within a minute.
 */
export async function startRun(options: {
  readonly name: string;
  readonly port: number;
  readonly tied: boolean;
}): Promise<Run> {
  const { name, port } = options;
  const places = runPlaces(name);
  await rm(places.folder, { recursive: true, force: true });
  for (const [target, place] of [
    [installation.lib, 'var/lib/localstack/lib'],
    [installation.staticLib, 'usr/lib/localstack'],
  ] as const) {
    const link = join(places.fileSystem, place);
    await mkdir(dirname(link), { recursive: true });
    await symlink(target, link);
  }
  const temporary = await mkdtemp(join(tmpdir(), 'bunsui-localstack-'));
  const log = openSync(places.log, 'w');
  const child = spawn(installation.python, ['-m', module], {
    cwd: places.folder,
    env: { ...process.env, ...settings(places, temporary, port) },
    stdio: ['ignore', log, log],
    // A group of its own: Ctrl-C in a terminal reaches who started it, and that one ends it in order.
    detached: true,
  });
  closeSync(log);
  child.unref();
  let ended = false;
  child.once('error', () => {
    ended = true;
  });
  child.once('exit', () => {
    ended = true;
  });
  const run: Run = {
    name,
    pid: child.pid ?? -1,
    endpoint: `http://127.0.0.1:${port}`,
    log: places.log,
    calls: places.calls,
    temporary,
    ...(options.tied ? { tiedTo: process.pid } : {}),
  };
  await writeFile(places.record, JSON.stringify(run));
  const deadline = Date.now() + healthPatienceMs;
  while (!(await answers(run.endpoint))) {
    if (ended || Date.now() > deadline) {
      const printed = (await readFile(places.log, 'utf8')).split('\n').slice(-25).join('\n');
      await endRun(run, { keepLog: true });
      throw new SetupError(`LocalStack ${ended ? 'ended' : 'does not answer'}; the end of ${places.log}:\n${printed}`);
    }
    await pause(100);
  }
  return run;
}

function settings({ fileSystem, calls }: RunPlaces, temporary: string, port: number): Record<string, string> {
  return {
    // Without these it would write to system folders when it finds itself in a container.
    OVERRIDE_IN_DOCKER: '0',
    FILESYSTEM_ROOT: fileSystem,
    TMPDIR: temporary,
    GATEWAY_LISTEN: `127.0.0.1:${port}`,
    LOCALSTACK_HOST: `127.0.0.1:${port}`,
    // Nothing is fetched or reported by itself.
    SKIP_SSL_CERT_DOWNLOAD: '1',
    DISABLE_EVENTS: '1',
    DNS_ADDRESS: '0',
    // Lambda asks queues without a pause; LocalStack would let one wait for ten seconds that was empty for a while.
    LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC: '1',
    LAMBDA_RUNTIME_EXECUTOR: 'host',
    LAMBDA_HOST_NODE: process.execPath,
    LAMBDA_HOST_CALLS: calls,
    // How often CloudFormation asks whether a resource is there before it begins to wait a second each time.
    CFN_NO_WAIT_ITERATIONS: '100',
    // DynamoDB and JSONata live for a minute: a compiler that optimises for hours costs more than it brings.
    JAVA_TOOL_OPTIONS: '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC',
    // What the caller's shell says about AWS is not for the services.
    AWS_ENDPOINT_URL: '',
  };
}

async function answers(endpoint: string): Promise<boolean> {
  const health = await fetch(`${endpoint}/_localstack/health`, { signal: AbortSignal.timeout(1_000) }).catch(
    () => undefined,
  );
  return health?.ok === true;
}

/** The run of that name, if it still runs. */
export async function findRun(name: string): Promise<Run | undefined> {
  const text = await readFile(runPlaces(name).record, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const run = JSON.parse(text) as Run;
  const processes = await listProcesses();
  return processes.some(({ pid, command }) => pid === run.pid && command.includes(module)) ? run : undefined;
}

/** Ends every process of a run and removes its files, but for the log if that is to be kept. */
export async function endRun(run: Run, options: { readonly keepLog: boolean }): Promise<void> {
  await endFamily(run.pid);
  const { folder, record, fileSystem } = runPlaces(run.name);
  for (const path of [run.temporary, ...(options.keepLog ? [record, fileSystem] : [folder])]) {
    // A process that was just killed may still be writing.
    await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** Ends runs that were tied to a process which was killed before it could end them. */
export async function endOrphans(): Promise<void> {
  const alive = new Set((await listProcesses()).map(({ pid }) => pid));
  for (const name of await readdir(runsFolder).catch(() => [])) {
    const run = await findRun(name);
    if (run?.tiedTo !== undefined && !alive.has(run.tiedTo)) await endRun(run, { keepLog: false });
  }
}
