/**
 * The embedded AWS endpoint: Step Functions over the engine, Lambda, S3 on a folder, DynamoDB, SNS, SQS, CloudWatch
 * Logs, for any AWS SDK. In goes a state folder, out comes an address with credentials.
 *
 * One process owns a state folder and runs all of this; every other process that opens it is a client of the owner.
 */
import { randomBytes } from 'node:crypto';
import { chmod, lstat } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '../engine/clock.ts';
import { BunsuiError } from '../errors.ts';
import { localClient } from './client.ts';
import { openDeadlineWatch } from './deadline-watch.ts';
import { dynamodbService } from './dynamodb.ts';
import { errnoOf, makeFolder, readIfThere, storageError, writeFileAtomic } from './durable-files.ts';
import { eventsService, tellingStore } from './events.ts';
import { openExecutionLogs } from './execution-logs.ts';
import { type Executions, openExecutions } from './executions.ts';
import { type Firings, openFirings } from './firings.ts';
import { openFunctionPool } from './function-pool.ts';
import { type Endpoint, listen, type Service } from './http.ts';
import { lambdaService } from './lambda.ts';
import { openLiveFeed } from './live-feed.ts';
import { openLogStore } from './log-store.ts';
import { logsService } from './logs.ts';
import { openMachineStore } from './machines.ts';
import { mapObjects } from './map-objects.ts';
import { mapRunsOf } from './map-runs.ts';
import { mailService } from './mail.ts';
import { openNotices } from './notices.ts';
import { openObjectStore } from './object-store.ts';
import { openUploads } from './object-uploads.ts';
import { type OwnerLock, ownerOf, takeOwnerLock } from './owner-lock.ts';
import { privateService } from './private-routes.ts';
import { openQueueEvents } from './queue-events.ts';
import { openQueues } from './queues.ts';
import { openRuntimeLog, type RuntimeLog } from './runtime-log.ts';
import { s3Service } from './s3.ts';
import { secretsService } from './secrets.ts';
import type { Credentials } from '../request-signature.ts';
import { snsService } from './sns.ts';
import { sqsService } from './sqs.ts';
import { isChildMachine, readCaller, reservedInputKey, sessionNamed } from '../storage-layout.ts';
import { openStatusEvents, statusChangeEvent } from './status-events.ts';
import { openActivities } from './activities.ts';
import { expressExecutions } from './express-executions.ts';
import { stepFunctionsService } from './step-functions.ts';
import { localTaskRunner } from './task-runner.ts';
import { taskTokens } from './task-tokens.ts';

export const localRegion = 'us-east-1';
export const localAccountId = '000000000000';
const place = { region: localRegion, accountId: localAccountId };

/** A runtime to talk to, in this process or in another. */
export interface Runtime {
  /** `http://127.0.0.1:<port>` */
  readonly endpoint: string;
  readonly region: string;
  readonly accountId: string;
  readonly credentials: Credentials;
  /** Absolute path of the state folder. */
  readonly stateDir: string;
  /** Whether the runtime is in this process. */
  readonly owner: boolean;
  /** The owner's. */
  readonly pid: number;
  /**
   * Goes on with executions that an earlier owner left unfinished: all, or those named.
   *
   * @returns the ARNs of those that run again now.
   */
  resumeExecutions(executionArns?: readonly string[]): Promise<readonly string[]>;
  /** From now on schedules fire and triggers hear of events. Does nothing in a runtime of another process. */
  startFiring(): void;
  /** Stops serving. What runs stays unfinished and can be resumed. Does nothing to a runtime of another process. */
  close(): Promise<void>;
}

export interface OpenRuntimeOptions {
  /** The state folder, `.bunsui` say. It is made if it is missing. */
  readonly stateDir: string;
  /** Hears what the runtime has to say; the state folder's `runtime.log` has it too. */
  readonly log?: RuntimeLog;
  /** Function invocations at once. @default 4 for each processor, 8 at most */
  readonly concurrency?: number;
  /** How long to wait for an owner that does not answer yet, or any more. @default 15000 */
  readonly patienceMs?: number;
}

/** An owner that works answers far sooner; one that is stopped never does. */
const pingMs = 2_000;

/**
 * Opens the runtime of a state folder: becomes its owner, or a client of the process that is.
 *
 * @throws {BunsuiError} BS4001 when the folder cannot be written, BS4002 when its owner does not answer.
 */
