/**
 * The fixed structure of a state machine, as far as following a history needs it: which states form a sequence
 * (a *region*: the top level, a Parallel's branch, a Map's body), what may come after each, and what it retries.
 */
import type { Json } from '../ir/expressions.ts';
import { machinePlaceholder, type PipelineArtifact } from '../ir/artifact.ts';

export interface RetryRule {
  readonly errors: readonly string[];
  readonly maxAttempts: number;
}

export interface StateShape {
  readonly name: string;
  readonly type: string;
  readonly next: readonly string[];
  readonly retry: readonly RetryRule[];
  readonly region: Region;
  /** Of a job that calls a service: field names from the service's answer inwards to the job's output. */
  readonly result?: readonly string[];
}

export interface Region {
  /** Unique in the machine: the holding state's name and the branch's index. */
  readonly id: string;
  /** The Parallel or Map state that holds this region; absent for the top level. */
  readonly holder?: StateShape;
  /** Map states around this region, outermost first. */
  readonly maps: readonly string[];
}

export interface MachineMap {
  readonly top: Region;
  readonly states: ReadonlyMap<string, StateShape>;
  /** The region of each Map state's body. */
  readonly bodies: ReadonlyMap<string, Region>;
  /** States that run a round of a loop. */
  readonly rounds: ReadonlySet<string>;
  /** Which node each state serves that stands in session records. */
  readonly nodeOfState: ReadonlyMap<string, string>;
  /** The state that stands for each node in its region: the node's own. */
  readonly stateOfNode: ReadonlyMap<string, StateShape>;
  /** Jobs of containers whose output a state of its own takes. */
  readonly leaves: ReadonlySet<string>;
  /** True when an execution that is in `from` can still come to `to`; both of one region. */
  reaches(from: StateShape, to: StateShape): boolean;
}

const besides: ReadonlySet<string> = new Set(['start', 'again', 'bound', 'given', 'taken', 'totals']);
const recordedRoles: ReadonlySet<string> = new Set(['job', 'map', 'loop', 'wait', ...besides]);

type JsonObject = { readonly [key: string]: Json };

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): readonly string[] {
  return typeof value === 'string' ? [value] : [];
}

function objects(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function successors(state: JsonObject): readonly string[] {
  return [
    ...text(state['Next']),
    ...text(state['Default']),
    ...objects(state['Choices']).flatMap((choice) => text(choice['Next'])),
    ...objects(state['Catch']).flatMap((catcher) => text(catcher['Next'])),
  ];
}

function resultOf({ states, pipeline }: PipelineArtifact, name: string): { readonly result?: readonly string[] } {
  const operation = pipeline.operations[states[name]?.operation ?? ''];
  return operation !== undefined && 'task' in operation ? { result: operation.task.result } : {};
}

/** AWS tries 3 times more where a retrier does not say how often. */
const defaultMaxAttempts = 3;

function retryRules(state: JsonObject): readonly RetryRule[] {
  return objects(state['Retry']).map((rule) => ({
    errors: Array.isArray(rule['ErrorEquals']) ? rule['ErrorEquals'].flatMap(text) : [],
    maxAttempts: typeof rule['MaxAttempts'] === 'number' ? rule['MaxAttempts'] : defaultMaxAttempts,
  }));
}

/** Reads the structure of an artifact's state machine and its child machines. State names are unique in all of them. */
export function mapMachine(artifact: PipelineArtifact): MachineMap {
  const top: Region = { id: '', maps: [] };
  const states = new Map<string, StateShape>();
  const bodies = new Map<string, Region>();
  const children = new Map((artifact.shards ?? []).map((shard, index) => [machinePlaceholder(index + 1), shard]));
  const read = (machine: unknown, region: Region): void => {
    if (!isObject(machine) || !isObject(machine['States'])) return;
    for (const [name, state] of Object.entries(machine['States'])) {
      if (!isObject(state)) continue;
      // What runs a child machine is to the fold a Parallel that holds the child's states (`splice-histories.ts`).
      const started = isObject(state['Arguments']) ? text(state['Arguments']['StateMachineArn'])[0] : undefined;
      const child = children.get(started ?? '');
      const shape: StateShape = {
        name,
        type: child === undefined ? (text(state['Type'])[0] ?? '') : 'Parallel',
        next: successors(state),
        retry: retryRules(state),
        region,
        ...resultOf(artifact, name),
      };
      states.set(name, shape);
      if (child !== undefined) read(child, { id: `${name}.0`, holder: shape, maps: region.maps });
      objects(state['Branches']).forEach((branch, index) => {
        read(branch, { id: `${name}.${index}`, holder: shape, maps: region.maps });
      });
      if (shape.type === 'Map') {
        const body: Region = { id: `${name}.body`, holder: shape, maps: [...region.maps, name] };
        bodies.set(name, body);
        read(state['ItemProcessor'] ?? state['Iterator'], body);
      }
    }
  };
  read(artifact.definition, top);

  const rounds = new Set<string>();
  const nodeOfState = new Map<string, string>();
  const stateOfNode = new Map<string, StateShape>();
  const leaves = new Set<string>();
  for (const [name, origin] of Object.entries(artifact.states)) {
    const shape = states.get(name);
    if (shape === undefined || !recordedRoles.has(origin.role)) continue;
    nodeOfState.set(name, origin.node);
    if (origin.role === 'loop') rounds.add(name);
    if (origin.role === 'taken') leaves.add(origin.node);
    if (!besides.has(origin.role)) stateOfNode.set(origin.node, shape);
  }

  const reachable = new Map<string, ReadonlySet<string>>();
  const reachableFrom = (from: StateShape): ReadonlySet<string> => {
    const known = reachable.get(from.name);
    if (known !== undefined) return known;
    const found = new Set<string>();
    const open = [from.name];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      if (found.has(name)) continue;
      found.add(name);
      open.push(...(states.get(name)?.next ?? []));
    }
    // One set at a time is asked for again and again; keeping all of them would take quadratic memory.
    if (reachable.size >= 64) reachable.clear();
    reachable.set(from.name, found);
    return found;
  };

  return {
    top,
    states,
    bodies,
    rounds,
    nodeOfState,
    stateOfNode,
    leaves,
    reaches: (from, to) => reachableFrom(from).has(to.name),
  };
}

/** True when the state's Retry lets it try again after this error; `failures` holds the state's failures so far, this one included. */
export function retriesAfter(state: StateShape, error: string, failures: readonly string[]): boolean {
  const ruleFor = (name: string): RetryRule | undefined => state.retry.find((rule) => matches(rule, name));
  const rule = ruleFor(error);
  if (rule === undefined) return false;
  return failures.filter((name) => ruleFor(name) === rule).length <= rule.maxAttempts;
}

/** @see https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html */
function matches(rule: RetryRule, error: string): boolean {
  if (rule.errors.includes(error)) return true;
  if (error === 'States.Runtime' || error === 'States.DataLimitExceeded') return false;
  if (rule.errors.includes('States.ALL')) return true;
  return error !== 'States.Timeout' && rule.errors.includes('States.TaskFailed');
}
