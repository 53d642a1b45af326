import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { localClient } from '../../lib/local/client.ts';
import { openRuntime, type Runtime } from '../../lib/local/runtime.ts';
import { nothingTold, openFolder, startOne, untilEnd } from '../faults/executions-workload.ts';
import { openForTest, taskMachine, temporaryFolder } from './runtimes.ts';

const place = 'us-east-1:000000000000';
const stateMachineArn = `arn:aws:states:${place}:stateMachine:m`;
const executionArn = `arn:aws:states:${place}:execution:m:n`;
const arn = `arn:aws:lambda:${place}:function:subject`;

/** A function that waits for a file `go`. */
const code = (folder: string) => `import { existsSync } from 'node:fs';
  import { setTimeout } from 'node:timers/promises';
  export const handler = async () => {
    while (!existsSync(${JSON.stringify(join(folder, 'go'))})) await setTimeout(5);
    return 'done';
  };`;

function register(runtime: Runtime, handlerFile: string) {
  return localClient(runtime).private('PUT', 'functions/subject', { handlerFile, handler: 'handler' });
}

/** A state folder with an execution that is not finished, and is not driven. */
async function unfinished() {
  const folder = temporaryFolder();
  const stateDir = join(folder, 'state');
  const handlerFile = join(folder, 'index.mjs');
  writeFileSync(handlerFile, code(folder));
  const runtime = await openRuntime({ stateDir });
  await register(runtime, handlerFile);
  const client = localClient(runtime);
  const roleArn = 'arn:aws:iam::000000000000:role/test';
  const definition = taskMachine(arn);
  await client.json('states', 'AWSStepFunctions.CreateStateMachine', { name: 'm', definition, roleArn });
  await client.json('states', 'AWSStepFunctions.StartExecution', { stateMachineArn, name: 'n', input: '{}' });
  await runtime.close();
  writeFileSync(join(folder, 'go'), '');
  return { stateDir, handlerFile };
}

async function statusOf(runtime: Runtime): Promise<unknown> {
  const answer = await localClient(runtime).json('states', 'AWSStepFunctions.DescribeExecution', { executionArn });
  return answer.ok ? answer.value['status'] : answer.code;
}

function onlyFile(folder: string): string {
  return join(folder, readdirSync(folder).find((name) => name.endsWith('.json')) ?? 'none');
}

function cut(file: string): number {
  const text = readFileSync(file, 'utf8');
  const half = text.slice(0, text.length >> 1);
  writeFileSync(file, half);
  return half.length;
}

const hint = 'deploy the pipeline again, then resume';

describe('an execution that is resumed', () => {
  it.each(['cut', 'removed'])(
    'waits when the module of its function is %s, and goes on when that is mended',
    async (how) => {
      const { stateDir, handlerFile } = await unfinished();
      const text = readFileSync(handlerFile, 'utf8');
      const now = how === 'cut' ? `it has ${cut(handlerFile)} bytes` : 'it is missing';
      if (how === 'removed') rmSync(handlerFile);
      const heard: string[] = [];
      const runtime = await openForTest({ stateDir, log: (_level, message) => heard.push(message) });
      const message = `${handlerFile} is damaged: ${now}, and had ${text.length} when function subject was registered`;
      await expect(runtime.resumeExecutions([executionArn])).rejects.toMatchObject({ code: 'BS4003', message, hint });
      expect(await runtime.resumeExecutions()).toStrictEqual([]);
      expect(heard).toStrictEqual([`${executionArn} is not resumed: BS4003 ${message}`]);
      expect(await statusOf(runtime)).toBe('RUNNING');
      writeFileSync(handlerFile, text);
      expect(await runtime.resumeExecutions([executionArn])).toStrictEqual([executionArn]);
      await expect.poll(() => statusOf(runtime), { timeout: 20_000 }).toBe('SUCCEEDED');
    },
  );

  it('waits when the registration of its function is cut, and goes on when that is made again', async () => {
    const { stateDir, handlerFile } = await unfinished();
    const file = onlyFile(join(stateDir, 'functions', 'registered'));
    cut(file);
    const heard: string[] = [];
    const runtime = await openForTest({ stateDir, log: (_level, message) => heard.push(message) });
    const message = `${file} is damaged: it is not the JSON that was written`;
    expect(heard).toStrictEqual([`BS4003 ${message}`]);
    await expect(runtime.resumeExecutions([executionArn])).rejects.toMatchObject({ code: 'BS4003', message, hint });
    await expect(localClient(runtime).private('POST', 'resume', { executionArn })).rejects.toMatchObject({
      code: 'BS4003',
      message,
      hint,
    });
    expect(await statusOf(runtime)).toBe('RUNNING');
    await register(runtime, handlerFile);
    expect(await runtime.resumeExecutions()).toStrictEqual([executionArn]);
    await expect.poll(() => statusOf(runtime), { timeout: 20_000 }).toBe('SUCCEEDED');
  });

  it('waits when its definition is cut', async () => {
    const { stateDir } = await unfinished();
    const file = onlyFile(join(stateDir, 'machines', 'definitions'));
    cut(file);
    const runtime = await openForTest({ stateDir });
    await expect(runtime.resumeExecutions([executionArn])).rejects.toMatchObject({
      code: 'BS4003',
      message: `${file} is damaged: its checksum does not match`,
    });
    expect(await statusOf(runtime)).toBe('RUNNING');
    const client = localClient(runtime);
    const definition = taskMachine(arn);
    await client.json('states', 'AWSStepFunctions.UpdateStateMachine', { stateMachineArn, definition });
    expect(await runtime.resumeExecutions()).toStrictEqual([executionArn]);
    await expect.poll(() => statusOf(runtime), { timeout: 20_000 }).toBe('SUCCEEDED');
  });
});

