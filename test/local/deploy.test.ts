import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { functionPlaceholder, type PipelineArtifact } from '../../lib/ir/artifact.ts';
import { bundleHandlers } from '../../lib/local/bundle.ts';
import { localClient } from '../../lib/local/client.ts';
import { deployLocally } from '../../lib/local/deploy.ts';
import { ensurePlatform } from '../../lib/local/platform.ts';
import type { Runtime } from '../../lib/local/runtime.ts';
import { ownerProcess } from './owners.ts';
import { openForTest, registerFunction, temporaryFolder } from './runtimes.ts';

const source = { file: 'pipeline.ts', line: 1, column: 1 };

/** A pipeline of one job, as the compiler would give it. */
function artifactOf(entry: string, environment: Readonly<Record<string, string>> = {}): PipelineArtifact {
  const operation = {
    kind: 'lambda',
    id: 'greet',
    source,
    entry,
    input: {},
    output: {},
    timeoutSeconds: 10,
    memoryMiB: 128,
    environment,
  } as const;
  return {
    artifactVersion: 1,
    version: '0123456789ab',
    states: { greet: { node: 'greet', role: 'job', source, operation: 'greet' } },
    pipeline: {
      irVersion: 1,
      id: 'hello',
      source,
      input: {},
      operations: { greet: operation },
      body: { nodes: [] },
    },
    definition: {
      QueryLanguage: 'JSONata',
      StartAt: 'greet',
      States: {
        greet: {
          Type: 'Task',
          Resource: 'arn:aws:states:::lambda:invoke',
          Arguments: { FunctionName: functionPlaceholder('greet'), Payload: '{% $states.input %}' },
          Output: '{% $states.result.Payload %}',
          End: true,
        },
      },
    },
  };
}

async function run(
  runtime: Pick<Runtime, 'endpoint' | 'region' | 'credentials'>,
  stateMachineArn: string,
  name: string,
): Promise<unknown> {
  const client = localClient(runtime);
  const started = await client.json('states', 'AWSStepFunctions.StartExecution', {
    stateMachineArn,
    name,
    input: '{}',
  });
  if (!started.ok) throw new Error(started.message);
  const executionArn = String(started.value['executionArn']);
  for (let after = 0; ; ) {
    const route = `executions/${encodeURIComponent(executionArn)}/events?after=${after}`;
    const news = (await client.private('GET', route)) as {
      readonly status: string;
      readonly events: readonly unknown[];
    };
    after += news.events.length;
    if (news.status !== 'RUNNING') break;
  }
  const described = await client.json('states', 'AWSStepFunctions.DescribeExecution', { executionArn });
  if (!described.ok) throw new Error(described.message);
  return JSON.parse(String(described.value['output'] ?? JSON.stringify(described.value['cause'])));
}

describe('a deployment', () => {
  it('bundles handlers with what they import, and runs them; again with what has changed', async () => {
    const folder = temporaryFolder();
    const entry = join(folder, 'greet.ts');
    writeFileSync(join(folder, 'word.ts'), `export const word: string = 'hello';`);
    writeFileSync(
      entry,
      `import { word } from './word.ts';
      export const handler = async (): Promise<unknown> => [word, process.env.BUNSUI_BUCKET, process.env.MINE];`,
    );
    const runtime = await openForTest();
    const { stateMachineArn } = await deployLocally(runtime, artifactOf(entry, { MINE: 'mine' }));
    expect(stateMachineArn).toBe('arn:aws:states:us-east-1:000000000000:stateMachine:hello');
    const bucket = 'bunsui-000000000000-us-east-1';
    expect(await run(runtime, stateMachineArn, 'first')).toStrictEqual(['hello', bucket, 'mine']);
    writeFileSync(join(folder, 'word.ts'), `export const word: string = 'olleh';`);
    const again = artifactOf(entry);
    await deployLocally(runtime, { ...again, definition: { ...again.definition, Comment: 'changed' } });
    expect(await run(runtime, stateMachineArn, 'second')).toStrictEqual(['olleh', bucket, null]);
    const described = await localClient(runtime).json('states', 'AWSStepFunctions.DescribeStateMachine', {
      stateMachineArn,
    });
    expect(JSON.parse(String(described.ok && described.value['definition'])).Comment).toBe('changed');
  });

  it('is the same from a process that is a client', async () => {
    const folder = temporaryFolder();
    const entry = join(folder, 'greet.ts');
    writeFileSync(entry, `export const handler = async () => 'from afar';`);
    const owner = await ownerProcess(join(folder, 'state'));
    const client = await openForTest({ stateDir: join(folder, 'state') });
    expect(client.owner).toBe(false);
    const { stateMachineArn } = await deployLocally(client, artifactOf(entry));
    expect(await run(client, stateMachineArn, 'n')).toBe('from afar');
    await owner.close();
  });

  it('tells every mistake in a handler by file and line, and deploys nothing', async () => {
    const folder = temporaryFolder();
    const entry = join(folder, 'greet.ts');
    writeFileSync(
      entry,
      `import a from './nowhere.ts';\nimport b from 'no-such-package';\nexport const handler = async () => [a, b];`,
    );
    const runtime = await openForTest();
    await expect(deployLocally(runtime, artifactOf(entry))).rejects.toMatchObject({
      code: 'BS4004',
      message: [
        'a handler could not be bundled',
        `${entry}:1:15: Could not resolve "./nowhere.ts" (handler of operation greet)`,
        `${entry}:2:15: Could not resolve "no-such-package" (handler of operation greet)`,
      ].join('\n'),
    });
    const machines = await localClient(runtime).json('states', 'AWSStepFunctions.ListStateMachines', {});
    expect(machines).toStrictEqual({ ok: true, value: { stateMachines: [] } });
  });

  it('shows an error’s place in the author’s file', async () => {
    const folder = temporaryFolder();
    const entry = join(folder, 'greet.ts');
    writeFileSync(
      entry,
      `interface Ignored { a: 1 }\n\nexport const handler = async () => {\n  throw new Error('here');\n};`,
    );
    const runtime = await openForTest();
    const { stateMachineArn } = await deployLocally(runtime, artifactOf(entry));
    const cause = JSON.parse(String(await run(runtime, stateMachineArn, 'n'))) as { trace: string[] };
    expect(cause.trace[1]).toMatch(/greet\.ts:4:9\)?$/);
  });
});

