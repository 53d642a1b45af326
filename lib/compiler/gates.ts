/**
 * Gates: how a node waits for one that the skeleton does not put before it. One item of a table and a task token, no
 * polling. A *latch* is its consumer's: the set of producers that have ended, and the token of the wait; the producer
 * that completes the set sends the token. A *flag* is its producer's: whether it has ended, and the tokens of all who
 * wait for it. Either side may come first: the wait is a conditional write that fails when the gate is open.
 *
 * A job opens its gates in its function, after its checkpoint and before its answer (`lib/wrapper/gates.ts`): that
 * costs no state transition. What has no function of ours (a branch, a map, a skipped job) opens them by states.
 */
import type { Json } from '../ir/expressions.ts';
import { gateAttributes as at, gateErrors, gateLifetimeSeconds, gatesTablePlaceholder } from '../gate-layout.ts';
import type { GatedEdge } from './skeleton.ts';
import { quoted, text } from './jsonata.ts';

/** One item of the table, without the path of the iteration it is in. */
export interface Gate {
  readonly kind: 'latch' | 'flag';
  readonly key: string;
  /** Nodes that open it: several for a latch. */
  readonly producers: readonly string[];
  /** Nodes that wait at it: several for a flag. */
  readonly consumers: readonly string[];
}

export interface GatePlan {
  /** Gates that a node waits at, one after another. */
  readonly waits: ReadonlyMap<string, readonly Gate[]>;
  /** Gates that a node opens. */
  readonly opens: ReadonlyMap<string, readonly Gate[]>;
}

/** A token may take 2 KB and an item holds 400 KB; an update is charged for the whole item. */
const maxConsumers = 64;
const maxProducers = 128;

/** Which items stand for the edges: a latch for who waits for several or alone, a flag for who is waited for by several. */
export function planGates(edges: readonly GatedEdge[]): GatePlan {
  const producersOf = new Map<string, string[]>();
  const consumersOf = new Map<string, string[]>();
  for (const { from, to } of edges) addTo(producersOf, to, from);
  for (const { from, to } of edges) if (producersOf.get(to)?.length === 1) addTo(consumersOf, from, to);
  const gates: Gate[] = [];
  for (const [consumer, producers] of producersOf) {
    const [only] = producers;
    if (producers.length === 1 && (consumersOf.get(only ?? '')?.length ?? 0) > 1) continue;
    for (const [index, some] of chunks(producers, maxProducers).entries())
      gates.push({ kind: 'latch', key: numbered(`latch ${consumer}`, index), producers: some, consumers: [consumer] });
  }
  for (const [producer, consumers] of consumersOf) {
    if (consumers.length === 1) continue;
    for (const [index, some] of chunks(consumers, maxConsumers).entries())
      gates.push({ kind: 'flag', key: numbered(`flag ${producer}`, index), producers: [producer], consumers: some });
  }
  const waits = new Map<string, Gate[]>();
  const opens = new Map<string, Gate[]>();
  for (const gate of gates) {
    for (const consumer of gate.consumers) addTo(waits, consumer, gate);
    for (const producer of gate.producers) addTo(opens, producer, gate);
  }
  return { waits, opens };
}

function addTo<T>(groups: Map<string, T[]>, key: string, value: T): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [value]);
  else group.push(value);
}

function chunks<T>(list: readonly T[], size: number): readonly (readonly T[])[] {
  if (list.length <= size) return [list];
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) =>
    list.slice(index * size, (index + 1) * size),
  );
}

const numbered = (name: string, index: number): string => (index === 0 ? name : `${name} ${index + 1}`);

/** Whose the items are, as JSONata. */
export interface GatePlace {
  /** ARN of the root execution: the same in child machines, and the same when it is redriven: what is open stays open. */
  readonly execution: string;
  /** The scope's path: iterations have items of their own. `undefined` outside of maps. */
  readonly path: string | undefined;
}

function itemKey({ execution, path }: GatePlace, key: string): { readonly [name: string]: Json } {
  return {
    [at.partitionKey]: { S: quoted(execution) },
    [at.sortKey]: { S: path === undefined ? key : quoted(`${path} & ${text(`/${key}`)}`) },
  };
}

/** When DynamoDB may remove an item: seconds since the epoch, as text. */
export const itemExpires = quoted(
  `$string($floor($toMillis($states.context.Execution.StartTime) / 1000) + ${gateLifetimeSeconds})`,
);

/** What DynamoDB and Step Functions may answer when the same call is worth repeating. Not the failed condition. */
const retry = (errors: readonly string[]): Json => [
  {
    ErrorEquals: errors,
    IntervalSeconds: 1,
    MaxAttempts: 8,
    BackoffRate: 2,
    MaxDelaySeconds: 30,
    JitterStrategy: 'FULL',
  },
];

export const waitRetry = retry(gateErrors.waitTransient);
const openRetry = retry(gateErrors.openTransient);
const sendRetry = retry(gateErrors.sfnTransient);

/** The fields of the state in which a node waits. It goes on when the gate opens, or at once when it is open. */
export function waitFields(
  gate: Gate,
  place: GatePlace,
  on: { readonly next: string; readonly output: Json },
): { readonly [field: string]: Json } {
  const isLatch = gate.kind === 'latch';
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken',
    Arguments: {
      TableName: gatesTablePlaceholder,
      Key: itemKey(place, gate.key),
      UpdateExpression: isLatch
        ? `SET ${at.waiting} = :token, ${at.expires} = :expires`
        : `SET ${at.waiting} = list_append(if_not_exists(${at.waiting}, :none), :token), ${at.expires} = :expires`,
      ConditionExpression: isLatch
        ? `attribute_not_exists(${at.arrived}) OR size(${at.arrived}) < :all`
        : `attribute_not_exists(${at.done})`,
      ExpressionAttributeValues: {
        ':expires': { N: itemExpires },
        ...(isLatch
          ? { ':token': { S: quoted('$states.context.Task.Token') }, ':all': { N: String(gate.producers.length) } }
          : { ':token': { L: [{ S: quoted('$states.context.Task.Token') }] }, ':none': { L: [] } }),
      },
    },
    Retry: waitRetry,
    Catch: [{ ErrorEquals: [gateErrors.open], Output: on.output, Next: on.next }],
    Output: on.output,
    Next: on.next,
  };
}

