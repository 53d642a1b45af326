/**
 * Gates in memory, for runs in virtual time: answers the tasks by which a compiled machine waits, reads and opens, and
 * does what a job's function does when its job has completed. What stands in the table is what would stand in DynamoDB.
 */
import type { Json, TaskOutcome, TaskRequest } from '../engine/ports.ts';
import {
  filledInput,
  gateAttributes as at,
  gateErrors,
  type GatedInput,
  type GateWork,
  keptPart,
} from '../gate-layout.ts';

interface Item {
  arrived?: Set<string>;
  opened?: boolean;
  /** Of a latch the last token, of a flag all. */
  waiting?: string[];
  kept?: string;
}

export interface GatesInMemory {
  /** @returns undefined when the task is none of a gate */
  run(task: TaskRequest, signal: AbortSignal): Promise<TaskOutcome> | undefined;
  /** Records a completed job, keeps what is read of it, opens its gates. @param execution whose the gates are */
  complete(execution: string, job: string, output: Json, work: GateWork | undefined): void;
  /** A job's input with the outputs of other jobs that it lacks. */
  fill(input: Json, inputs: readonly GatedInput[] | undefined): Json;
}

type Attribute = { readonly S?: string; readonly N?: string; readonly SS?: readonly string[] };
interface Update {
  readonly Key: { readonly [name: string]: { readonly S: string } };
  readonly UpdateExpression?: string;
  readonly ConditionExpression?: string;
  readonly ExpressionAttributeValues?: { readonly [name: string]: Attribute };
  readonly ReturnValues?: string;
  readonly TaskToken?: string;
}

const failed = (error: string): TaskOutcome => ({ ok: false, error, cause: 'The conditional request failed' });

export function gatesInMemory(): GatesInMemory {
  const items = new Map<string, Item>();
  const outputs = new Map<string, Json>();
  const open = new Map<string, (outcome: TaskOutcome) => void>();
  const item = (key: string): Item => {
    const found = items.get(key) ?? {};
    items.set(key, found);
    return found;
  };
  const send = (token: string): boolean => {
    const settle = open.get(token);
    open.delete(token);
    settle?.({ ok: true, output: {} });
    return settle !== undefined;
  };

  const wait = (task: TaskRequest, update: Update, signal: AbortSignal): Promise<TaskOutcome> => {
    const gate = item(keyOf(update));
    const all = update.ExpressionAttributeValues?.[':all']?.N;
    const isOpen = all === undefined ? gate.opened === true : (gate.arrived?.size ?? 0) >= Number(all);
    if (isOpen) return Promise.resolve(failed(gateErrors.open));
    const { token = '' } = task;
    gate.waiting = all === undefined ? [...(gate.waiting ?? []), token] : [token];
    return new Promise((settle) => {
      open.set(token, settle);
      signal.addEventListener('abort', () => open.delete(token));
    });
  };

  const update = (given: Update): TaskOutcome => {
    const gate = item(keyOf(given));
    const values = given.ExpressionAttributeValues ?? {};
    const kept = values[':value']?.S;
    if (kept !== undefined) gate.kept = kept;
    const [self] = values[':self']?.SS ?? [];
    if (given.ConditionExpression !== undefined && gate.waiting !== undefined) {
      const before = values[':before']?.N;
      const size = gate.arrived?.size ?? 0;
      const isLast =
        before === undefined || size > Number(before) || (size === Number(before) && !gate.arrived?.has(self ?? ''));
      if (isLast) return failed(gateErrors.somebodyWaits);
    }
    if (self !== undefined) gate.arrived = new Set([...(gate.arrived ?? []), self]);
    if (values[':yes'] !== undefined) gate.opened = true;
    const waiting = (gate.waiting ?? []).map((token) => ({ S: token }));
    const shown = self === undefined ? { L: waiting } : waiting[0];
    const attributes = { [at.waiting]: shown ?? { L: [] } } as unknown as Json;
    return { ok: true, output: given.ReturnValues === undefined ? {} : { Attributes: attributes } };
  };

  return {
    run(task, signal) {
      const given = task.arguments as unknown as Update;
      switch (task.resource.replace(/^arn:aws:states:::/, '')) {
        case 'aws-sdk:dynamodb:updateItem.waitForTaskToken':
          return wait(task, given, signal);
        case 'aws-sdk:dynamodb:updateItem':
        case 'dynamodb:updateItem':
          return Promise.resolve(update(given));
        case 'aws-sdk:dynamodb:getItem': {
          const { kept } = item(keyOf(given));
          return Promise.resolve({ ok: true, output: kept === undefined ? {} : { Item: { [at.value]: { S: kept } } } });
        }
        case 'aws-sdk:sfn:sendTaskSuccess':
          return Promise.resolve(
            send(given.TaskToken ?? '') ? { ok: true, output: {} } : failed('Sfn.TaskTimedOutException'),
          );
        default:
          return undefined;
      }
    },
    complete(execution, job, output, work = {}) {
      outputs.set(job, output);
      const key = (name: string) => `${execution} ${work.path === undefined ? name : `${work.path}/${name}`}`;
      if (work.keep !== undefined) item(key(work.keep.key)).kept = JSON.stringify(keptPart(output, work.keep.fields));
      for (const one of work.open ?? []) {
        const gate = item(key('latch' in one ? one.latch : one.flag));
        if ('latch' in one) gate.arrived = new Set([...(gate.arrived ?? []), one.self]);
        else gate.opened = true;
        if (!('latch' in one) || (gate.arrived?.size ?? 0) >= one.all)
          for (const token of gate.waiting ?? []) send(token);
      }
    },
    fill(input, inputs = []) {
      return filledInput(input, inputs, (job) => outputs.get(job)) as Json;
    },
  };
}

function keyOf({ Key }: Update): string {
  return `${Key[at.partitionKey]?.S} ${Key[at.sortKey]?.S}`;
}
