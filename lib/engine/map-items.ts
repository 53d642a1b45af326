/** What a map run is over: its reader as it is recorded, the items that it reads, and what each child gets of them. */
import type { ItemReader, Json, MapState } from '../asl/definition.ts';
import { type ItemFormat, ItemsUnreadable, itemsOfFile } from '../asl/item-formats.ts';
import { dataFilesOf } from '../asl/item-manifests.ts';
import { fitsBytes, payloadOfValue } from '../asl/json.ts';
import { speaksJsonPath, type Thread } from './execution.ts';
import { filled, numberIn, selectItem } from './map-fields.ts';
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

/** @throws {ItemsUnreadable} */
export async function readItems(turn: Turn, recorded: Json): Promise<readonly Json[]> {
  const { resource, arguments: place, config, maxItems } = recorded as unknown as RecordedReader;
  if (turn.objects === undefined) throw new ItemsUnreadable('There is no object store to read from.');
  if (place['VersionId'] !== undefined) throw new ItemsUnreadable('There are no versions of objects in this store.');
  const bucket = textIn(place, 'Bucket');
  const format: ItemFormat = { InputType: 'JSON', ...config };
  const items = resource.endsWith(':s3:listObjectsV2')
    ? await listed(turn.objects, bucket, place['Prefix'], format, maxItems)
    : await itemsIn(turn.objects, bucket, textIn(place, 'Key'), format, maxItems);
  return firstOf(items, maxItems);
}

function textIn(place: RecordedReader['arguments'], field: string): string {
  const value = place[field];
  if (typeof value === 'string') return value;
  throw new ItemsUnreadable(`The ${field} must be a string but was: ${JSON.stringify(value)}`);
}

function firstOf<T>(items: readonly T[], most: number): readonly T[] {
  return most === 0 ? items : items.slice(0, most);
}

async function textOfObject(objects: MapObjects, bucket: string, key: string): Promise<string> {
  const text = await objects.read(bucket, key);
  if (text === undefined) throw new ItemsUnreadable(`The object ${key} of the bucket ${bucket} does not exist.`);
  return text;
}

/** The objects of a bucket, or what is in them. */
async function listed(
  objects: MapObjects,
  bucket: string,
  prefix: Json | undefined,
  format: ItemFormat,
  maxItems: number,
): Promise<readonly Json[]> {
  const found = await objects.list(bucket, typeof prefix === 'string' ? prefix : '');
  if (format.Transformation !== 'LOAD_AND_FLATTEN') return found;
  const files = found.map((object) => ({ bucket, key: (object as { readonly Key: string }).Key, format }));
  return itemsOfAll(objects, files, maxItems);
}

/** The items of an object, or of those that it names. */
async function itemsIn(
  objects: MapObjects,
  bucket: string,
  key: string,
  format: ItemFormat,
  maxItems: number,
): Promise<readonly Json[]> {
  const text = await textOfObject(objects, bucket, key);
  const files = dataFilesOf(text, format);
  return files === undefined ? itemsOfFile(text, format) : itemsOfAll(objects, files, maxItems);
}

/** The items of several objects in a row; no more of them are read than is needed. */
async function itemsOfAll(
  objects: MapObjects,
  files: readonly { readonly bucket: string; readonly key: string; readonly format: ItemFormat }[],
  maxItems: number,
): Promise<readonly Json[]> {
  const items: Json[] = [];
  for (const { bucket, key, format } of files) {
    if (maxItems > 0 && items.length >= maxItems) break;
    for (const item of itemsOfFile(await textOfObject(objects, bucket, key), format)) items.push(item);
  }
  return items;
}

/** What each child gets: an item, selected, or a batch of them. */
export async function childInputs(
  turn: Turn,
  thread: Thread,
  state: MapState,
  items: readonly Json[],
): Promise<readonly Json[]> {
  const selected: Json[] = [];
  for (const [index, item] of items.entries()) selected.push(await selectItem(turn, thread, state, index, item));
  return state.ItemBatcher === undefined ? selected : batches(turn, thread, state, selected);
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
