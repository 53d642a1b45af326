/**
 * The tables of a simulation: checkpoints and gates, as much of DynamoDB and of task tokens as wrapper and machine use.
 * Each call is carried out at one moment.
 */
import type { Json, TaskOutcome, TaskRequest } from '../../lib/engine/ports.ts';
import { gateAttributes as at, gateErrors } from '../../lib/gate-layout.ts';
import { tables } from '../../lib/storage-layout.ts';

const { partitionKey, sortKey } = tables.jobHistory;

interface Gate {
  arrived: Set<string>;
  opened: boolean;
  waiting: string[];
  kept?: string;
}
type Value = { readonly S?: string; readonly N?: string; readonly SS?: readonly string[] };
interface Call {
  readonly Key?: { readonly [name: string]: Value };
  readonly Item?: { readonly [name: string]: Value };
  readonly ConditionExpression?: string;
  readonly ExpressionAttributeValues?: { readonly [name: string]: Value };
  readonly ReturnValues?: string;
  readonly TaskToken?: string;
  readonly taskToken?: string;
}

export interface Answer {
  readonly status: 200 | 400;
  readonly body: object;
}

export interface Store {
  /** Serves a call of the wrapper. */
  call(target: string, request: object): Answer;
  /** A task of the machine at a gate; `undefined` for a wait that is not over. */
  task(request: TaskRequest): TaskOutcome | undefined;
  /** Hears of tokens that are sent. @returns whether somebody waits with it */
  send: (token: string) => boolean;
  /** Job → the output with which it was recorded as completed. */
  readonly checkpoints: ReadonlyMap<string, string>;
}

const refused = (name: string): Answer => ({ status: 400, body: { __type: `x#${name}`, message: 'refused' } });
const failed = (error: string): TaskOutcome => ({ ok: false, error, cause: 'The conditional request failed' });

export function simulatedStore(): Store {
  const checkpoints = new Map<string, string>();
  const items = new Map<string, Record<string, Value>>();
  const gates = new Map<string, Gate>();
  const gateOf = (key: string): Gate => {
    const found = gates.get(key) ?? { arrived: new Set<string>(), opened: false, waiting: [] };
    gates.set(key, found);
    return found;
  };
  const keyOf = ({ Key = {} }: Call) =>
    Object.values(Key)
      .map(({ S }) => S)
      .join('|');
  const change = (call: Call): Gate => {
    const gate = gateOf(keyOf(call));
    const values = call.ExpressionAttributeValues ?? {};
    if (values[':value']?.S !== undefined) gate.kept = values[':value'].S;
    for (const name of values[':self']?.SS ?? []) gate.arrived.add(name);
    if (values[':yes'] !== undefined) gate.opened = true;
    return gate;
  };
  const store: Store = {
    checkpoints,
    send: () => false,
    call(target, request) {
      const call = request as Call;
      switch (target.split('.').at(-1)) {
        case 'GetItem': {
          const Item = items.get(keyOf(call));
          return { status: 200, body: Item === undefined ? {} : { Item } };
        }
        case 'PutItem': {
          const Item = call.Item ?? {};
          const key = `${Item[partitionKey]?.S}|${Item[sortKey]?.S}`;
          if (items.has(key)) return refused('ConditionalCheckFailedException');
          items.set(key, Item);
          checkpoints.set(Item['job_id']?.S ?? '', Item['output']?.S ?? '');
          return { status: 200, body: {} };
        }
        case 'UpdateItem': {
          const { arrived, waiting } = change(call);
          const flag = call.ExpressionAttributeValues?.[':yes'] !== undefined;
          const Attributes = {
            ...(arrived.size > 0 && { [at.arrived]: { SS: [...arrived] } }),
            ...(waiting.length > 0 && {
              [at.waiting]: flag ? { L: waiting.map((S) => ({ S })) } : { S: waiting.at(-1) },
            }),
          };
          return { status: 200, body: { Attributes } };
        }
        case 'SendTaskSuccess':
          return store.send(call.taskToken ?? '') ? { status: 200, body: {} } : refused('TaskTimedOut');
        default:
          throw new Error(`a call of ${target}, which the simulation does not know`);
      }
    },
    task({ resource, arguments: given, token = '' }) {
      const call = given as unknown as Call;
      const gate = gateOf(keyOf(call));
      const values = call.ExpressionAttributeValues ?? {};
      switch (resource.replace(/^arn:aws:states:::/, '')) {
        case 'aws-sdk:dynamodb:updateItem.waitForTaskToken': {
          const all = values[':all']?.N;
          if (all === undefined ? gate.opened : gate.arrived.size >= Number(all)) return failed(gateErrors.open);
          gate.waiting = all === undefined ? [...gate.waiting, token] : [token];
          return undefined;
        }
        case 'aws-sdk:dynamodb:updateItem':
        case 'dynamodb:updateItem': {
          const before = values[':before']?.N;
          const [self = ''] = values[':self']?.SS ?? [];
          if (call.ConditionExpression !== undefined && gate.waiting.length > 0) {
            const size = gate.arrived.size;
            const isLast =
              before === undefined || size > Number(before) || (size === Number(before) && !gate.arrived.has(self));
            if (isLast) return failed(gateErrors.somebodyWaits);
          }
          change(call);
          const tokens = gate.waiting.map((S) => ({ S }));
          const shown = self === '' ? { L: tokens } : (tokens[0] ?? { L: [] });
          const output = call.ReturnValues === undefined ? {} : { Attributes: { [at.waiting]: shown } };
          return { ok: true, output: output as unknown as Json };
        }
        case 'aws-sdk:dynamodb:getItem':
          return { ok: true, output: gate.kept === undefined ? {} : { Item: { [at.value]: { S: gate.kept } } } };
        case 'aws-sdk:sfn:sendTaskSuccess':
          return store.send(call.TaskToken ?? '') ? { ok: true, output: {} } : failed('Sfn.TaskTimedOutException');
        default:
          throw new Error(`a task of ${resource}, which the simulation does not know`);
      }
    },
  };
  return store;
}
