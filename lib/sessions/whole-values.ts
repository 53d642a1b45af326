/**
 * Values as people read them: where history and records hold a pointer to S3 (lib/payload-layout.ts), what it points at.
 * What is longer than the reader wants is shown by its beginning, as `fitText` does.
 */
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { Json } from '../ir/expressions.ts';
import {
  hasReservedKey,
  isPayload,
  type Payload,
  piecesOf,
  pointersIn,
  unpack,
  unpackedBytes,
} from '../payload-layout.ts';
import { objectKeys } from '../storage-layout.ts';
import type { JobView, SessionView } from './view.ts';

/** Where large values lie. */
export interface PayloadStore {
  readonly s3: Pick<S3Client, 'send'>;
  readonly names: { readonly bucket: string };
}

/** Whose values they are. */
export interface ValueOwner {
  readonly pipeline_id: string;
  readonly session_id: string;
  readonly created_at: string;
}

/** @param maxBytes of JSON; a longer value is `{"truncated": true, "bytes", "full", "start"}` */
export type ReadWhole = (value: Json, maxBytes: number) => Promise<Json>;

/** Objects that are read at once. */
const maxReads = 16;
/** Inputs are outputs of others: what was read is kept for them, as long as it is short. */
const maxCachedBytes = 1_048_576;
/** Of a long value its beginning is shown, an eighth of what a whole one may have. */
const startPart = 8;

class NotKept extends Error {}

/** Reads values of one session. */
export function wholeValues({ s3, names }: PayloadStore, of: ValueOwner): ReadWhole {
  const known = new Map<string, Promise<string>>();
  const { bucket } = names;
  const keyOf = ({ object }: Payload) =>
    objectKeys.payload({ pipeline: of.pipeline_id, session: of.session_id, createdAt: of.created_at, object });
  const read = async (payload: Payload, bytes: number): Promise<Uint8Array<ArrayBuffer>> => {
    const Range = `bytes=${payload.start}-${payload.start + bytes - 1}`;
    try {
      const found = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: keyOf(payload), Range }));
      return new Uint8Array((await found.Body?.transformToByteArray()) ?? []);
    } catch (thrown) {
      const { name } = thrown as { readonly name?: string };
      if (name === 'NoSuchKey' || name === 'InvalidRange') throw new NotKept();
      throw thrown;
    }
  };
  const textOf = (pointer: string, payload: Payload): Promise<string> => {
    const before = known.get(pointer);
    if (before !== undefined) return before;
    const text = read(payload, payload.bytes).then(async (bytes) => {
      if (!(await isPayload(payload, bytes))) throw new NotKept();
      return new TextDecoder().decode(bytes);
    });
    if (payload.bytes <= maxCachedBytes) known.set(pointer, text);
    return text;
  };
  /** The first characters of a value's JSON text, reading no more of it than that. */
  const startOf = async (value: Json, characters: number): Promise<string> => {
    let start = '';
    for (const piece of piecesOf(value)) {
      if (start.length >= characters) break;
      if (typeof piece === 'string') start += piece;
      else {
        const bytes = await read(piece, Math.min(piece.bytes, characters + 1));
        const text = new TextDecoder().decode(bytes);
        start += piece.inside ? text.slice(1) : text;
      }
    }
    return start.slice(0, characters);
  };
  return async (value, maxBytes) => {
    let foreign = false;
    const pointers = pointersIn(value, () => {
      foreign = true;
      return undefined as never;
    });
    // Of an execution that was started elsewhere: it is shown as it is.
    if (foreign || pointers.size === 0) return value;
    const [first] = pointers.values();
    const full = `s3://${bucket}/${first === undefined ? '' : keyOf(first)}`;
    const bytes = unpackedBytes(value);
    try {
      if (bytes > maxBytes)
        return { truncated: true, bytes, full, start: await startOf(value, Math.floor(maxBytes / startPart)) };
      const texts = new Map<string, string>();
      await eachOf([...pointers], async ([pointer, payload]) => texts.set(pointer, await textOf(pointer, payload)));
      return unpack(value, (pointer) => texts.get(pointer) ?? 'null') as Json;
    } catch (thrown) {
      if (!(thrown instanceof NotKept)) throw thrown;
      return { truncated: true, bytes, full: `${full}, which is not kept any more`, start: '' };
    }
  };
}

async function eachOf<T>(list: readonly T[], work: (one: T) => Promise<unknown>): Promise<void> {
  const open = list.values();
  const next = async (): Promise<void> => {
    for (const one of open) await work(one);
  };
  await Promise.all(Array.from({ length: Math.min(maxReads, list.length) }, next));
}

/** A session with its values as people read them. `result` is of the session's own output, `values` of all others. */
export async function wholeView(
  store: PayloadStore,
  of: ValueOwner,
  view: SessionView,
  limits: { readonly result: number; readonly values: number },
): Promise<SessionView> {
  if (!hasReservedKey(JSON.stringify(view))) return view;
  const whole = wholeValues(store, of);
  const jobs: JobView[] = [...view.jobs];
  await eachOf([...jobs.entries()], async ([index, job]) => {
    const { input, output } = job;
    jobs[index] = {
      ...job,
      ...(input === undefined ? {} : { input: await whole(input, limits.values) }),
      ...(output === undefined ? {} : { output: await whole(output, limits.values) }),
    };
  });
  return {
    ...view,
    jobs,
    input: await whole(view.input, limits.values),
    ...(view.output === undefined ? {} : { output: await whole(view.output, limits.result) }),
  };
}
