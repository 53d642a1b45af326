/** The programs that LocalStack without Docker needs, found among those installed: Python, Java and Maven. */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Something is missing or broken that the person at the keyboard can put right. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}

type Environment = Readonly<Record<string, string | undefined>>;

export interface Programs {
  /** Path of a Python 3.12 or 3.13. */
  readonly python: string;
  readonly pythonVersion: string;
  /** Folder of a Java 17 or later. */
  readonly javaHome: string;
  readonly maven: string;
}

/** LocalStack says 3.10 and uses the syntax of 3.12; its pinned packages have no wheels for 3.14. */
const pythonMinors = [13, 12] as const;
const oldestJava = 17;

/** What a program prints, or `undefined` when it cannot be run or fails. Programs without a folder are found by PATH. */
async function output(environment: Environment, file: string, args: readonly string[]): Promise<string | undefined> {
  const env = { ...environment };
  return new Promise((done) => {
    execFile(file, [...args], { timeout: 30_000, env }, (error, stdout, stderr) =>
      done(error === null ? `${stdout}${stderr}` : undefined),
    );
  });
}

async function pythonVersion(environment: Environment, python: string): Promise<string | undefined> {
  // A Python without venv or pip cannot install anything.
  const script = 'import sys, venv, ensurepip; print("%d.%d.%d" % sys.version_info[:3])';
  const version = (await output(environment, python, ['-c', script]))?.trim();
  return version !== undefined && /^\d+\.\d+\.\d+$/.test(version) ? version : undefined;
}

function isUsable(version: string): boolean {
  return pythonMinors.some((minor) => version.startsWith(`3.${minor}.`));
}

async function pyenvPythons(environment: Environment): Promise<readonly string[]> {
  const folder = join(environment['PYENV_ROOT'] ?? join(environment['HOME'] ?? homedir(), '.pyenv'), 'versions');
  const versions = await readdir(folder).catch(() => []);
  return pythonMinors.flatMap((minor) =>
    versions
      .filter((version) => version.startsWith(`3.${minor}.`))
      .map((version) => join(folder, version, 'bin/python')),
  );
}

/**
 * Finds a Python: the one that `PYTHON` names, or the first that fits.
 *
 * @throws {SetupError} which says what was looked at and what to do.
 */
export async function findPython(
  environment: Environment,
): Promise<{ readonly path: string; readonly version: string }> {
  const chosen = environment['PYTHON'];
  const candidates =
    chosen !== undefined && chosen !== ''
      ? [chosen]
      : [...pythonMinors.map((minor) => `python3.${minor}`), ...(await pyenvPythons(environment)), 'python3'];
  const seen: string[] = [];
  for (const path of candidates) {
    const version = await pythonVersion(environment, path);
    if (version !== undefined && isUsable(version)) return { path, version };
    seen.push(`${path} (${version ?? 'not there, or without venv and pip'})`);
  }
  throw new SetupError(
    `LocalStack needs Python 3.12 or 3.13; looked at ${seen.join(', ')}; install one of them, or name it with PYTHON=/path/to/python`,
  );
}

/** @throws {SetupError} when there is no Java, or an old one. */
export async function findJava(environment: Environment): Promise<string> {
  const home = environment['JAVA_HOME'];
  const java = home === undefined || home === '' ? 'java' : join(home, 'bin/java');
  const said = (await output(environment, java, ['-XshowSettings:properties', '-version'])) ?? '';
  const javaHome = /^ *java\.home = (.+)$/m.exec(said)?.[1];
  const version = Number(/^ *java\.specification\.version = (\d+)/m.exec(said)?.[1] ?? 0);
  if (javaHome !== undefined && version >= oldestJava) return javaHome.trim();
  const found = version === 0 ? `${java} cannot be run` : `${java} is version ${version}`;
  throw new SetupError(
    `LocalStack needs Java ${oldestJava} or later; ${found}; install one, or name it with JAVA_HOME`,
  );
}

/** @throws {SetupError} when one of the programs is missing. */
export async function findPrograms(environment: Environment): Promise<Programs> {
  const [python, javaHome, maven] = await Promise.all([
    findPython(environment),
    findJava(environment),
    output(environment, 'mvn', ['--version']),
  ]);
  if (maven === undefined) {
    throw new SetupError('LocalStack needs Maven for its Java parts; `mvn` cannot be run; install Maven 3');
  }
  return { python: python.path, pythonVersion: python.version, javaHome, maven: 'mvn' };
}
