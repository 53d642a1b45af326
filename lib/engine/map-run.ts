/**
 * A distributed Map: items from the state's data or from objects, each item (or batch of them) in a child execution
 * with a history of its own. A child is a thread of the same execution; its events are private records of the journal.
 *
 * In the Map's history: MapStateStarted, MapRunStarted, MapRunSucceeded or MapRunFailed, and the state's own end.
 * `map-items.ts` reads what a run is over, `map-results.ts` makes what it gives, `fold-map-run.ts` follows it.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
 */
import type { Json, MapState } from '../asl/definition.ts';
import { ItemsUnreadable } from '../asl/item-formats.ts';
import { fitsBytes, maxPayloadBytes } from '../asl/json.ts';
import { type Fan, stateOf, type Thread } from './execution.ts';
import { failsBySize, oversizeCause } from './finish.ts';
import { hasExpressChildren } from './fold-redrive.ts';
import { itemsOf, mapNumber } from './map-fields.ts';
import { childInputs, readerOf, readItems } from './map-items.ts';
import { resultOfRun } from './map-results.ts';
import type { ExportedResults, MapRun } from './map-run-state.ts';
import { writerOf } from './map-writer.ts';
import { isFull, note, record, type Turn } from './turn.ts';

/** Records what a run is over, as far as the state's own data tells. */
export async function startMapRun(turn: Turn, thread: Thread, state: MapState): Promise<void> {
  // With an ItemReader the items come from its object; ItemsPath does not count then.
  const items = state.ItemReader === undefined ? await itemsOf(turn, thread, state) : [];
  const limit = (await mapNumber(turn, thread, state, 'MaxConcurrency')) ?? 0;
  note(turn, thread, { type: 'items', limit, items: JSON.stringify(items) });
  record(turn, thread, { type: 'MapStateStarted', mapStateStartedEventDetails: { length: items.length } });
}

/** Evaluates the rest of what a run needs to know, and records that it has started. */
export async function openMapRun(turn: Turn, thread: Thread): Promise<void> {
  const state = stateOf(thread);
  if (state.Type !== 'Map') throw new TypeError(`${thread.state} is a ${state.Type}, not a Map`);
  const toleratedCount = await mapNumber(turn, thread, state, 'ToleratedFailureCount');
  const toleratedPercentage = await mapNumber(turn, thread, state, 'ToleratedFailurePercentage');
  const reader = state.ItemReader === undefined ? undefined : await readerOf(turn, thread, state, state.ItemReader);
  const writer = state.ResultWriter === undefined ? undefined : await writerOf(turn, thread, state, state.ResultWriter);
  const { executionArn, stateMachineName } = turn.execution.identity;
  const [, partition, , region, account] = executionArn.split(':');
  const label = state.Label ?? turn.sources.uuid();
  const arn = `arn:${partition}:states:${region}:${account}:mapRun:${stateMachineName}/${label}:${turn.sources.uuid()}`;
  note(turn, thread, {
    type: 'run',
    arn,
    ...(toleratedCount === undefined ? {} : { toleratedCount }),
    ...(toleratedPercentage === undefined ? {} : { toleratedPercentage }),
    ...(reader === undefined ? {} : { reader }),
    ...(writer === undefined ? {} : { writer }),
  });
  record(turn, thread, { type: 'MapRunStarted', mapRunStartedEventDetails: { mapRunArn: arn } });
}

/** Reads the items, makes of them what the children get, and records that; or that the run has failed. */
export async function readMapRun(turn: Turn, thread: Thread, run: MapRun, given: readonly Json[]): Promise<void> {
  const state = stateOf(thread);
  if (state.Type !== 'Map') throw new TypeError(`${thread.state} is a ${state.Type}, not a Map`);
  const fails = (error: string, cause: string) =>
    record(turn, thread, { type: 'MapRunFailed', mapRunFailedEventDetails: { error, cause } });
  let texts: readonly string[];
  try {
    texts = await childInputs(turn, thread, state, run.reader === undefined ? [given] : readItems(turn, run.reader));
  } catch (thrown) {
    if (!(thrown instanceof ItemsUnreadable)) throw thrown;
    fails(thrown.name, thrown.message);
    return;
  }
  if (texts.every((text) => fitsBytes(text, maxPayloadBytes))) {
    note(turn, thread, { type: 'children', inputs: `[${texts.join(',')}]` });
  } else fails('States.DataLimitExceeded', oversizeCause(thread.state));
}

