/** CDK on LocalStack: the command line that people use, against the endpoint of the tests. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import { clientEnvironment } from '../../localstack/server.ts';
import { allowedTypes } from './allowed-types.ts';
import { eventually } from '../eventually.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const command = join(root, 'node_modules/aws-cdk/bin/cdk');

/** An app, synthesised. */
export interface CdkApp {
  /** Makes the account ready for deployments. Once per LocalStack. */
  bootstrap(): Promise<void>;
  /**
   * Synthesises the app.
   *
   * @param context what `--context` sets
   */
  synth(context?: { readonly [name: string]: string }): Promise<void>;
  /** Deploys all stacks as they were synthesised last. @throws {Error} when CDK fails, or LocalStack has left something out. */
  deploy(): Promise<void>;
  destroy(): Promise<void>;
  /** Removes what was synthesised. */
  close(): Promise<void>;
}

/** @param entry Path of the app from the root of the project. */
export function cdkApp(entry: string): CdkApp {
  const assembly = mkdtempSync(join(tmpdir(), 'bunsui-assembly-'));
  const deployed = ['--app', assembly, '--all'];
  return {
    // Not in the project's own folder, where somebody may be at work with the app of cdk.json.
    bootstrap: () =>
      bootstrapOnce(() =>
        run(['bootstrap', 'aws://000000000000/us-east-1', '--output', join(assembly, 'bootstrap')]).then(
          requireSuccess,
        ),
      ),
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
    deploy: async () => {
      requireSuccess(await run(['deploy', ...deployed, '--require-approval', 'never', '--concurrency', '2']));
      requireNothingLeftOut(readFileSync(inject('localstack').log, 'utf8'));
    },
    destroy: () => run(['destroy', ...deployed, '--force']).then(requireSuccess),
    close: () => rm(assembly, { recursive: true, force: true }),
  };
}

/**
 * Makes LocalStack ready for deployments, or waits until another test file has: two that do it at once would meet in
 * one stack.
 */
export async function bootstrapOnce(bootstrap: () => Promise<void>): Promise<void> {
  // Goes with the run's other temporary files.
  const place = join(inject('localstack').temporary, 'bootstrap');
  const isMine = await mkdir(place).then(
    () => true,
    () => false,
  );
  if (isMine) {
    await bootstrap();
    await writeFile(join(place, 'done'), '');
    return;
  }
  await eventually(
    'the bootstrap of another file of tests',
    () => existsSync(join(place, 'done')),
    (done) => done,
  );
}

interface Ended {
  readonly status: number | null;
  readonly printed: string;
}

async function run(args: readonly string[]): Promise<Ended> {
  const child = spawn(process.execPath, [command, ...args, '--ci', '--no-color', '--no-notices'], {
    cwd: root,
    env: { ...process.env, ...clientEnvironment(inject('localstack')), CDK_DISABLE_CLI_TELEMETRY: 'true' },
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
