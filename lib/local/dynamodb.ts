/**
 * DynamoDB by dynalite, in this process, on a LevelDB folder. Loaded with the first request. Its HTTP front end is
 * passed by: that one throws into the event loop when a write fails (a full disk would end the runtime).
 */
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Json } from '../engine/ports.ts';
import { BunsuiError } from '../errors.ts';
import { type DynaliteStore, storeFor } from './atomic-items.ts';
import { AwsFault, jsonAnswer } from './aws-fault.ts';
import { errnoOf, makeFolder, storageError } from './durable-files.ts';
import { type JsonInput, readJson } from './json-input.ts';
import type { Service } from './http.ts';
import type { RuntimeLog } from './runtime-log.ts';
import type { CallDynamodb } from './service-tasks.ts';

const protocol = 'json-1.0';
const operations = [
  'BatchGetItem',
  'BatchWriteItem',
  'CreateTable',
  'DeleteItem',
  'DeleteTable',
  'DescribeTable',
  'DescribeTimeToLive',
  'GetItem',
  'ListTables',
  'ListTagsOfResource',
  'PutItem',
  'Query',
  'Scan',
  'TagResource',
  'UntagResource',
  'UpdateItem',
  'UpdateTable',
];

/** What dynalite's files export; it has no types of its own. */
interface Dynalite {
  readonly store: DynaliteStore;
  run(operation: string, input: unknown): Promise<unknown>;
}
interface DynaliteFault {
  readonly statusCode: number;
  readonly body: { readonly __type: string; readonly message?: string; readonly Message?: string };
}
type Act = (store: DynaliteStore, data: unknown, done: (error: unknown, data: unknown) => void) => void;

interface Validation {
  readonly types: Readonly<Record<string, unknown>>;
  readonly custom: unknown;
}

const require = createRequire(import.meta.url);

/** Fields that dynalite does not know, with the value that asks for nothing. */
const defaults: Readonly<Record<string, unknown>> = {
  ReturnValuesOnConditionCheckFailure: '"NONE"',
  StreamSpecification: '{"StreamEnabled":false}',
  SSESpecification: '{"Enabled":false}',
  DeletionProtectionEnabled: 'false',
  TableClass: '"STANDARD"',
};

/** The DynamoDB service of a state folder. `close` lets go of its files. */
export function dynamodbService(
  stateDir: string,
  log: RuntimeLog,
): Service & { call: CallDynamodb; close(): Promise<void>; open(): Promise<void> } {
  const folder = join(stateDir, 'dynamodb');
  let opened: Promise<Dynalite> | undefined;
  const running = new Set<Promise<unknown>>();
  let closing = false;
  const openOnce = () => {
    opened ??= openDynalite(folder).catch((error: unknown) => {
      // The next request tries again: a full disk can be cleared.
      opened = undefined;
      throw damage(folder, error) ?? storageError(folder, error);
    });
    return opened;
  };
  const serve = async (name: string, input: JsonInput): Promise<unknown> => {
    if (!operations.includes(name)) {
      log('warn', `unsupported DynamoDB call: ${name}`);
      throw new AwsFault('UnknownOperationException', `the operation ${name} is not served here`);
    }
    const unserved = unservedFields(name, input);
    if (unserved.length > 0) {
      log('warn', `unsupported DynamoDB parameter: ${name} ${unserved.join(', ')}`);
      throw new AwsFault('ValidationException', `${name}: not served here: ${unserved.join(', ')}`);
    }
    // SDKs repeat a call that is answered so; another process may own the folder by then.
    if (closing) throw new AwsFault('InternalServerError', 'the runtime is closing', 503);
    const call = openOnce().then((dynalite) => run(dynalite, name, input, folder));
    running.add(call);
    return call.finally(() => running.delete(call));
  };
  return {
    protocol,
    async open() {
      await openOnce();
    },
    async handle({ headers, body }) {
      const name = (headers['x-amz-target'] ?? '').replace(/^DynamoDB_20120810\./, '');
      return jsonAnswer(protocol, await serve(name, readJson(body)));
    },
    call: async (name, input) => (await serve(name, input as JsonInput)) as Json,
    async close() {
      closing = true;
      // A call goes from step to step within dynalite, and one that finds the store closed throws into the event loop.
      await Promise.allSettled(running);
      const dynalite = await opened?.catch(() => undefined);
      // A table becomes active (or is gone) one timer after the call was answered: this one comes behind it.
      if (dynalite !== undefined) await wait(1);
      await dynalite?.store.db.close();
    },
  };
}