describe('a machine on a disk', () => {
  it('that is cut is told by its file', async () => {
    const { stateDir } = await unfinished();
    const file = onlyFile(join(stateDir, 'machines'));
    cut(file);
    const client = localClient(await openForTest({ stateDir }));
    await expect(client.json('states', 'AWSStepFunctions.ListStateMachines', {})).rejects.toMatchObject({
      code: 'BS4003',
      message: `${file} is damaged: it is not the JSON that was written`,
      hint: 'move the file away and deploy the pipeline again',
    });
  });
});

/** A folder with one execution that has come to its third job; its journal's lines. */
async function halfWay() {
  const stateDir = join(temporaryFolder(), 'state');
  const told = nothingTold();
  const folder = await openFolder(stateDir, told);
  await startOne(folder, 'a', told);
  await untilEnd(folder, 'a', told);
  await folder.close();
  const journals = join(stateDir, 'executions');
  const [file = ''] = readdirSync(join(journals, 'ended'));
  const lines = readFileSync(join(journals, 'ended', file), 'utf8')
    .split('\n')
    .slice(0, 5);
  rmSync(join(journals, 'ended', file));
  rmSync(join(journals, 'ended.jsonl'));
  const path = join(journals, 'open', file);
  return { stateDir, journals, path, lines };
}

describe('a journal with a flipped bit', () => {
  const flipped = (lines: readonly string[], line: number) =>
    `${lines.map((text, index) => (index === line - 1 ? text.replace('"thread"', '"thrEad"') : text)).join('\n')}\n`;
  const arnOfA = 'arn:aws:states:us-east-1:000000000000:execution:m:a';

  it.each([2, 3, 4])('at line %i is not gone on with by itself, and is when it is named', async (line) => {
    const { stateDir, journals, path, lines } = await halfWay();
    const text = flipped(lines, line);
    writeFileSync(path, text);
    const told = nothingTold();
    const folder = await openFolder(stateDir, told);
    const message = `the journal ${path} is damaged at line ${line}: its checksum does not match`;
    const refused = { code: 'BS4003', message, hint: expect.stringContaining('resume this execution by its name') };
    expect(told.logged).toStrictEqual([`error: ${message}`]);
    expect(await folder.executions.resume()).toStrictEqual([]);
    await expect(folder.executions.find(arnOfA)).rejects.toMatchObject(refused);
    await expect(folder.executions.history(arnOfA)).rejects.toMatchObject(refused);
    expect(await folder.executions.resume([arnOfA])).toStrictEqual([arnOfA]);
    expect(await untilEnd(folder, 'a', told)).toBe('SUCCEEDED');
    const [kept = ''] = readdirSync(join(journals, 'damaged'));
    expect(readFileSync(join(journals, 'damaged', kept), 'utf8')).toBe(text);
    expect(told.logged.at(-1)).toMatch(/^warn: .* goes on from its first \d+ events; the damaged journal is kept as /);
    await folder.close();
  });

  it('at its last line goes on from the one before, and says so', async () => {
    const { stateDir, journals, path, lines } = await halfWay();
    writeFileSync(path, flipped(lines, lines.length));
    const told = nothingTold();
    const folder = await openFolder(stateDir, told);
    expect(await folder.executions.resume()).toStrictEqual([arnOfA]);
    expect(await untilEnd(folder, 'a', told)).toBe('SUCCEEDED');
    expect(told.logged).toStrictEqual([
      `error: the journal ${path} is damaged at line ${lines.length}: its checksum does not match`,
      expect.stringMatching(/^warn: .* goes on from its first \d+ events/),
    ]);
    expect(readdirSync(join(journals, 'damaged')).length).toBe(1);
    await folder.close();
  });
});
