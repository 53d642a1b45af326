import { once } from 'node:events';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type LocalClient, localClient, type RuntimeAddress } from '../../lib/local/client.ts';
import { openRuntime, runtimeOwner } from '../../lib/local/runtime.ts';
import { openInProcess, ownerProcess } from './owners.ts';
import { eventually } from '../eventually.ts';
import { openForTest, registerFunction, taskMachine, temporaryFolder } from './runtimes.ts';

const place = 'us-east-1:000000000000';

async function createMachine(client: LocalClient, name: string, definition: string): Promise<string> {
  const roleArn = 'arn:aws:iam::000000000000:role/test';
  const created = await client.json('states', 'AWSStepFunctions.CreateStateMachine', { name, definition, roleArn });
  if (!created.ok) throw new Error(`${created.code}: ${created.message}`);
  return `arn:aws:states:${place}:stateMachine:${name}`;
}

async function start(client: LocalClient, stateMachineArn: string, name: string, input: object = {}): Promise<string> {
  const started = await client.json('states', 'AWSStepFunctions.StartExecution', {
    stateMachineArn,
    name,
    input: JSON.stringify(input),
  });
  if (!started.ok) throw new Error(`${started.code}: ${started.message}`);
  return String(started.value['executionArn']);
}

async function describeExecution(runtime: RuntimeAddress, executionArn: string) {
  const answer = await localClient(runtime).json('states', 'AWSStepFunctions.DescribeExecution', { executionArn });
  if (!answer.ok) throw new Error(`${answer.code}: ${answer.message}`);
  return { status: answer.value['status'], output: answer.value['output'] };
}

interface Followed {
  readonly status: string;
  readonly driven: boolean;
  readonly events: readonly { readonly id: number; readonly type: string }[];
}

async function follow(client: LocalClient, executionArn: string, after = 0): Promise<Followed> {
  return (await client.private(
    'GET',
    `executions/${encodeURIComponent(executionArn)}/events?after=${after}`,
  )) as Followed;
}

async function toEnd(client: LocalClient, executionArn: string): Promise<Followed> {
  let all: Followed = { status: 'RUNNING', driven: false, events: [] };
  while (all.status === 'RUNNING') {
    const next = await follow(client, executionArn, all.events.length);
    all = { ...next, events: [...all.events, ...next.events] };
  }
  return all;
}

/** A function that says in a file that it runs, waits for another file, and says that it is done. */
const gated = `import { appendFileSync, existsSync } from 'node:fs';
  import { setTimeout } from 'node:timers/promises';
  export const handler = async ({ folder, size = 6 }, { clientContext }) => {
    appendFileSync(folder + '/log', 'start ' + process.pid + ' ' + JSON.stringify(clientContext) + '\\n');
    while (!existsSync(folder + '/go')) await setTimeout(5);
    appendFileSync(folder + '/log', 'done\\n');
    return 'result'.padEnd(size);
  };`;

function linesOf(file: string): readonly string[] {
  return existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];
}

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