async function run(dynalite: Dynalite, name: string, input: unknown, folder: string): Promise<unknown> {
  try {
    return await dynalite.run(name, input);
  } catch (error) {
    if (isDynaliteFault(error)) {
      const { __type: type, message, Message } = error.body;
      throw new AwsFault(type, message ?? Message ?? '', error.statusCode);
    }
    throw damage(folder, error) ?? storageError(folder, error);
  }
}

async function openDynalite(folder: string): Promise<Dynalite> {
  await makeFolder(folder);
  const files = await readdir(folder);
  // LevelDB would begin anew in silence, and then remove what is there.
  if (!files.includes('CURRENT') && files.some((file) => /\.(ldb|log)$/.test(file))) {
    throw damaged(folder, 'its file CURRENT is missing');
  }
  const { create } = require('dynalite/db') as { create(options: object): DynaliteStore };
  const { checkTypes, checkValidations } = require('dynalite/validations') as {
    checkTypes(input: unknown, types: unknown): unknown;
    checkValidations(data: unknown, types: unknown, custom: unknown, store: DynaliteStore): void;
  };
  const store = create({ path: folder, createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  await store.db.open();
  readAtOnce(store.db);
  return {
    store,
    run: (operation, input) =>
      new Promise((resolve, reject) => {
        const file = operation.charAt(0).toLowerCase() + operation.slice(1);
        const { types, custom } = require(`dynalite/validations/${file}`) as Validation;
        const act = require(`dynalite/actions/${file}`) as Act;
        const data = checkTypes(input, types);
        checkValidations(data, types, custom, store);
        act(storeFor(operation, store), data, (error, answer) => (error ? reject(error) : resolve(answer)));
      }),
  };
}

/**
 * Reads in the turn in which they are asked for. What a call reads (its table, an item) is in LevelDB's memory as a
 * rule, and a way through the pool of threads takes several times as long.
 */
function readAtOnce(db: DynaliteStore['db']): void {
  db.get = (key, done) => {
    try {
      const value = db.getSync(key);
      setImmediate(done, null, value);
    } catch (error) {
      setImmediate(done, error);
    }
  };
}

/** What dynalite would pass over: it takes the fields away that its types do not name. */
function unservedFields(operation: string, input: JsonInput): readonly string[] {
  const file = operation.charAt(0).toLowerCase() + operation.slice(1);
  const { types } = require(`dynalite/validations/${file}`) as Validation;
  return (
    Object.entries(input)
      .filter(([, value]) => value !== undefined && value !== null)
      // Every read here is consistent; dynalite knows no scan that says so.
      .filter(([name, value]) => !(operation === 'Scan' && name === 'ConsistentRead' && typeof value === 'boolean'))
      .filter(([name, value]) => !Object.hasOwn(types, name) && JSON.stringify(value) !== defaults[name])
      .map(([name]) => name)
  );
}

/** BS4003 when LevelDB says that its files are not as it wrote them, or that some are missing. */
function damage(folder: string, thrown: unknown): BunsuiError | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    const errno = errnoOf(error);
    const missing = errno === 'LEVEL_IO_ERROR' && error.message.includes('No such file');
    if (errno === 'LEVEL_CORRUPTION' || missing) return damaged(folder, error.message, thrown);
  }
  return undefined;
}

function damaged(folder: string, why: string, cause?: unknown): BunsuiError {
  return new BunsuiError('SessionError', 'BS4003', `the tables in ${folder} are damaged: ${why}`, {
    context: { path: folder },
    hint: `restore ${folder} from a backup, or move it away to begin with empty tables`,
    cause,
  });
}

function isDynaliteFault(error: unknown): error is DynaliteFault {
  return typeof error === 'object' && error !== null && 'statusCode' in error && 'body' in error;
}
