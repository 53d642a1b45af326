/** What a map run is over: its reader as it is recorded, the items that it reads, and what each child gets of them. */
import type { ItemReader, Json, MapState } from '../asl/definition.ts';
import { type ItemFormat, ItemsUnreadable, itemsWithin } from '../asl/item-formats.ts';
import { dataFilesOf } from '../asl/item-manifests.ts';
import { speaksJsonPath, type Thread } from './execution.ts';
import { filled, itemSelector, numberIn } from './map-fields.ts';
import type { MapObjects } from './ports.ts';
import type { Turn } from './turn.ts';

/** The reader of a run, evaluated. */
export async function readerOf(turn: Turn, thread: Thread, state: MapState, reader: ItemReader): Promise<Json> {
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
  readonly arguments: { readonly [name: string]: Json };
  readonly config: Partial<ItemFormat>;
  /** 0 is all. */
  readonly maxItems: number;
}

/** The items of a run, object by object. @throws {ItemsUnreadable} also while they are gone through */
export async function* readItems(turn: Turn, recorded: Json): AsyncGenerator<Iterable<Json>> {
  const { resource, arguments: place, config, maxItems } = recorded as unknown as RecordedReader;
  if (turn.objects === undefined) throw new ItemsUnreadable('There is no object store to read from.');
  if (place['VersionId'] !== undefined) throw new ItemsUnreadable('There are no versions of objects in this store.');
  const bucket = textIn(place, 'Bucket');
  const format: ItemFormat = { InputType: 'JSON', ...config };
  const parts = resource.endsWith(':s3:listObjectsV2')
    ? listed(turn.objects, bucket, place['Prefix'], format)
    : itemsIn(turn.objects, bucket, textIn(place, 'Key'), format);
  let left = maxItems === 0 ? Number.POSITIVE_INFINITY : maxItems;
  const counted = function* (part: Iterable<Json>): Generator<Json> {
    for (const item of part) {
      if (left === 0) return;
      left -= 1;
      yield item;
    }
  };
  for await (const part of parts) {
    yield counted(part);
    // No more objects are read than is needed.
    if (left === 0) return;
  }
}

function textIn(place: RecordedReader['arguments'], field: string): string {
  const value = place[field];
  if (typeof value === 'string') return value;
  throw new ItemsUnreadable(`The ${field} must be a string but was: ${JSON.stringify(value)}`);
}

async function textOfObject(objects: MapObjects, bucket: string, key: string): Promise<string> {
  const text = await objects.read(bucket, key);
  if (text === undefined) throw new ItemsUnreadable(`The object ${key} of the bucket ${bucket} does not exist.`);
  return text;
}

/** The objects of a bucket, or what is in them. */
async function* listed(
  objects: MapObjects,
  bucket: string,
  prefix: Json | undefined,
  format: ItemFormat,
): AsyncGenerator<Iterable<Json>> {
  const found = await objects.list(bucket, typeof prefix === 'string' ? prefix : '');
  if (format.Transformation !== 'LOAD_AND_FLATTEN') {
    yield found;
    return;
  }
  for (const object of found) {
    const { Key: key } = object as { readonly Key: string };
    yield itemsWithin(await textOfObject(objects, bucket, key), format);
  }
}

/** The items of an object, or of those that it names. */
async function* itemsIn(
  objects: MapObjects,
  bucket: string,
  key: string,
  format: ItemFormat,
): AsyncGenerator<Iterable<Json>> {
  const text = await textOfObject(objects, bucket, key);
  const files = dataFilesOf(text, format);
  if (files === undefined) yield itemsWithin(text, format);
  else for (const file of files) yield itemsWithin(await textOfObject(objects, file.bucket, file.key), file.format);
}

/**
 * What each child gets, as JSON texts: an item, selected, or a batch of them. Items are forgotten as soon as they are in
 * a text, so that there need not be room for all of them.
 *
 * @throws {ItemsUnreadable} of the parts
 */
export async function childInputs(
  turn: Turn,
  thread: Thread,
  state: MapState,
  parts: AsyncIterable<Iterable<Json>> | Iterable<Iterable<Json>>,
): Promise<readonly string[]> {
  const select = itemSelector(turn, thread, state);
  const batching = await batchingOf(turn, thread, state);
  const texts: string[] = [];
  let batch: string[] = [];
  let bytes = 0;
  const close = (): void => {
    if (batching === undefined || batch.length === 0) return;
    texts.push(`${batching.head}${batch.join(',')}]}`);
    batch = [];
  };
  let index = 0;
  for await (const part of parts)
    for (const item of part) {
      const selected = select(index, item);
      const text = JSON.stringify(selected instanceof Promise ? await selected : selected);
      index += 1;
      if (batching === undefined) {
        texts.push(text);
        continue;
      }
      const { maxItems, maxBytes, headBytes } = batching;
      const more = maxBytes === Number.POSITIVE_INFINITY ? 0 : bytesOf(text);
      // With a comma before it.
      if (batch.length >= maxItems || (batch.length > 0 && bytes + more + 1 > maxBytes)) close();
      bytes = batch.length === 0 ? headBytes + more : bytes + more + 1;
      batch.push(text);
    }
  close();
  return texts;
}

interface Batching {
  readonly maxItems: number;
  readonly maxBytes: number;
  /** A batch up to its first item, and the bytes of that with what closes it. */
  readonly head: string;
  readonly headBytes: number;
}

async function batchingOf(turn: Turn, thread: Thread, state: MapState): Promise<Batching | undefined> {
  const batcher = state.ItemBatcher;
  if (batcher === undefined) return undefined;
  const most = async (field: string) =>
    (await numberIn(turn, thread, state, batcher, field, `ItemBatcher/${field}`)) ?? Number.POSITIVE_INFINITY;
  const maxItems = await most('MaxItemsPerBatch');
  const maxBytes = await most('MaxInputBytesPerBatch');
  const given =
    batcher.BatchInput === undefined
      ? ''
      : `"BatchInput":${JSON.stringify(await filled(turn, thread, state, batcher.BatchInput, 'ItemBatcher/BatchInput'))},`;
  const head = `{${given}"Items":[`;
  return { maxItems, maxBytes, head, headBytes: bytesOf(head) + 2 };
}

const encoder = new TextEncoder();

function bytesOf(text: string): number {
  return encoder.encode(text).length;
}