describe('the owner of a state folder', () => {
  it('makes the folder for its user alone, and takes it over from itself', async () => {
    const stateDir = join(temporaryFolder(), 'a', 'state');
    const first = await openRuntime({ stateDir });
    expect([first.owner, first.pid, first.stateDir]).toStrictEqual([true, process.pid, stateDir]);
    expect((statSync(stateDir).mode & 0o777).toString(8)).toBe('700');
    expect((statSync(join(stateDir, 'runtime.json')).mode & 0o777).toString(8)).toBe('600');
    expect(readFileSync(join(stateDir, '.gitignore'), 'utf8')).toBe('*\n');
    rmSync(join(stateDir, '.gitignore'));
    await first.close();
    await first.close();
    expect(await runtimeOwner(stateDir)).toBeUndefined();
    const second = await openForTest({ stateDir });
    expect(second.owner).toBe(true);
    expect(second.credentials).not.toStrictEqual(first.credentials);
    expect(existsSync(join(stateDir, '.gitignore')), 'a folder that was there is left as it is').toBe(false);
  });

  it('is one process; another is its client', async () => {
    const runtime = await openForTest();
    const other = await ownerProcess(runtime.stateDir);
    const { endpoint, credentials, owner, pid } = other.opened;
    expect({ endpoint, credentials, owner, pid }).toStrictEqual({
      endpoint: runtime.endpoint,
      credentials: runtime.credentials,
      owner: false,
      pid: process.pid,
    });
    await other.close();
    expect(await localClient(runtime).private('GET', 'ping')).toStrictEqual({ pid: process.pid });
    expect(await runtimeOwner(runtime.stateDir)).toBe(process.pid);
  });

  it('is one of many that open the folder at once', async () => {
    const stateDir = join(temporaryFolder(), 'state');
    const opened = await Promise.all([1, 2, 3, 4].map(() => ownerProcess(stateDir)));
    expect(opened.filter((one) => one.opened.owner).length).toBe(1);
    expect(new Set(opened.map((one) => one.opened.endpoint)).size).toBe(1);
  });

  it('may be stopped: another process says that it does not answer', async () => {
    const stateDir = join(temporaryFolder(), 'state');
    const owner = await ownerProcess(stateDir);
    owner.child.kill('SIGSTOP');
    await expect(openRuntime({ stateDir, patienceMs: 0 })).rejects.toMatchObject({
      code: 'BS4002',
      message: `process ${owner.child.pid} owns ${stateDir} and does not answer`,
    });
    owner.child.kill('SIGCONT');
    expect((await openForTest({ stateDir })).owner).toBe(false);
  });

  it.each([
    ['a process that is gone', { pid: 4_194_400 }],
    ['a process whose id somebody else has now', { pid: process.pid, started: 'long ago' }],
    ['nobody: the file is damaged', 'not json'],
  ])('takes over a lock of %s', async (_whose, holder) => {
    const stateDir = join(temporaryFolder(), 'state');
    mkdirSync(stateDir);
    writeFileSync(join(stateDir, 'lock.7'), JSON.stringify(holder));
    const runtime = await openForTest({ stateDir });
    expect(runtime.owner).toBe(true);
    expect(readdirSync(stateDir).filter((name) => name.startsWith('lock'))).toStrictEqual(['lock.8']);
  });

  it('is killed: the next one knows its executions and goes on with them, and no process stays behind', async () => {
    const folder = temporaryFolder();
    const stateDir = join(folder, 'state');
    const killed = await ownerProcess(stateDir);
    const client = localClient(killed.opened);
    writeFileSync(join(folder, 'index.mjs'), gated);
    await client.private('PUT', 'functions/gated', { handlerFile: join(folder, 'index.mjs'), handler: 'handler' });
    const machine = await createMachine(client, 'm', taskMachine('gated'));
    const executionArn = await start(client, machine, 'n', { folder });
    await expect.poll(() => linesOf(join(folder, 'log')).length, { timeout: 10_000 }).toBe(1);
    const before = (await follow(client, executionArn)).events;
    await killed.kill();
    const pid = Number(linesOf(join(folder, 'log'))[0]?.split(' ')[1]);
    await expect.poll(() => isRunning(pid)).toBe(false);

    const runtime = await openForTest({ stateDir });
    expect(await describeExecution(runtime, executionArn)).toStrictEqual({ status: 'RUNNING', output: undefined });
    const found = await follow(localClient(runtime), executionArn);
    expect(found).toStrictEqual({ status: 'RUNNING', driven: false, events: before });
    writeFileSync(join(folder, 'go'), '');
    expect(await runtime.resumeExecutions()).toStrictEqual([executionArn]);
    expect(await runtime.resumeExecutions()).toStrictEqual([]);
    const end = await toEnd(localClient(runtime), executionArn);
    expect([end.status, end.events.slice(0, before.length)]).toStrictEqual(['SUCCEEDED', before]);
    const started = before.at(-1) as { readonly id: number; readonly type: string };
    expect(end.events[before.length]).toMatchObject({ type: 'TaskStarted', previousEventId: started.id });
    expect(await describeExecution(runtime, executionArn)).toStrictEqual({ status: 'SUCCEEDED', output: '"result"' });
    // What runs again is told so, and nothing else is.
    expect(linesOf(join(folder, 'log')).map((line) => line.replace(/ \d+ /, ' '))).toStrictEqual([
      'start undefined',
      'start {"custom":{"bunsui":{"restarts":1}}}',
      'done',
    ]);
  });

  it('is killed while a function spins: no process stays behind', async () => {
    const folder = temporaryFolder();
    const killed = await ownerProcess(join(folder, 'state'));
    const code = `import { writeFileSync } from 'node:fs';
      export const handler = async () => { writeFileSync('${folder}/pid', String(process.pid)); for (;;); };`;
    const name = await registerFunctionAt(killed.opened, folder, code);
    void localClient(killed.opened)
      .send('lambda', 'POST', `/2015-03-31/functions/${name}/invocations`, '{}')
      .catch(() => {});
    await expect.poll(() => existsSync(join(folder, 'pid')), { timeout: 10_000 }).toBe(true);
    const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
    await killed.kill();
    await expect.poll(() => isRunning(pid), { timeout: 5_000 }).toBe(false);
  });

  it('closes: what runs can be resumed, and its function is ended', async () => {
    const folder = temporaryFolder();
    const stateDir = join(folder, 'state');
    const first = await openRuntime({ stateDir });
    const client = localClient(first);
    const name = await registerFunctionAt(first, folder, gated);
    const executionArn = await start(client, await createMachine(client, 'm', taskMachine(name)), 'n', { folder });
    await expect.poll(() => linesOf(join(folder, 'log')).length, { timeout: 10_000 }).toBe(1);
    await first.close();
    expect(isRunning(Number(linesOf(join(folder, 'log'))[0]?.split(' ')[1]))).toBe(false);
    await ownerProcess(stateDir);
    const second = await openForTest({ stateDir });
    expect(second.owner).toBe(false);
    writeFileSync(join(folder, 'go'), '');
    expect(await second.resumeExecutions(['arn:of:nobody', executionArn])).toStrictEqual([executionArn]);
    expect(await second.resumeExecutions()).toStrictEqual([]);
    expect((await toEnd(localClient(second), executionArn)).status).toBe('SUCCEEDED');
  });

  it('stops an execution that nobody has resumed', async () => {
    const stateDir = join(temporaryFolder(), 'state');
    const first = await openRuntime({ stateDir });
    const waiting = {
      QueryLanguage: 'JSONata',
      StartAt: 'W',
      States: { W: { Type: 'Wait', Seconds: 999, End: true } },
    };
    const client = localClient(first);
    const executionArn = await start(client, await createMachine(client, 'm', JSON.stringify(waiting)), 'n');
    await first.close();
    const second = await openForTest({ stateDir });
    const stopped = await localClient(second).json('states', 'AWSStepFunctions.StopExecution', { executionArn });
    expect(stopped.ok).toBe(true);
    expect((await describeExecution(second, executionArn)).status).toBe('ABORTED');
  });

  it('closes while others read its tables, and ends as it should', async () => {
    const owner = await ownerProcess(join(temporaryFolder(), 'state'));
    const client = localClient(owner.opened);
    const dynamodb = (operation: string, input: object) =>
      client.json('dynamodb', `DynamoDB_20120810.${operation}`, input);
    await dynamodb('CreateTable', {
      TableName: 't-1',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
    });
    await expect
      .poll(() => dynamodb('DescribeTable', { TableName: 't-1' }))
      .toMatchObject({ value: { Table: { TableStatus: 'ACTIVE' } } });
    const ids = Array.from({ length: 200 }, (_, index) => ({ id: { S: `i${index}` }, text: { S: 'x'.repeat(1_000) } }));
    await Promise.all(ids.map((Item) => dynamodb('PutItem', { TableName: 't-1', Item })));
    let read = 0;
    const reader = async () => {
      for (;;) {
        const answer = await dynamodb('Scan', { TableName: 't-1', ConsistentRead: true });
        if (answer.ok) read += 1;
      }
    };
    // Each reads until the owner is gone.
    const readers = Promise.allSettled(Array.from({ length: 8 }, reader));
    await eventually(
      'every reader has read',
      () => read,
      (times) => times > 8,
    );
    const exited = once(owner.child, 'exit');
    await owner.close();
    expect(await exited).toStrictEqual([0, null]);
    expect((await readers).map(({ status }) => status)).toStrictEqual(new Array(8).fill('rejected'));
  });

  it('keeps what was written when it is killed at once', async () => {
    const stateDir = join(temporaryFolder(), 'state');
    const killed = await ownerProcess(stateDir);
    const client = localClient(killed.opened);
    const dynamodb = (operation: string, input: object) =>
      client.json('dynamodb', `DynamoDB_20120810.${operation}`, input);
    await dynamodb('CreateTable', {
      TableName: 't-1',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      BillingMode: 'PAY_PER_REQUEST',
    });
    await client.send('s3', 'PUT', '/bucket-one');
    const written: string[] = [];
    const writing = (async () => {
      for (let n = 0; ; n += 1) {
        const put = await dynamodb('PutItem', { TableName: 't-1', Item: { id: { S: `i${n}` } } });
        const object = await client.send('s3', 'PUT', `/bucket-one/o${n}`, `body ${n}`);
        if (put.ok && object.status === 200) written.push(String(n));
      }
    })().catch(() => {});
    await expect.poll(() => written.length, { timeout: 20_000 }).toBeGreaterThan(20);
    await killed.kill();
    await writing;
    const second = localClient(await openForTest({ stateDir }));
    for (const n of written) {
      const item = await second.json('dynamodb', 'DynamoDB_20120810.GetItem', {
        TableName: 't-1',
        Key: { id: { S: `i${n}` } },
      });
      const object = await second.send('s3', 'GET', `/bucket-one/o${n}`);
      expect([item.ok && item.value, object.body]).toStrictEqual([{ Item: { id: { S: `i${n}` } } }, `body ${n}`]);
    }
  });
});

