/** The part of the fold that follows a map run: its children, its settings, the export of its results, its end. */
import { type Payload, payloadOfText } from '../asl/json.ts';
import {
  bodyOf,
  childThreadId,
  damagedJournal,
  type Execution,
  type Fan,
  joinedOutputs,
  stateOf,
  type Thread,
} from './execution.ts';
import { addThread, itemsOf, newFan, removeThread } from './fold-threads.ts';
import { resultOfRun } from './map-results.ts';
import type { ChildExecution, ExportedResults, ItemCounts, MapRun, RunChanges } from './map-run-state.ts';

/**
 * Child executions of a run at once at most.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 */
const maxConcurrentChildren = 10_000;

function limitOf({ maxConcurrency }: MapRun): number {
  return maxConcurrency === 0 ? maxConcurrentChildren : Math.min(maxConcurrency, maxConcurrentChildren);
}

/** The items of a map run are read: its children can start. */
export function startChildren(thread: Thread, text: string): void {
  if (thread.phase.kind !== 'reading') throw damagedJournal(`${thread.id} reads no items`);
  const { run } = thread.phase;
  // Children begin with an event that holds the text, with nobody to look for failures.
  const inputs = itemsOf(text).map((input) => payloadOfText(input.text));
  run.items = inputs.reduce((sum, input) => sum + itemsIn(thread, input), 0);
  thread.phase = { kind: 'children', fan: newFan(thread.lastEventId, inputs, limitOf(run), run) };
}

function itemsIn(map: Thread, input: Payload): number {
  const state = stateOf(map);
  if (state.Type !== 'Map' || state.ItemBatcher === undefined) return 1;
  // Counted from the text: what a payload has parsed it keeps, and there are as many as there are children.
  return (JSON.parse(input.text) as { readonly Items: readonly unknown[] }).Items.length;
}

/** A child execution of a map run: a thread with a history of its own. */
export function startChild(execution: Execution, thread: Thread, index: number, name: string): void {
  const state = stateOf(thread);
  const { phase } = thread;
  if (state.Type !== 'Map' || phase.kind !== 'children' || phase.fan.run === undefined)
    throw damagedJournal(`child ${name} starts in no map run`);
  const { fan } = phase;
  const input = fan.inputs[index];
  if (input === undefined) throw damagedJournal(`child ${index} of ${fan.inputs.length} starts`);
  fan.next = Math.max(fan.next, index + 1);
  fan.running += 1;
  // arn:PARTITION:states:REGION:ACCOUNT:mapRun:MACHINE/LABEL:ID
  const parts = phase.fan.run.arn.split(':');
  const stateMachineName = parts.at(-2) ?? '';
  const label = stateMachineName.split('/').at(-1) ?? '';
  const child: ChildExecution = {
    executionArn: `${parts.slice(0, 5).join(':')}:execution:${stateMachineName}:${name}`,
    name,
    stateMachineName,
    stateMachineArn: `${execution.identity.stateMachineArn}/${label}`,
    label,
    input: payloadOfText(input.text),
    items: itemsIn(thread, input),
    status: 'RUNNING',
    startedAtMs: 0,
    stoppedAtMs: undefined,
    output: undefined,
    failure: {},
    exported: false,
    events: 0,
    redrives: 0,
    redrivenAtMs: 0,
  };
  fan.executions[index] = child;
  const id = childThreadId(thread, fan, index);
  addThread(execution, { id, parent: thread, index, scope: bodyOf(state), item: undefined }, child.input, 0, child);
}

/** A child execution has ended. */
export function endChildExecution(
  execution: Execution,
  thread: Thread,
  status: 'SUCCEEDED' | 'FAILED' | 'ABORTED',
  atMs: number,
  { output, failure = {} }: Partial<Pick<ChildExecution, 'output' | 'failure'>>,
): void {
  const { parent, child } = thread;
  if (parent?.phase.kind !== 'children' || parent.phase.fan.run === undefined || child === undefined)
    throw damagedJournal(`${thread.id} is no child of a map run`);
  const { fan } = parent.phase;
  // As text: nobody works on its input any more.
  Object.assign(child, { status, stoppedAtMs: atMs, output, failure, input: payloadOfText(child.input.text) });
  fan.running -= 1;
  if (status !== 'SUCCEEDED') {
    parent.phase.fan.run.failed += child.items;
    fan.lost.push(thread);
  }
  removeThread(execution, thread);
  execution.touched(parent);
}

/** The settings of a run change while it is under way. */
export function changeRun(thread: Thread, changes: RunChanges): void {
  const run = runOf(thread);
  if (run === undefined) throw damagedJournal(`${thread.id} has no map run under way`);
  run.maxConcurrency = changes.maxConcurrency ?? run.maxConcurrency;
  if (changes.toleratedCount !== undefined) run.toleratedCount = changes.toleratedCount;
  if (changes.toleratedPercentage !== undefined) run.toleratedPercentage = changes.toleratedPercentage;
  if ('fan' in thread.phase) thread.phase.fan.limit = limitOf(run);
}

/** The map run that a thread has under way. */
export function runOf({ phase }: Thread): MapRun | undefined {
  if (phase.kind === 'reading' || phase.kind === 'writing' || phase.kind === 'redriving') return phase.run;
  return phase.kind === 'children' ? phase.fan.run : undefined;
}

export function startWriting(thread: Thread): void {
  if (thread.phase.kind !== 'children' || thread.phase.fan.run === undefined)
    throw damagedJournal(`${thread.id} writes results of no map run`);
  const { fan } = thread.phase;
  thread.phase = { kind: 'writing', fan, run: thread.phase.fan.run };
}

export function endWriting(thread: Thread, exported: ExportedResults): void {
  if (thread.phase.kind !== 'writing') throw damagedJournal(`${thread.id} writes no results`);
  const { fan, run } = thread.phase;
  run.exported = exported;
  if ('succeeded' in exported) {
    run.kept.push(...exported.succeeded);
    for (const child of fan.executions) if (child?.status === 'SUCCEEDED') child.exported = true;
  }
  thread.phase = { kind: 'children', fan };
}

export function endRun(execution: Execution, thread: Thread, status: 'SUCCEEDED' | 'FAILED', atMs: number): void {
  const run = runOf(thread);
  if (run === undefined) throw damagedJournal(`${thread.id} has no map run that ends`);
  run.status = status;
  run.stoppedAtMs = atMs;
  if (thread.phase.kind === 'children') execution.endedRuns.set(run.arn, countsOf(thread.phase.fan, run));
}

function countsOf({ executions }: Fan, { items: total }: MapRun): ItemCounts {
  const having = (wanted: ChildExecution['status']) =>
    executions.reduce((sum, child) => (child?.status === wanted ? sum + child.items : sum), 0);
  return { total, succeeded: having('SUCCEEDED'), failed: having('FAILED'), aborted: having('ABORTED') };
}

/** What a Parallel or Map whose children have ended gives. */
export function resultOfFan(fan: Fan): Payload {
  return fan.run === undefined ? joinedOutputs(fan) : resultOfRun(fan, fan.run);
}
