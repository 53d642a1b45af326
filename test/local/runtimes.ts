/** Runtimes and functions for tests: state folders that vanish with the test, handlers written as text. */
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { localClient } from '../../lib/local/client.ts';
import { type OpenRuntimeOptions, openRuntime, type Runtime } from '../../lib/local/runtime.ts';
import type { Target } from '../contract/target.ts';

/** A folder that is removed when the test has ended. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bunsui-local-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A runtime that is closed when the test has ended. */
export async function openForTest(options: Partial<OpenRuntimeOptions> = {}): Promise<Runtime> {
  const stateDir = options.stateDir ?? join(temporaryFolder(), 'state');
  const runtime = await openRuntime({ ...options, stateDir });
  onTestFinished(() => runtime.close());
  return runtime;
}

/** Where contract suites find a runtime. */
export function targetOf(runtime: Runtime): Target {
  const { endpoint, region, accountId, credentials } = runtime;
  return { endpoint, region, accountId, credentials };
}

export interface TestFunction {
  readonly name?: string;
  readonly timeoutSeconds?: number;
  readonly memoryMiB?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Registers a function whose module is `code`. @returns its name. */
export async function registerFunction(runtime: Runtime, code: string, options: TestFunction = {}): Promise<string> {
  const { name = 'subject', timeoutSeconds = 20, memoryMiB = 128, environment = {} } = options;
  const handlerFile = join(temporaryFolder(), 'index.mjs');
  await writeFile(handlerFile, code);
  await localClient(runtime).private('PUT', `functions/${name}`, {
    handlerFile,
    handler: 'handler',
    timeoutSeconds,
    memoryMiB,
    environment,
  });
  return name;
}

/** A machine with one task that calls a function and gives its answer. */
export function taskMachine(functionName: string): string {
  return JSON.stringify({
    QueryLanguage: 'JSONata',
    StartAt: 'Call',
    States: {
      Call: {
        Type: 'Task',
        Resource: 'arn:aws:states:::lambda:invoke',
        Arguments: { FunctionName: functionName, Payload: '{% $states.input %}' },
        Output: '{% $states.result.Payload %}',
        End: true,
      },
    },
  });
}
