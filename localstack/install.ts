/**
 * Installs LocalStack without Docker: Python packages through pip, Java parts through Maven, each with whatever
 * configuration the client has. About a minute and 550 MB; what has been installed from the same pins is used again.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { home, installation, sources } from './places.ts';
import { findPrograms, type Programs, SetupError } from './programs.ts';

/** Says what takes long, a line each. */
export type Tell = (line: string) => void;

/**
 * Installs what is missing.
 *
 * @param signal ends what is being run; what was begun is begun anew the next time.
 * @throws {SetupError} when a program is missing, or pip or Maven fails.
 */
export async function install(
  environment: Readonly<Record<string, string | undefined>>,
  tell: Tell,
  signal?: AbortSignal,
): Promise<void> {
  const programs = await findPrograms(environment);
  const stamp = await stampOf(programs);
  const isInstalled = async () => (await readFile(installation.stamp, 'utf8').catch(() => '')) === stamp;
  if (await isInstalled()) return;
  await using _lock = await aloneHere(tell, signal);
  if (await isInstalled()) return;
  tell(`installing LocalStack with Python ${programs.pythonVersion}: about a minute, 550 MB under .localstack/`);
  await rm(installation.folder, { recursive: true, force: true });
  await mkdir(installation.lib, { recursive: true });
  await Promise.all([installPython(programs, signal), installJava(programs, signal)]);
  // Last: an installation without a stamp is not used again.
  await writeFile(installation.stamp, stamp);
}

/** Waits until nobody else installs: two at once would remove each other's files. */
async function aloneHere(tell: Tell, signal: AbortSignal | undefined): Promise<AsyncDisposable> {
  await mkdir(home, { recursive: true });
  for (let told = false; ; ) {
    const taken = await writeFile(installation.lock, String(process.pid), { flag: 'wx' }).then(
      () => true,
      () => false,
    );
    if (taken) return { [Symbol.asyncDispose]: () => rm(installation.lock, { force: true }) };
    const holder = Number(await readFile(installation.lock, 'utf8').catch(() => ''));
    // Nobody empties it: whoever was killed has left it.
    if (holder > 0 && !isAlive(holder)) await rm(installation.lock, { force: true });
    if (!told) tell(`process ${holder} installs LocalStack; waiting for it`);
    told = true;
    await pause(250, undefined, signal === undefined ? {} : { signal });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** What decides what is installed: another of any of these is another installation. */
async function stampOf({ python, pythonVersion, javaHome }: Programs): Promise<string> {
  const plugin = join(sources, 'plugin/localstack_host_executor');
  const files = ['requirements.txt', 'pom.xml', 'plugin/pyproject.toml'].map((name) => join(sources, name));
  const modules = (await readdir(plugin)).filter((name) => /\.(py|mjs)$/.test(name)).sort();
  const hash = createHash('sha256');
  for (const file of [...files, ...modules.map((name) => join(plugin, name))]) hash.update(await readFile(file));
  return `${JSON.stringify({ pins: hash.digest('hex'), python, pythonVersion, javaHome }, undefined, 2)}\n`;
}

async function installPython({ python }: Programs, signal: AbortSignal | undefined): Promise<void> {
  await run(python, ['-m', 'venv', join(installation.folder, 'venv')], signal);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  await run(installation.python, [...pip, '--requirement', join(sources, 'requirements.txt')], signal);
  // A build leaves files beside its sources: those here stay clean.
  const plugin = join(installation.folder, 'plugin');
  await cp(join(sources, 'plugin'), plugin, { recursive: true });
  await run(installation.python, [...pip, '--no-deps', '--no-build-isolation', plugin], signal);
  // The index of all services, by which LocalStack finds out what a request is for. Without it, each run makes it anew.
  await mkdir(installation.staticLib, { recursive: true });
  const root = { OVERRIDE_IN_DOCKER: '0', FILESYSTEM_ROOT: join(installation.folder, 'static') };
  await run(installation.python, ['-m', 'localstack.aws.spec'], signal, root);
}

async function installJava({ javaHome, maven, python }: Programs, signal: AbortSignal | undefined): Promise<void> {
  // LocalStack looks for a Java 21 of its own; 17 serves DynamoDB Local and JSONata as well.
  await mkdir(join(installation.lib, 'java'), { recursive: true });
  await symlink(javaHome, join(installation.lib, 'java/21'));

  const dynamodb = join(installation.lib, 'dynamodb-local/2');
  const jars = join(dynamodb, 'DynamoDBLocal_lib');
  await copyDependencies(maven, 'dynamodb', jars, signal);
  const names = (await readdir(jars)).filter((name) => name.endsWith('.jar')).sort();
  const agent = names.find((name) => name.startsWith('byte-buddy-agent-'));
  if (agent === undefined) throw new SetupError(`Maven gave no byte-buddy-agent; it gave ${names.join(', ')}`);
  await rename(join(jars, agent), join(dynamodb, 'ddb-local-loader-0.1.jar'));

  // LocalStack starts one jar: this one holds nothing but the names of the others.
  const classPath = names.filter((name) => name !== agent).map((name) => `DynamoDBLocal_lib/${name}`);
  const manifest = join(installation.folder, 'META-INF');
  await mkdir(manifest);
  await writeFile(join(manifest, 'MANIFEST.MF'), manifestText(classPath));
  await run(python, ['-m', 'zipfile', '-c', join(dynamodb, 'DynamoDBLocal.jar'), manifest], signal);

  await copyDependencies(maven, 'jsonata', join(installation.lib, 'jsonata/0.9.7'), signal);
}

async function copyDependencies(
  maven: string,
  profile: string,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  await run(
    maven,
    [
      '--quiet',
      '--batch-mode',
      `--file=${join(sources, 'pom.xml')}`,
      `--activate-profiles=${profile}`,
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      `-DoutputDirectory=${folder}`,
    ],
    signal,
  );
}

/** @see https://docs.oracle.com/en/java/javase/17/docs/specs/jar/jar.html lines of at most 72 bytes */
export function manifestText(classPath: readonly string[]): string {
  const fold = (line: string) =>
    line.slice(0, 70) + (line.slice(70).match(/.{1,69}/g) ?? []).map((part) => `\r\n ${part}`).join('');
  const lines = [
    'Manifest-Version: 1.0',
    'Main-Class: com.amazonaws.services.dynamodbv2.local.main.ServerRunner',
    `Class-Path: ${classPath.join(' ')}`,
  ];
  return `${lines.map(fold).join('\r\n')}\r\n\r\n`;
}

/** Runs a program to its end. What it prints is shown when it fails. */
async function run(
  file: string,
  args: readonly string[],
  signal: AbortSignal | undefined,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const child = spawn(file, [...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
    ...(signal === undefined ? {} : { signal }),
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed = (printed + text).slice(-4_000);
    });
  }
  const status = await new Promise<number | null>((done, fail) => child.on('close', done).on('error', fail));
  if (status !== 0) throw new SetupError(`${file} ${args.join(' ')} failed (${status ?? 'killed'}):\n${printed}`);
}
