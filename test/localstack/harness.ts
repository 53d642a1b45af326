/** CDK on LocalStack: the command line that people use, against the endpoint of the tests. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import { clientEnvironment } from '../../localstack/server.ts';
import { eventually } from '../eventually.ts';
import { allowedTypes } from './allowed-types.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const command = join(root, 'node_modules/aws-cdk/bin/cdk');

/** For programs that run CDK: they ask more often whether a stack is there. */
export const quickPolls = `--import=${new URL('quick-polls.mjs', import.meta.url).href}`;

/** An app, synthesised. It lies among the temporary files of the run, where every test finds it. */
export interface CdkApp {
  /**
   * Synthesises the app.
   *
   * @param context what `--context` sets
   */
  synth(context?: { readonly [name: string]: string }): Promise<void>;
  /** Deploys stacks as they were synthesised last. @throws {Error} when CDK fails, or LocalStack has left something out. */
  deploy(...stacks: readonly string[]): Promise<void>;
  destroy(): Promise<void>;
}

/** @param entry Path of the app from the root of the project. */
export function cdkApp(entry: string): CdkApp {
  const assembly = join(inject('localstack').temporary, 'assembly');
  const deployed = ['--app', assembly];
  return {
    synth: (context = {}) =>
      run([
        'synth',
        '--quiet',
        '--app',
        `${process.execPath} ${entry}`,
        '--output',
        assembly,
        ...Object.entries(context).flatMap(([name, value]) => ['--context', `${name}=${value}`]),
      ]).then(requireSuccess),
    deploy: async (...stacks) => {
      const which = stacks.length === 0 ? ['--all'] : ['--exclusively', ...stacks];
      requireSuccess(await run(['deploy', ...deployed, ...which, '--require-approval', 'never', '--concurrency', '2']));
      requireNothingLeftOut(readFileSync(inject('localstack').log, 'utf8'));
    },
    destroy: () => run(['destroy', ...deployed, '--all', '--force']).then(requireSuccess),
  };
}

/**
 * Does something once in a run of the tests, whichever file comes to it first; the others wait for what it gives.
 *
 * @param work gives what JSON can hold
 * @throws {Error} in all of them when it fails
 */
export async function onceInRun<T>(name: string, work: () => Promise<T>): Promise<T> {
  // Goes with the run's other temporary files.
  const place = join(inject('localstack').temporary, `once-${name}`);
  const [done, failed] = [join(place, 'done'), join(place, 'failed')];
  const isMine = await mkdir(place).then(
    () => true,
    () => false,
  );
  if (isMine) {
    try {
      const value = await work();
      // Under another name first: whoever waits reads it as soon as it is there.
      await writeFile(join(place, 'value'), JSON.stringify({ value }));
      await rename(join(place, 'value'), done);
      return value;
    } catch (error) {
      await writeFile(failed, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }
  await eventually(
    `${name}, which another file of tests has begun`,
    () => existsSync(done) || existsSync(failed),
    (over) => over,
    590_000,
  );
  if (existsSync(failed)) throw new Error(`${name}, which another file of tests has begun, has failed; see there`);
  return (JSON.parse(await readFile(done, 'utf8')) as { readonly value: T }).value;
}

interface Ended {
  readonly status: number | null;
  readonly printed: string;
}

async function run(args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [command, ...args, '--ci', '--no-color', '--no-notices'], {
    cwd: root,
    env: {
      ...process.env,
      ...clientEnvironment(inject('localstack')),
      CDK_DISABLE_CLI_TELEMETRY: 'true',
      NODE_OPTIONS: quickPolls,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  }
  const status = await new Promise<number | null>((done, fail) => child.on('close', done).on('error', fail));
  return { status, printed };
}

function requireSuccess({ status, printed }: Ended): void {
  if (status !== 0) throw new Error(`cdk ended with ${status ?? 'a signal'}:\n${printed.slice(-6_000)}`);
}

/**
 * LocalStack says CREATE_COMPLETE of types that it does not know, custom resources among them; only its log tells.
 *
 * @throws {Error} naming the types that are not allowed to be left out
 */
export function requireNothingLeftOut(log: string): void {
  const found = [...log.matchAll(/No resource provider found for "([^"]+)"/g)].map(([, type = '']) => type);
  const left = [...new Set(found)].filter((type) => !Object.hasOwn(allowedTypes, type));
  if (left.length === 0) return;
  throw new Error(
    `LocalStack has made nothing for ${left.join(', ')}, though it says it has; test these on the template and list them in test/localstack/allowed-types.ts`,
  );
}