async function registerFunctionAt(runtime: RuntimeAddress, folder: string, code: string): Promise<string> {
  writeFileSync(join(folder, 'index.mjs'), code);
  const handlerFile = join(folder, 'index.mjs');
  await localClient(runtime).private('PUT', 'functions/subject', {
    handlerFile,
    handler: 'handler',
    timeoutSeconds: 60,
  });
  return 'subject';
}

describe('a folder that cannot be used', () => {
  const namespaces = spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'true']).status === 0;
  const within = namespaces ? it : it.skip;

  it('is a symbolic link', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'real'));
    symlinkSync(join(folder, 'real'), join(folder, 'link'));
    await expect(openRuntime({ stateDir: join(folder, 'link') })).rejects.toMatchObject({ code: 'BS4001' });
    expect(readdirSync(join(folder, 'real'))).toStrictEqual([]);
  });

  it('is a file, or lies in one', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    for (const stateDir of [join(folder, 'file'), join(folder, 'file', 'state')]) {
      await expect(openRuntime({ stateDir })).rejects.toMatchObject({ code: 'BS4001' });
    }
  });

  // Needs user namespaces, for a file system of its own.
  within('is on a read-only file system', async () => {
    const folder = temporaryFolder();
    const shell = `mount -t tmpfs none '${folder}' && mkdir '${folder}/state' && mount -o remount,ro '${folder}'`;
    for (const name of ['state', 'new']) {
      const result = await openInProcess(join(folder, name), { shell, namespace: true });
      expect(result).toMatchObject({ failed: { code: 'BS4001', hint: 'choose another folder with --state-dir' } });
      expect('failed' in result && result.failed.message).toMatch(/the file system is read-only \(EROFS\)$/);
    }
  });

  // Needs user namespaces, for a file system of its own.
  within('is on a full disk: nothing is half there, and work goes on when there is space again', async () => {
    const folder = temporaryFolder();
    const owner = await ownerProcess(join(folder, 'state'), {
      shell: `mount -t tmpfs -o size=12m none '${folder}'`,
      namespace: true,
    });
    const seen = join(`/proc/${owner.child.pid}/root`, folder);
    const client = localClient(owner.opened);
    const name = await registerFunctionAt(owner.opened, temporaryFolder(), gated);
    const gate = temporaryFolder();
    const machine = await createMachine(client, 'm', taskMachine(name));
    await client.send('s3', 'PUT', '/bucket-one');
    expect((await client.send('s3', 'PUT', '/bucket-one/a', 'old')).status).toBe(200);
    const running = await start(client, machine, 'running', { folder: gate, size: 100_000 });
    await expect.poll(() => linesOf(join(gate, 'log')).length, { timeout: 10_000 }).toBe(1);

    const filler = join(seen, 'filler');
    const fill = spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4096'], { encoding: 'utf8' });
    expect(fill.stderr).toContain('No space left on device');
    writeFileSync(join(gate, 'go'), '');
    const refused = client.json('states', 'AWSStepFunctions.StartExecution', {
      stateMachineArn: machine,
      name: 'full',
    });
    await expect(refused).rejects.toThrow(/BS4001 cannot write .*: the disk is full \(ENOSPC\)/);
    const put = await client.send('s3', 'PUT', '/bucket-one/a', 'new'.repeat(10_000));
    expect([put.status, /BS4001[^<]*the disk is full/.test(put.body)]).toStrictEqual([500, true]);
    expect((await client.send('s3', 'GET', '/bucket-one/a')).body).toBe('old');
    await expect.poll(async () => (await follow(client, running)).driven).toBe(false);

    rmSync(filler);
    const full = await client.json('states', 'AWSStepFunctions.DescribeExecution', {
      executionArn: running.replace(/running$/, 'full'),
    });
    expect(full).toMatchObject({ ok: false, code: 'ExecutionDoesNotExist' });
    expect(readdirSync(join(seen, 'state', 'executions', 'open')).length).toBe(1);
    expect(readdirSync(join(seen, 'state', 's3', 'bucket-one')).filter((file) => file.startsWith('.p-'))).toStrictEqual(
      [],
    );
    expect((await client.send('s3', 'PUT', '/bucket-one/a', 'new')).status).toBe(200);
    expect(await client.private('POST', 'resume', {})).toStrictEqual({ resumed: [running] });
    expect((await toEnd(client, running)).status).toBe('SUCCEEDED');
    const again = await start(client, machine, 'full', { folder: gate });
    expect((await toEnd(client, again)).status).toBe('SUCCEEDED');
    await owner.close();
  });

  it('lets no file grow further', async () => {
    const folder = temporaryFolder();
    const owner = await ownerProcess(join(folder, 'state'), { shell: 'ulimit -f 200' });
    const client = localClient(owner.opened);
    await client.send('s3', 'PUT', '/bucket-one');
    const put = await client.send('s3', 'PUT', '/bucket-one/large', 'x'.repeat(400_000));
    expect([put.status, /BS4001[^<]*\(EFBIG\)/.test(put.body)]).toStrictEqual([500, true]);
    expect((await client.send('s3', 'PUT', '/bucket-one/small', 'x')).status).toBe(200);
    expect((await client.send('s3', 'GET', '/bucket-one/large')).status).toBe(404);
  });
});

