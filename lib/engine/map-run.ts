/**
 * A distributed Map: items from the state's data or from objects, each item (or batch of them) in a child execution
 * with a history of its own. A child is a thread of the same execution; its events are private records of the journal.
 *
 * In the Map's history: MapStateStarted, MapRunStarted, MapRunSucceeded or MapRunFailed, and the state's own end.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
 */
import type { ItemReader, Json, MapState } from '../asl/definition.ts';
import { type ItemFormat, ItemsUnreadable, itemsOfFile } from '../asl/item-formats.ts';
import { fitsBytes, payloadOfValue } from '../asl/json.ts';
import { type Fan, joinedOutputs, type MapRun, speaksJsonPath, stateOf, type Thread } from './execution.ts';
import { failsBySize } from './finish.ts';
import { hasExpressChildren } from './fold-redrive.ts';
import { filled, itemsOf, mapNumber, numberIn, selectItem } from './map-fields.ts';
import { isFull, note, record, type Turn } from './turn.ts';

/**
 * Child executions of a run at once at most.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 */
const maxConcurrentChildren = 10_000;

/** Records what a run is over, as far as the state's own data tells. */
export async function startMapRun(turn: Turn, thread: Thread, state: MapState): Promise<void> {
  // With an ItemReader the items come from its object; ItemsPath does not count then.
  const items = state.ItemReader === undefined ? await itemsOf(turn, thread, state) : [];
  const concurrency = (await mapNumber(turn, thread, state, 'MaxConcurrency')) ?? 0;
  const limit = Math.min(maxConcurrentChildren, concurrency === 0 ? maxConcurrentChildren : concurrency);
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
  });
  record(turn, thread, { type: 'MapRunStarted', mapRunStartedEventDetails: { mapRunArn: arn } });
}

/** Reads the items, makes of them what the children get, and records that; or that the run has failed. */
export async function readMapRun(turn: Turn, thread: Thread, run: MapRun, given: readonly Json[]): Promise<void> {
  const state = stateOf(thread);
  if (state.Type !== 'Map') throw new TypeError(`${thread.state} is a ${state.Type}, not a Map`);
  let items = given;
  if (run.reader !== undefined) {
    try {
      items = await readItems(turn, run.reader);
    } catch (thrown) {
      if (!(thrown instanceof ItemsUnreadable)) throw thrown;
      record(turn, thread, {
        type: 'MapRunFailed',
        mapRunFailedEventDetails: { error: thrown.name, cause: thrown.message },
      });
      return;
    }
  }
  const selected: Json[] = [];
  for (const [index, item] of items.entries()) selected.push(await selectItem(turn, thread, state, index, item));
  const inputs = state.ItemBatcher === undefined ? selected : await batches(turn, thread, state, selected);
  note(turn, thread, { type: 'children', inputs: JSON.stringify(inputs) });
}