describe('a bundle', () => {
  it('is refused when its file exports no handler, or is not there', async () => {
    const folder = temporaryFolder();
    const [good, wrong, empty] = [join(folder, 'good.ts'), join(folder, 'wrong.ts'), join(folder, 'empty.ts')];
    writeFileSync(good, `export * from './wrong.ts';\nexport { handlr as handler } from './wrong.ts';`);
    writeFileSync(wrong, 'export const handlr = async () => 1;\nexport default handlr;');
    writeFileSync(empty, '');
    const entries = [good, wrong, empty];
    const operations = new Map([
      [wrong, ['check-all', 'check']],
      [empty, ['tidy-up']],
    ]);
    await expect(bundleHandlers(folder, entries, operations)).rejects.toMatchObject({
      code: 'BS4004',
      message: [
        'a handler could not be bundled',
        `${empty} exports nothing, and bunsui calls handler: export const handler = operation.handler(…)`,
        `${wrong} exports default, handlr, and bunsui calls handler: export const handler = check.handler(…)`,
      ].join('\n'),
    });
    expect([...(await bundleHandlers(folder, [good])).keys()]).toStrictEqual([good]);
    rmSync(wrong);
    await expect(bundleHandlers(folder, [wrong], operations)).rejects.toMatchObject({
      code: 'BS4004',
      message: `a handler could not be bundled\nCould not resolve "${wrong}" (handler of operations check-all, check)`,
    });
  });

  it('is made anew only when a file has changed, and its path changes with its content', async () => {
    const folder = temporaryFolder();
    const stateDir = join(folder, 'state');
    mkdirSync(stateDir);
    const [a, b] = [join(folder, 'a.ts'), join(folder, 'b.ts')];
    writeFileSync(a, 'export const handler = async () => 1;');
    writeFileSync(b, 'export const handler = async () => 2;');
    for (const file of [a, b]) utimesSync(file, 1, 1);
    const first = await bundleHandlers(stateDir, [a, b, a]);
    expect([...first.keys()]).toStrictEqual([a, b]);
    const { ino } = statSync(first.get(a)?.file ?? '');
    expect(await bundleHandlers(stateDir, [b, a])).toStrictEqual(first);
    // It was not even written again.
    expect(statSync(first.get(a)?.file ?? '').ino).toBe(ino);
    rmSync(`${first.get(a)?.file}.map`);
    await bundleHandlers(stateDir, [a, b]);
    expect(existsSync(`${first.get(a)?.file}.map`)).toBe(true);
    writeFileSync(b, 'export const handler = async () => 3;');
    const second = await bundleHandlers(stateDir, [a, b]);
    expect([a, b].map((entry) => second.get(entry)?.file === first.get(entry)?.file)).toStrictEqual([true, false]);
    expect(readFileSync(second.get(b)?.file ?? '', 'utf8')).toContain('async()=>3');
    expect(readdirSync(join(second.get(b)?.file ?? '', '..')).toSorted()).toStrictEqual(['index.mjs', 'index.mjs.map']);
  });

  it('finds bunsui itself, and packages in CommonJS', async () => {
    const folder = temporaryFolder();
    const entry = join(folder, 'greet.ts');
    mkdirSync(join(folder, 'node_modules', 'old'), { recursive: true });
    writeFileSync(join(folder, 'node_modules', 'old', 'index.js'), `exports.sep = require('path').sep;`);
    writeFileSync(
      entry,
      `import { BunsuiError } from 'bunsui';\nimport { sep } from 'old';\nexport const handler = async () => [typeof BunsuiError, sep];`,
    );
    const bundles = await bundleHandlers(folder, [entry]);
    const loaded = (await import(bundles.get(entry)?.file ?? '')) as { handler: () => Promise<unknown> };
    expect(await loaded.handler()).toStrictEqual(['function', '/']);
  });
});