describe('an execution', () => {
  it('is followed live: what is there at once, and news as it comes', async () => {
    const runtime = await openForTest();
    const client = localClient(runtime);
    const folder = temporaryFolder();
    const name = await registerFunction(runtime, gated);
    const executionArn = await start(client, await createMachine(client, 'm', taskMachine(name)), 'n', { folder });
    const seen: string[] = [];
    while (!seen.includes('TaskStarted')) {
      seen.push(...(await follow(client, executionArn, seen.length)).events.map(({ type }) => type));
    }
    const next = follow(client, executionArn, seen.length);
    writeFileSync(join(folder, 'go'), '');
    expect((await next).events[0]?.type).toBe('TaskSucceeded');
    const absent = follow(client, `${executionArn}x`);
    await expect(absent).rejects.toMatchObject({ code: 'BS5001', context: { code: 'ExecutionDoesNotExist' } });
  });

  it('with a damaged journal is told as such, and harms no other', async () => {
    const stateDir = join(temporaryFolder(), 'state');
    const first = await openRuntime({ stateDir });
    const client = localClient(first);
    const waiting = {
      QueryLanguage: 'JSONata',
      StartAt: 'W',
      States: { W: { Type: 'Wait', Seconds: 999, End: true } },
    };
    const machine = await createMachine(client, 'm', JSON.stringify(waiting));
    const [damaged, whole] = [await start(client, machine, 'damaged'), await start(client, machine, 'whole')];
    await expect.poll(async () => (await follow(client, damaged)).events.length).toBe(2);
    await first.close();
    const folder = join(stateDir, 'executions', 'open');
    const file = join(folder, readdirSync(folder).find((name) => name.includes('damaged')) ?? '');
    const bytes = readFileSync(file);
    const second = bytes.indexOf(10) + 40;
    bytes[second] = (bytes[second] ?? 0) ^ 1;
    writeFileSync(file, Buffer.concat([bytes, Buffer.from('00000000 []\n')]));

    const heard: string[] = [];
    const runtime = await openForTest({ stateDir, log: (_level, message) => heard.push(message) });
    const why = `the journal ${file} is damaged at line 2: its checksum does not match`;
    expect(heard).toStrictEqual([why]);
    expect(await runtime.resumeExecutions()).toStrictEqual([whole]);
    await expect(describeExecution(runtime, damaged)).rejects.toMatchObject({ code: 'BS4003', message: why });
  });

  it('announces its end to the target, until that succeeds', async () => {
    const runtime = await openForTest();
    const client = localClient(runtime);
    const folder = temporaryFolder();
    const code = `import { appendFileSync } from 'node:fs'; let n = 0;
      export const handler = async (event) => { n += 1; if (n === 1) throw new Error('not yet'); appendFileSync('${folder}/events', JSON.stringify(event) + '\\n'); };`;
    const target = await registerFunction(runtime, code, { name: 'target' });
    await client.private('PUT', 'targets/status-change', { functionName: target });
    const failing = { QueryLanguage: 'JSONata', StartAt: 'F', States: { F: { Type: 'Fail', Error: 'E', Cause: 'c' } } };
    const executionArn = await start(client, await createMachine(client, 'm', JSON.stringify(failing)), 'n', { a: 1 });
    await expect.poll(() => linesOf(join(folder, 'events')).length, { timeout: 10_000 }).toBe(1);
    const event = JSON.parse(linesOf(join(folder, 'events'))[0] ?? '');
    const { id, time, detail } = event;
    expect({
      ...event,
      id: typeof id,
      time: Number.isNaN(Date.parse(time)),
      detail: { ...detail, startDate: 0, stopDate: 0 },
    }).toStrictEqual({
      version: '0',
      id: 'string',
      'detail-type': 'Step Functions Execution Status Change',
      source: 'aws.states',
      account: '000000000000',
      time: false,
      region: 'us-east-1',
      resources: [executionArn],
      detail: {
        executionArn,
        stateMachineArn: `arn:aws:states:${place}:stateMachine:m`,
        name: 'n',
        status: 'FAILED',
        startDate: 0,
        stopDate: 0,
        input: '{"a":1}',
        output: null,
        error: 'E',
        cause: 'c',
      },
    });
    const ended = join(runtime.stateDir, 'executions', 'ended');
    await expect.poll(() => readdirSync(ended).length).toBe(1);
  });

  it('announces its end again when the runtime ended before the target had succeeded', async () => {
    const folder = temporaryFolder();
    const stateDir = join(folder, 'state');
    const killed = await ownerProcess(stateDir);
    const client = localClient(killed.opened);
    await registerFunctionAt(
      killed.opened,
      folder,
      `import { appendFileSync } from 'node:fs';
      export const handler = async ({ id }) => { appendFileSync('${folder}/events', id + '\\n'); await new Promise(() => {}); };`,
    );
    await client.private('PUT', 'targets/status-change', { functionName: 'subject' });
    const done = { QueryLanguage: 'JSONata', StartAt: 'S', States: { S: { Type: 'Succeed' } } };
    await start(client, await createMachine(client, 'm', JSON.stringify(done)), 'n');
    await expect.poll(() => linesOf(join(folder, 'events')).length, { timeout: 10_000 }).toBe(1);
    await killed.kill();
    writeFileSync(
      join(folder, 'index.mjs'),
      `import { appendFileSync } from 'node:fs';
      export const handler = async ({ id }) => { appendFileSync('${folder}/events', id + '\\n'); };`,
    );
    await openForTest({ stateDir });
    await expect.poll(() => linesOf(join(folder, 'events')).length, { timeout: 10_000 }).toBe(2);
    expect(new Set(linesOf(join(folder, 'events'))).size).toBe(1);
    await expect.poll(() => readdirSync(join(stateDir, 'executions', 'ended')).length).toBe(1);
  });

  it('fails with the names that Lambda gives, and the next one is unaffected', async () => {
    const runtime = await openForTest();
    const client = localClient(runtime);
    const name = await registerFunction(
      runtime,
      `export const handler = async ({ how }) => { if (how === 'exit') process.exit(1); if (how === 'throw') throw new RangeError('far'); return 'fine'; };`,
    );
    const machine = await createMachine(client, 'm', taskMachine(name));
    const results: unknown[] = [];
    for (const how of ['exit', 'throw', 'return']) {
      const executionArn = await start(client, machine, how, { how });
      await toEnd(client, executionArn);
      const described = await client.json('states', 'AWSStepFunctions.DescribeExecution', { executionArn });
      results.push(described.ok && [described.value['status'], described.value['error'] ?? described.value['output']]);
    }
    expect(results).toStrictEqual([
      ['FAILED', 'Runtime.ExitError'],
      ['FAILED', 'RangeError'],
      ['SUCCEEDED', '"fine"'],
    ]);
  });

  it('names a resource that is not served, and a function that is not there', async () => {
    const runtime = await openForTest();
    const client = localClient(runtime);
    const results: unknown[] = [];
    for (const [index, resource] of [
      'arn:aws:states:::sqs:sendMessage',
      `arn:aws:lambda:${place}:function:nobody`,
    ].entries()) {
      const machine = {
        QueryLanguage: 'JSONata',
        StartAt: 'T',
        States: { T: { Type: 'Task', Resource: resource, End: true } },
      };
      const executionArn = await start(client, await createMachine(client, `m${index}`, JSON.stringify(machine)), 'n');
      await toEnd(client, executionArn);
      const described = await client.json('states', 'AWSStepFunctions.DescribeExecution', { executionArn });
      results.push(described.ok && [described.value['error'], String(described.value['cause']).includes(resource)]);
    }
    expect(results).toStrictEqual([
      ['States.TaskFailed', true],
      ['Lambda.ResourceNotFoundException', true],
    ]);
  });

  it('that is stopped ends the function that it runs', async () => {
    const runtime = await openForTest();
    const client = localClient(runtime);
    const folder = temporaryFolder();
    const name = await registerFunction(runtime, gated);
    const executionArn = await start(client, await createMachine(client, 'm', taskMachine(name)), 'n', { folder });
    await expect.poll(() => linesOf(join(folder, 'log')).length, { timeout: 10_000 }).toBe(1);
    await client.json('states', 'AWSStepFunctions.StopExecution', { executionArn });
    const pid = Number(linesOf(join(folder, 'log'))[0]?.split(' ')[1]);
    await expect.poll(() => isRunning(pid)).toBe(false);
  });
});