export async function openRuntime(options: OpenRuntimeOptions): Promise<Runtime> {
  const stateDir = resolve(options.stateDir);
  await prepareFolder(stateDir);
  const untilMs = Date.now() + (options.patienceMs ?? 15_000);
  for (;;) {
    const taken = await takeOwnerLock(stateDir);
    if (taken.ok) return openOwner(stateDir, options, taken.lock);
    const client = await openClient(stateDir, taken.holder.pid);
    if (client !== undefined) return client;
    if (Date.now() > untilMs) {
      throw new BunsuiError(
        'ConfigError',
        'BS4002',
        `process ${taken.holder.pid} owns ${stateDir} and does not answer`,
        {
          recoverable: true,
          context: { pid: taken.holder.pid, stateDir },
          hint: 'end that process, or choose another folder with --state-dir',
        },
      );
    }
    await wait(25);
  }
}

interface Published extends Credentials {
  readonly pid: number;
  readonly port: number;
}

async function openOwner(stateDir: string, options: OpenRuntimeOptions, lock: OwnerLock): Promise<Runtime> {
  const ends: (() => Promise<void>)[] = [() => lock.release()];
  const close = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  try {
    const { log, close: closeLog } = openRuntimeLog(stateDir, options.log);
    ends.push(closeLog);
    const credentials: Credentials = {
      accessKeyId: `BUNSUI${randomBytes(7).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString('base64url'),
    };
    const { endpoint, executions, firings } = await startServices(stateDir, options, credentials, log, ends);
    const published: Published = { pid: process.pid, port: endpoint.port, ...credentials };
    await writeFileAtomic(join(stateDir, 'runtime.json'), JSON.stringify(published));
    return {
      ...place,
      endpoint: `http://127.0.0.1:${endpoint.port}`,
      credentials,
      stateDir,
      owner: true,
      pid: process.pid,
      resumeExecutions: (executionArns) => executions.resume(executionArns),
      startFiring: () => firings.start(),
      close,
    };
  } catch (error) {
    await close().catch(() => {});
    throw storageError(stateDir, error);
  }
}

