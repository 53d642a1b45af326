/**
 * DynamoDB by dynalite, in this process, on a LevelDB folder. Loaded with the first request. Its HTTP front end is
 * passed by: that one throws into the event loop when a write fails (a full disk would end the runtime).
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type AwsAnswer, AwsFault, jsonAnswer } from './aws-fault.ts';
import { makeFolder, storageError } from './durable-files.ts';
import { readJson } from './json-input.ts';
import type { Service } from './http.ts';
import type { RuntimeLog } from './runtime-log.ts';

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
interface DynaliteStore {
  readonly db: { open(): Promise<void>; close(): Promise<void> };
}
interface Dynalite {
  readonly store: DynaliteStore;
  run(operation: string, input: unknown): Promise<unknown>;
}
interface DynaliteFault {
  readonly statusCode: number;
  readonly body: { readonly __type: string; readonly message?: string; readonly Message?: string };
}
type Act = (store: DynaliteStore, data: unknown, done: (error: unknown, data: unknown) => void) => void;

/** The DynamoDB service of a state folder. `close` lets go of its files. */
export function dynamodbService(
  stateDir: string,
  log: RuntimeLog,
): Service & { close(): Promise<void>; open(): Promise<void> } {
  const folder = join(stateDir, 'dynamodb');
  let opened: Promise<Dynalite> | undefined;
  const running = new Set<Promise<unknown>>();
  let closing = false;
  const openOnce = () => {
    opened ??= openDynalite(folder).catch((error: unknown) => {
      // The next request tries again: a full disk can be cleared.
      opened = undefined;
      throw storageError(folder, error);
    });
    return opened;
  };
  return {
    protocol,
    async open() {
      await openOnce();
    },
    async handle({ headers, body }) {
      const target = headers['x-amz-target'] ?? '';
      const name = target.replace(/^DynamoDB_20120810\./, '');
      if (!operations.includes(name)) {
        log('warn', `unsupported DynamoDB call: ${target}`);
        throw new AwsFault('UnknownOperationException', `the operation ${name} is not served here`);
      }
      const input = readJson(body);
      // SDKs repeat a call that is answered so; another process may own the folder by then.
      if (closing) throw new AwsFault('InternalServerError', 'the runtime is closing', 503);
      const call = openOnce().then((dynalite) => run(dynalite, name, input, folder));
      running.add(call);
      return call.finally(() => running.delete(call));
    },
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

async function run(dynalite: Dynalite, name: string, input: unknown, folder: string): Promise<AwsAnswer> {
  try {
    return jsonAnswer(protocol, await dynalite.run(name, input));
  } catch (error) {
    if (isDynaliteFault(error)) {
      const { __type: type, message, Message } = error.body;
      throw new AwsFault(type, message ?? Message ?? '', error.statusCode);
    }
    throw storageError(folder, error);
  }
}

async function openDynalite(folder: string): Promise<Dynalite> {
  await makeFolder(folder);
  const require = createRequire(import.meta.url);
  const { create } = require('dynalite/db') as { create(options: object): DynaliteStore };
  const { checkTypes, checkValidations } = require('dynalite/validations') as {
    checkTypes(input: unknown, types: unknown): unknown;
    checkValidations(data: unknown, types: unknown, custom: unknown, store: DynaliteStore): void;
  };
  const store = create({ path: folder, createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  await store.db.open();
  return {
    store,
    run: (operation, input) =>
      new Promise((resolve, reject) => {
        const file = operation.charAt(0).toLowerCase() + operation.slice(1);
        const { types, custom } = require(`dynalite/validations/${file}`) as { types: unknown; custom: unknown };
        const act = require(`dynalite/actions/${file}`) as Act;
        const data = checkTypes(input, types);
        checkValidations(data, types, custom, store);
        act(store, data, (error, answer) => (error ? reject(error) : resolve(answer)));
      }),
  };
}

function isDynaliteFault(error: unknown): error is DynaliteFault {
  return typeof error === 'object' && error !== null && 'statusCode' in error && 'body' in error;
}