/** Goes on with a run: starts children, ends with them, or fails when more of them have failed than may. */
export function continueMapRun(turn: Turn, thread: Thread, fan: Fan, run: MapRun): void {
  if (isExceeded(fan, run)) {
    for (const child of [...thread.children.values()]) {
      record(turn, child, { type: 'ExecutionAborted', executionAbortedEventDetails: {} });
    }
    const error = 'States.ExceedToleratedFailureThreshold';
    const cause = 'The specified tolerated failure threshold was exceeded';
    record(turn, thread, { type: 'MapRunFailed', mapRunFailedEventDetails: { error, cause } });
    return;
  }
  for (const lost of fan.again.slice(0, Math.max(0, fan.limit - fan.running))) runAgain(turn, thread, lost);
  while (fan.next < fan.inputs.length && fan.running < fan.limit) {
    const index = fan.next;
    note(turn, thread, { type: 'child', index, name: turn.sources.uuid() });
    const child = thread.children.get(index);
    if (child === undefined) throw new TypeError(`child ${index} did not start`);
    recordChildStarted(turn, child);
  }
  if (fan.next < fan.inputs.length || fan.running > 0 || fan.again.length > 0) return;
  record(turn, thread, { type: 'MapRunSucceeded' });
  if (failsBySize(turn, thread, thread.state, joinedOutputs(fan).text)) return;
  record(turn, thread, { type: 'MapStateSucceeded' });
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

/** Without a tolerance, the first failure fails the run; with one, each kind that is given is a limit. */
export function isExceeded(fan: Fan, run: MapRun): boolean {
  if (run.failed === 0) return false;
  const { toleratedCount, toleratedPercentage } = run;
  const byCount = toleratedCount !== undefined && run.failed > toleratedCount;
  const byShare = toleratedPercentage !== undefined && (run.failed / fan.inputs.length) * 100 > toleratedPercentage;
  return toleratedCount === undefined && toleratedPercentage === undefined ? true : byCount || byShare;
}

async function readerOf(turn: Turn, thread: Thread, state: MapState, reader: ItemReader): Promise<Json> {
  const config = reader.ReaderConfig ?? {};
  const maxItems = await numberIn(turn, thread, state, config, 'MaxItems', 'ItemReader/ReaderConfig/MaxItems');
  const isPath = speaksJsonPath(turn.execution, state);
  const template = (isPath ? reader.Parameters : reader.Arguments) ?? {};
  const location = `ItemReader/${isPath ? 'Parameters' : 'Arguments'}`;
  return {
    resource: reader.Resource,
    arguments: await filled(turn, thread, state, template, location),
    config: config as Json,
    maxItems: maxItems ?? 0,
  };
}

/** A run's reader as it is recorded. */
interface RecordedReader {
  readonly resource: string;
  readonly arguments: { readonly Bucket?: Json; readonly Key?: Json; readonly Prefix?: Json };
  readonly config: Partial<ItemFormat>;
  /** 0 is all. */
  readonly maxItems: number;
}

/** @throws {ItemsUnreadable} */
async function readItems(turn: Turn, recorded: Json): Promise<readonly Json[]> {
  const { resource, arguments: place, config, maxItems } = recorded as unknown as RecordedReader;
  const { Bucket: bucket, Key: key, Prefix: prefix } = place;
  if (typeof bucket !== 'string')
    throw new ItemsUnreadable(`The Bucket must be a string but was: ${JSON.stringify(bucket)}`);
  if (turn.objects === undefined) throw new ItemsUnreadable('There is no object store to read from.');
  let items: readonly Json[];
  if (resource.endsWith(':s3:listObjectsV2')) {
    items = await turn.objects.list(bucket, typeof prefix === 'string' ? prefix : '');
  } else {
    if (typeof key !== 'string') throw new ItemsUnreadable(`The Key must be a string but was: ${JSON.stringify(key)}`);
    const text = await turn.objects.read(bucket, key);
    if (text === undefined) throw new ItemsUnreadable(`The object ${key} of the bucket ${bucket} does not exist.`);
    items = itemsOfFile(text, { InputType: 'JSON', ...config });
  }
  return maxItems === 0 ? items : items.slice(0, maxItems);
}

async function batches(turn: Turn, thread: Thread, state: MapState, items: readonly Json[]): Promise<readonly Json[]> {
  const batcher = state.ItemBatcher ?? {};
  const most = async (field: string) =>
    (await numberIn(turn, thread, state, batcher, field, `ItemBatcher/${field}`)) ?? Number.POSITIVE_INFINITY;
  const maxItems = await most('MaxItemsPerBatch');
  const maxBytes = await most('MaxInputBytesPerBatch');
  const input =
    batcher.BatchInput === undefined
      ? {}
      : { BatchInput: await filled(turn, thread, state, batcher.BatchInput, 'ItemBatcher/BatchInput') };
  const made: Json[][] = [];
  const fits = (batch: readonly Json[]) =>
    batch.length <= maxItems && (maxBytes === Number.POSITIVE_INFINITY || fitsBytes(textOf(input, batch), maxBytes));
  for (const item of items) {
    const last = made.at(-1);
    if (last !== undefined && fits([...last, item])) last.push(item);
    else made.push([item]);
  }
  return made.map((batch) => ({ ...input, Items: batch }));
}

function textOf(input: object, batch: readonly Json[]): string {
  return payloadOfValue({ ...input, Items: batch } as Json).text;
}