async function startServices(
  stateDir: string,
  options: OpenRuntimeOptions,
  credentials: Credentials,
  log: RuntimeLog,
  ends: (() => Promise<void>)[],
): Promise<{ readonly endpoint: Endpoint; readonly executions: Executions; readonly firings: Firings }> {
  const arnOf = (name: string) => `arn:aws:lambda:${localRegion}:${localAccountId}:function:${name}`;
  // The functions need the port, the services the functions: the address is filled in before anything can run.
  const environment: Record<string, string> = {
    AWS_REGION: localRegion,
    AWS_DEFAULT_REGION: localRegion,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  const services: Record<string, Service> = {};
  const opened = Promise.withResolvers<void>();
  opened.promise.catch(() => {});
  const endpoint = await listen(credentials, services, log, opened.promise);
  ends.push(() => endpoint.close());
  environment['AWS_ENDPOINT_URL'] = `http://127.0.0.1:${endpoint.port}`;
  const logs = openLogStore(stateDir);
  const concurrency = options.concurrency ?? Math.min(8, 4 * cpus().length);
  const pool = await openFunctionPool({ stateDir, logs, log, concurrency, environment, arnOf });
  ends.push(() => pool.close());
  const statusEvents = await openStatusEvents(stateDir, place, pool, log);
  const queues = await openQueues(stateDir, log);
  const queueEvents = openQueueEvents(place, pool, log);
  const notices = await openNotices(stateDir, queues, queueEvents);
  const feed = openLiveFeed(notices.recordFunction, pool, log);
  const deadlines = openDeadlineWatch(notices.deadlineFunction, pool, log);
  const firings = await openFirings(stateDir, place, pool, log);
  const machines = openMachineStore(stateDir);
  const dynamodb = dynamodbService(stateDir, log);
  const tokens = taskTokens();
  const activities = await openActivities(stateDir);
  const store = tellingStore(openObjectStore(stateDir), place, firings.hear);
  const objects = mapObjects(store);
  const tasks = localTaskRunner({
    pool,
    place,
    log,
    dynamodb: dynamodb.call,
    objects,
    tokens,
    activities,
    children: () => ({ machines, executions }),
    mapRuns: async (executionArn, mapRunArn) => (await executions.driven(executionArn))?.itemCounts(mapRunArn),
  });
  const executionLogs = openExecutionLogs(logs, machines, log);
  const express = expressExecutions({ machines, clock: systemClock(), tasks, objects, logs: executionLogs });
  const tellBegun = async (executionArn: string): Promise<void> => {
    const record = await executions.find(executionArn).catch(() => undefined);
    if (record !== undefined && isCalled(record.header.input)) await statusEvents.begun(record);
  };
  const executions: Executions = await openExecutions({
    stateDir,
    machines,
    clock: systemClock(),
    tasks,
    objects,
    log,
    checkFunctions: (names) => pool.check(names),
    onDriven: (executionArn, afterEvent) => {
      executionLogs.follow(executions, executionArn, afterEvent);
      if (isChildMachine(executionArn.split(':')[6] ?? '')) return;
      feed.follow(executions, executionArn, afterEvent);
      deadlines.look();
      // A session that is called comes by no request that would record it.
      if (afterEvent === 0 && sessionNamed(executionArn) !== undefined) void tellBegun(executionArn);
    },
    async announce(record) {
      // The end of a child machine's execution is told by that which has started it.
      if (isChildMachine(record.header.stateMachineName)) return;
      await statusEvents.announce(record);
      firings.hear(statusChangeEvent(record, place));
    },
  });
  // In the order in which they were made, and called in the opposite one: ends that are being announced may finish,
  // which needs the endpoint; then nothing new comes in; then what runs is suspended.
  ends.push(
    () => dynamodb.close(),
    () => executionLogs.close(),
    () => executions.suspend(),
    () => express.close(),
    () => endpoint.close(),
    () => queueEvents.close(),
    () => feed.close(),
    () => deadlines.close(),
    () => statusEvents.close(),
    () => firings.close(),
  );
  Object.assign(services, {
    states: stepFunctionsService({
      machines,
      executions,
      express,
      mapRuns: mapRunsOf(executions, machines),
      activities,
      tasks,
      tokens,
      place,
      log,
    }),
    lambda: lambdaService(pool, place, log),
    s3: s3Service(store, openUploads(stateDir), place, log),
    dynamodb,
    sns: snsService(stateDir, place, notices, log),
    sqs: sqsService(queues, place, log),
    secretsmanager: secretsService(notices.isNamedSecret, join(dirname(stateDir), '.bunsui-secrets'), log),
    ses: mailService(stateDir, log),
    logs: logsService(logs, log),
    scheduler: firings.service,
    events: eventsService(place, firings.hear, log),
    bunsui: privateService({ pool, executions, statusEvents, notices, firings }),
  });
  opened.resolve();
  return { endpoint, executions, firings };
}

async function openClient(stateDir: string, pid: number): Promise<Runtime | undefined> {
  const text = await readIfThere(join(stateDir, 'runtime.json'));
  const published = text === undefined ? undefined : (JSON.parse(text) as Published);
  // What an earlier owner published stays until the new one has its port.
  if (published === undefined || published.pid !== pid) return undefined;
  const { port, accessKeyId, secretAccessKey } = published;
  const runtime = {
    ...place,
    endpoint: `http://127.0.0.1:${port}`,
    credentials: { accessKeyId, secretAccessKey },
    stateDir,
    owner: false,
    pid,
  };
  const client = localClient(runtime);
  try {
    await client.private('GET', 'ping', undefined, AbortSignal.timeout(pingMs));
  } catch {
    return undefined;
  }
  return {
    ...runtime,
    async resumeExecutions(executionArns) {
      if (executionArns === undefined) return readResumed(await client.private('POST', 'resume', {}));
      const each = executionArns.map((executionArn) => client.private('POST', 'resume', { executionArn }));
      return (await Promise.all(each)).flatMap(readResumed);
    },
    startFiring: () => {},
    close: async () => {},
  };
}

function readResumed(answer: unknown): readonly string[] {
  return (answer as { readonly resumed: readonly string[] }).resumed;
}

async function prepareFolder(stateDir: string): Promise<void> {
  const refuse = (what: string) =>
    new BunsuiError('ConfigError', 'BS4001', `${stateDir} is ${what}`, {
      context: { stateDir },
      hint: 'choose a real folder with --state-dir',
    });
  const facts = await lstat(stateDir).catch(() => undefined);
  if (facts?.isSymbolicLink()) throw refuse('a symbolic link');
  if (facts !== undefined && !facts.isDirectory()) throw refuse('a file');
  await makeFolder(stateDir);
  try {
    // It holds keys and data: it is for its user alone, also when it was made with other rights.
    if (facts !== undefined && (facts.mode & 0o077) !== 0) await chmod(stateDir, 0o700);
    // It lies in the author's repository as a rule, and is no part of that. A folder that was there is left as it is.
    if (facts === undefined) await writeFileAtomic(join(stateDir, '.gitignore'), '*\n', 'remade');
  } catch (error) {
    throw storageError(stateDir, error);
  }
}

/** The process that runs the runtime of a state folder now; `undefined` when none does. */
export async function runtimeOwner(stateDir: string): Promise<number | undefined> {
  try {
    return (await ownerOf(resolve(stateDir)))?.pid;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw storageError(stateDir, error);
  }
}

/** Whether an execution is that of a session which another one has called. */
function isCalled(input: string): boolean {
  const given = JSON.parse(input) as { readonly [field: string]: unknown } | null;
  return readCaller(given?.[reservedInputKey]) !== undefined;
}