describe('the platform', () => {
  it('is made once, and found the next time', async () => {
    const runtime = await openForTest();
    const client = localClient(runtime);
    const handlerFile = join(temporaryFolder(), 'index.mjs');
    writeFileSync(handlerFile, 'export const handler = async () => process.env.BUNSUI_SESSIONS_TABLE;');
    const options = { functions: [{ name: 'session-ended', handlerFile }], statusChangeTarget: 'session-ended' };
    await ensurePlatform(runtime, options);
    await ensurePlatform(runtime, options);
    const tables = ['bunsui-sessions', 'bunsui-job-history', 'bunsui-pipelines'].map(async (TableName) => {
      const described = await client.json('dynamodb', 'DynamoDB_20120810.DescribeTable', { TableName });
      const table = (described.ok ? described.value['Table'] : {}) as Described;
      return [
        table.TableStatus,
        keys(table),
        ...(table.GlobalSecondaryIndexes ?? []).map((index) => `${index.IndexName}: ${keys(index)}`).toSorted(),
      ];
    });
    expect(await Promise.all(tables)).toStrictEqual([
      [
        'ACTIVE',
        'session_id created_at',
        'sessions-by-pipeline-index: pipeline_id created_at',
        'sessions-by-status-index: status created_at',
      ],
      ['ACTIVE', 'session_id job_timestamp'],
      ['ACTIVE', 'pipeline_id version'],
    ]);
    expect((await client.send('s3', 'HEAD', '/bunsui-000000000000-us-east-1')).status).toBe(200);
    const answer = await client.send('lambda', 'POST', '/2015-03-31/functions/session-ended/invocations', '{}');
    expect(answer.body).toBe('"bunsui-sessions"');
    expect(existsSync(join(runtime.stateDir, 'status-change-target.json'))).toBe(true);
  });

  it('lets a handler use the SDK without settings', async () => {
    const runtime = await openForTest();
    await ensurePlatform(runtime);
    const folder = temporaryFolder();
    const entry = join(folder, 'greet.ts');
    writeFileSync(
      entry,
      `import { GetObjectCommand, PutObjectCommand, S3Client } from '${join(process.cwd(), 'node_modules/@aws-sdk/client-s3')}';
      const s3 = new S3Client({});
      export const handler = async () => {
        const at = { Bucket: process.env.BUNSUI_BUCKET, Key: 'some/key.txt' };
        await s3.send(new PutObjectCommand({ ...at, Body: 'content' }));
        return (await s3.send(new GetObjectCommand(at))).Body?.transformToString();
      };`,
    );
    const bundles = await bundleHandlers(runtime.stateDir, [entry]);
    const code = `export { handler } from '${bundles.get(entry)?.file}';`;
    const name = await registerFunction(runtime, code, {
      environment: { BUNSUI_BUCKET: 'bunsui-000000000000-us-east-1' },
    });
    const answer = await localClient(runtime).send('lambda', 'POST', `/2015-03-31/functions/${name}/invocations`, '{}');
    expect(answer.body).toBe('"content"');
    expect(readFileSync(join(runtime.stateDir, 's3/bunsui-000000000000-us-east-1/some/key.txt'), 'utf8')).toBe(
      'content',
    );
  });
});

interface Described {
  readonly TableStatus?: string;
  readonly KeySchema?: readonly { readonly AttributeName: string }[];
  readonly GlobalSecondaryIndexes?: readonly (Described & { readonly IndexName: string })[];
}

function keys({ KeySchema = [] }: Described): string {
  return KeySchema.map(({ AttributeName }) => AttributeName).join(' ');
}