/** Goes on with a run: starts children, exports what they gave, ends with them, or when more have failed than may. */
export function continueMapRun(turn: Turn, thread: Thread, fan: Fan, run: MapRun): void {
  const exceeded = isExceeded(run);
  if (!exceeded) startNext(turn, thread, fan);
  else {
    for (const child of [...thread.children.values()]) {
      record(turn, child, { type: 'ExecutionAborted', executionAbortedEventDetails: {} });
    }
  }
  const isOver = fan.running === 0 && (exceeded || (fan.next === fan.inputs.length && fan.again.length === 0));
  if (!isOver) return;
  if (run.writer.to !== undefined && run.exported === undefined) note(turn, thread, { type: 'writing' });
  else endMapRun(turn, thread, fan, run);
}

function startNext(turn: Turn, thread: Thread, fan: Fan): void {
  for (const lost of fan.again.slice(0, Math.max(0, fan.limit - fan.running))) runAgain(turn, thread, lost);
  while (fan.next < fan.inputs.length && fan.running < fan.limit) {
    const index = fan.next;
    note(turn, thread, { type: 'child', index, name: turn.sources.uuid() });
    const child = thread.children.get(index);
    if (child === undefined) throw new TypeError(`child ${index} did not start`);
    recordChildStarted(turn, child);
  }
}

function endMapRun(turn: Turn, thread: Thread, fan: Fan, run: MapRun): void {
  const fails = (error: string, cause: string) =>
    record(turn, thread, { type: 'MapRunFailed', mapRunFailedEventDetails: { error, cause } });
  if (run.status === 'RUNNING') {
    if (isExceeded(run)) {
      fails('States.ExceedToleratedFailureThreshold', 'The specified tolerated failure threshold was exceeded');
      return;
    }
    if (run.exported !== undefined && 'cause' in run.exported) {
      fails('States.ResultWriterFailed', run.exported.cause);
      return;
    }
    record(turn, thread, { type: 'MapRunSucceeded' });
  }
  if (failsBySize(turn, thread, thread.state, resultOfRun(fan, run).text)) return;
  record(turn, thread, { type: 'MapStateSucceeded' });
}

/** Records what came of exporting the results of a run. */
export function recordExported(turn: Turn, thread: Thread, exported: ExportedResults): void {
  note(turn, thread, { type: 'written', exported });
}

/** A child that has failed goes on in a redriven run; one of type EXPRESS, or whose history is full, begins anew. */
function runAgain(turn: Turn, thread: Thread, lost: Thread): void {
  const { index } = lost;
  const anew = hasExpressChildren(thread) || isFull(lost.child?.events ?? 0);
  note(turn, thread, { type: 'childAgain', index, ...(anew ? { name: turn.sources.uuid() } : {}) });
  const child = thread.children.get(index);
  if (child === undefined) throw new TypeError(`child ${index} did not start`);
  if (anew) recordChildStarted(turn, child);
}

/** Records that a child begins; its own first step does it where a crash came between its name and this event. */
export function recordChildStarted(turn: Turn, child: Thread): void {
  record(turn, child, { type: 'ExecutionStarted', executionStartedEventDetails: { input: child.input.text } }, 0);
}

/** Records that a child goes on. */
export function redriveChild(turn: Turn, thread: Thread): void {
  const { events = 0, redrives = 0 } = thread.child ?? {};
  const executionRedrivenEventDetails = { redriveCount: redrives + 1 };
  record(turn, thread, { type: 'ExecutionRedriven', executionRedrivenEventDetails }, events);
}

/** Records that a failed run runs again. */
export function redriveMapRun(turn: Turn, thread: Thread, run: MapRun): void {
  const mapRunRedrivenEventDetails = { mapRunArn: run.arn, redriveCount: run.redrives + 1 };
  record(turn, thread, { type: 'MapRunRedriven', mapRunRedrivenEventDetails });
}

/** Without a tolerance, the first failure fails the run; with one, each kind that is given is a limit, in items. */
export function isExceeded(run: MapRun): boolean {
  if (run.failed === 0) return false;
  const { toleratedCount, toleratedPercentage } = run;
  const byCount = toleratedCount !== undefined && run.failed > toleratedCount;
  const byShare = toleratedPercentage !== undefined && (run.failed / run.items) * 100 > toleratedPercentage;
  return toleratedCount === undefined && toleratedPercentage === undefined ? true : byCount || byShare;
}