/** The fields of the state that reads what a producer has left (`keep`) into a variable: its value, or null where it left none. */
export function readFields(
  producer: string,
  place: GatePlace,
  variable: string,
  on: { readonly next: string; readonly output: Json },
): { readonly [field: string]: Json } {
  const found = `$states.result.Item.${at.value}.S`;
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::aws-sdk:dynamodb:getItem',
    Arguments: {
      TableName: gatesTablePlaceholder,
      Key: itemKey(place, valueKey(producer)),
      ConsistentRead: true,
      ProjectionExpression: at.value,
    },
    Retry: waitRetry,
    Assign: { [variable]: quoted(`$exists(${found}) ? $parse(${found}) : null`) },
    Output: on.output,
    Next: on.next,
  };
}

/** Key of the item that holds what is read of a node behind gates. */
export function valueKey(producer: string): string {
  return `value ${producer}`;
}

/** The fields of the state in which a node without a function leaves its value for readers behind gates. */
export function keepFields(producer: string, place: GatePlace, value: string): { readonly [field: string]: Json } {
  return {
    Type: 'Task',
    Resource: 'arn:aws:states:::aws-sdk:dynamodb:updateItem',
    Arguments: {
      TableName: gatesTablePlaceholder,
      Key: itemKey(place, valueKey(producer)),
      UpdateExpression: `SET ${at.value} = :value, ${at.expires} = :expires`,
      ExpressionAttributeValues: { ':value': { S: quoted(`$string(${value})`) }, ':expires': { N: itemExpires } },
    },
    Retry: waitRetry,
  };
}

/** The parts of opening a gate by states: `open` fails when somebody waits, then `take` fetches the tokens and `send` sends them. */
export interface OpeningFields {
  readonly open: { readonly [field: string]: Json };
  readonly take: { readonly [field: string]: Json };
  readonly send: { readonly [field: string]: Json };
}

/**
 * States that open a gate for a node without a function. The first alone when nobody waits; else all three, and the
 * first decides which by a condition that fails exactly then. A set of names and not a count: adding twice adds once.
 */
export function openingFields(
  gate: Gate,
  producer: string,
  place: GatePlace,
  names: { readonly take: string; readonly dead: string; readonly one: string },
): OpeningFields {
  const isLatch = gate.kind === 'latch';
  const call = {
    Type: 'Task',
    // The optimised integration: the other one does not write sets.
    Resource: 'arn:aws:states:::dynamodb:updateItem',
    Retry: openRetry,
  };
  const target = { TableName: gatesTablePlaceholder, Key: itemKey(place, gate.key) };
  const update = isLatch
    ? {
        UpdateExpression: `ADD ${at.arrived} :self SET ${at.expires} = :expires`,
        values: { ':self': { SS: [producer] }, ':expires': { N: itemExpires } },
      }
    : {
        UpdateExpression: `SET ${at.done} = :yes, ${at.expires} = :expires`,
        values: { ':yes': { BOOL: true }, ':expires': { N: itemExpires } },
      };
  const count = gate.producers.length;
  const nobodyToTell = `attribute_not_exists(${at.waiting})`;
  const notLast = `attribute_not_exists(${at.arrived}) OR size(${at.arrived}) < :before OR (size(${at.arrived}) = :before AND contains(${at.arrived}, :name))`;
  const latchCondition = count === 1 ? nobodyToTell : `${nobodyToTell} OR ${notLast}`;
  const latchValues = count === 1 ? {} : { ':before': { N: String(count - 1) }, ':name': { S: producer } };
  const tokens = isLatch
    ? `[$states.result.Attributes.${at.waiting}.S]`
    : `[$states.result.Attributes.${at.waiting}.L.S]`;
  return {
    open: {
      ...call,
      Arguments: {
        ...target,
        UpdateExpression: update.UpdateExpression,
        ConditionExpression: isLatch ? latchCondition : nobodyToTell,
        ExpressionAttributeValues: { ...update.values, ...(isLatch ? latchValues : {}) },
      },
      Catch: [{ ErrorEquals: [gateErrors.somebodyWaits], Output: quoted('$states.input'), Next: names.take }],
    },
    take: {
      ...call,
      Arguments: {
        ...target,
        UpdateExpression: update.UpdateExpression,
        ExpressionAttributeValues: update.values,
        ReturnValues: 'ALL_NEW',
      },
      Output: quoted(`{"given": $states.input, "tokens": ${tokens}}`),
    },
    send: {
      Type: 'Map',
      Items: quoted('$states.input.tokens'),
      ItemProcessor: {
        ProcessorConfig: { Mode: 'INLINE' },
        StartAt: names.one,
        States: {
          [names.one]: {
            Type: 'Task',
            Resource: 'arn:aws:states:::aws-sdk:sfn:sendTaskSuccess',
            Arguments: { TaskToken: quoted('$states.input'), Output: '{}' },
            Retry: sendRetry,
            Catch: [{ ErrorEquals: gateErrors.deadToken, Output: {}, Next: names.dead }],
            Output: {},
            End: true,
          },
          [names.dead]: { Type: 'Pass', Output: {}, End: true },
        },
      },
    },
  };
}
