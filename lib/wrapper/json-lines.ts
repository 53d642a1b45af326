/**
 * Records of a job as JSON Lines in S3: written while its handler yields them, read while another one asks for them. In
 * memory there are two parts at most. An object is there when it is complete, and nothing is ever written over it:
 *
 *     the handler yields … part 1 ─► part 2 ─► … ─► completed ─► checkpoint with { bucket, key, count, bytes }
 *         fails, times out, is killed: the upload is given up, no object; the next try writes one of its own
 *         two tries run at once: each completes its own object, the checkpoint names one
 *
 * It is bundled only where a contract has such records.
 */
import { jobErrors } from '../errors.ts';
import { environment, isRecordsPath, payloadPath, recordsObject } from '../storage-layout.ts';
import { jobError } from './job-error.ts';
import { type ObjectCall, objectCalls } from './object-calls.ts';
import { functionPorts, type WrapperPorts } from './ports.ts';
import { leakedSecret } from './secrets.ts';
import { checkValue, jsonText, type RecordsPlace, type Schema } from './values.ts';

/** Where records lie. */
export interface RecordsObject {
  readonly bucket: string;
  readonly key: string;
  /** How many there are. */
  readonly count: number;
  readonly bytes: number;
}

/** S3 takes parts from 5 MiB, and 10,000 of them: 78 GiB. */
const partBytes = 8 * 1024 ** 2;
const maxParts = 10_000;

/** In the place of a bucket, which is never called so: records in the memory of this process. */
const memory = ':memory:';
const inMemory = new Map<string, Uint8Array>();

/** Takes the bytes of an object one after the other. */
interface ObjectWriter {
  /** @returns a promise where there is something to wait for */
  write(bytes: Uint8Array): Promise<void> | undefined;
  /** Makes the object be there. @returns its key, and where */
  complete(): Promise<{ readonly bucket: string; readonly key: string }>;
  /** Nothing is left of it. */
  abandon(): Promise<void>;
}

/**
 * Writes what a handler has returned.
 *
 * @throws an error named `Bunsui.OutputInvalid` for what is no list of records, or a record that does not fit; what the
 *   handler throws; `Bunsui.RecordFailed` when S3 cannot be written
 */
export async function writeJsonLines(item: Schema, returned: unknown, place: RecordsPlace): Promise<RecordsObject> {
  const { operation, stored } = place;
  const writer = stored === undefined ? memoryWriter() : partsWriter(stored);
  let count = 0;
  let bytes = 0;
  const add = (value: unknown): Promise<void> | undefined => {
    const what = `record ${count} of ${operation}`;
    const line = Buffer.from(`${jsonText(value, 'record', what)}\n`);
    const secret = stored?.secretIn(line.toString());
    if (secret !== undefined) throw leakedSecret(what, secret);
    count += 1;
    bytes += line.length;
    return writer.write(line);
  };
  const checked = async (record: unknown): Promise<void> =>
    add(await checkValue(item, record, jobErrors.outputInvalid, `record ${count} of ${operation}`));
  /** Most schemas answer at once: then there is nothing to wait for until a part is full. */
  const take = (record: unknown): Promise<void> | undefined => {
    const result = item['~standard'].validate(record);
    return result instanceof Promise || result.issues !== undefined ? checked(record) : add(result.value);
  };
  try {
    if (isAsync(returned)) for await (const record of returned) await take(record);
    else if (isList(returned)) {
      for (const record of returned) {
        const waited = take(record);
        if (waited !== undefined) await waited;
      }
    } else {
      const message = `the handler of ${operation} returned no records: write \`async function*\` and yield them, or return a list`;
      throw jobError(jobErrors.outputInvalid, message);
    }
    return { ...(await writer.complete()), count, bytes };
  } catch (thrown) {
    await writer.abandon();
    throw thrown;
  }
}

const isAsync = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
const isList = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value;

function memoryWriter(): ObjectWriter {
  const chunks: Uint8Array[] = [];
  return {
    write(bytes) {
      chunks.push(bytes);
      return undefined;
    },
    async complete() {
      const key = `records-${inMemory.size + 1}.jsonl`;
      inMemory.set(key, Buffer.concat(chunks));
      return { bucket: memory, key };
    },
    abandon: async () => undefined,
  };
}

type Stored = NonNullable<RecordsPlace['stored']>;

/** One object in one request where it is small, in parts where it is not: one part is sent while the next one is filled. */
function partsWriter({ ports, remainingMs, block, job, attempt }: Stored): ObjectWriter {
  const call = objectCalls(ports, remainingMs);
  const digits = () => Math.floor(ports.random() * 2 ** 24).toString(16);
  const object = recordsObject({ job, generation: block.generation, attempt, unique: `${digits()}-${digits()}` });
  const path = payloadPath({ ...block, object });
  const etags: string[] = [];
  let upload: string | undefined;
  let part = Buffer.allocUnsafe(0);
  let used = 0;
  let sending: Promise<void> = Promise.resolve();

  const send = async (body: Buffer): Promise<void> => {
    if (etags.length >= maxParts) {
      const message = `the records of ${job} are more than the ${maxParts} parts of ${partBytes} bytes that one object has; let several jobs write them`;
      throw jobError(jobErrors.outputTooLarge, message);
    }
    upload ??= await begun(call, path);
    const query = { partNumber: String(etags.length + 1), uploadId: upload };
    const answer = await call('PUT', path, { body: new Uint8Array(body), query });
    if (answer === undefined) throw lost(path);
    etags.push(answer.etag);
  };
  /** Lets a full part go, when the one before it has gone. */
  const flush = async (): Promise<void> => {
    await sending;
    const full = part.subarray(0, used);
    part = Buffer.allocUnsafe(0);
    used = 0;
    sending = send(full);
    // Who waits for it next is told; until then it is nobody's unhandled failure.
    sending.catch(() => undefined);
  };

  const put = (bytes: Uint8Array): void => {
    if (part.length === 0) part = Buffer.allocUnsafe(partBytes);
    part.set(bytes, used);
    used += bytes.length;
  };
  /** What does not fit into the part goes on in the next one: S3 cuts anywhere. */
  const overflow = async (bytes: Uint8Array): Promise<void> => {
    for (let from = 0; from < bytes.length; ) {
      const taken = Math.min(bytes.length - from, partBytes - used);
      put(bytes.subarray(from, from + taken));
      from += taken;
      if (used === partBytes) await flush();
    }
  };

  return {
    write(bytes) {
      if (bytes.length >= partBytes - used) return overflow(bytes);
      put(bytes);
      return undefined;
    },

    async complete() {
      await sending;
      const rest = new Uint8Array(part.subarray(0, used));
      if (upload === undefined) await call('PUT', path, { body: rest });
      else {
        if (used > 0) await send(part.subarray(0, used));
        await completed(call, path, upload, etags);
      }
      const { [environment.bucket]: bucket = '', [environment.payloads]: prefix = '' } = ports.environment;
      return { bucket, key: `${prefix}/${path}` };
    },

    async abandon() {
      await sending.catch(() => undefined);
      // Where this fails too, the bucket's own rule clears away what is left.
      if (upload !== undefined)
        await call('DELETE', path, { query: { uploadId: upload } }).then(undefined, () => undefined);
    },
  };
}

async function begun(call: ObjectCall, path: string): Promise<string> {
  const answer = await call('POST', path, { query: { uploads: '' } });
  const upload = /<UploadId>([^<]+)<\/UploadId>/.exec(new TextDecoder().decode(answer?.bytes))?.[1];
  if (upload === undefined) throw lost(path);
  return upload;
}

async function completed(call: ObjectCall, path: string, upload: string, etags: readonly string[]): Promise<void> {
  const parts = etags.map((etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag}</ETag></Part>`);
  const text = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join('')}</CompleteMultipartUpload>`;
  const body = new TextEncoder().encode(text);
  if ((await call('POST', path, { body, query: { uploadId: upload } })) !== undefined) return;
  // The answer of a call before it was lost: the upload is there no more because the object is.
  if ((await call('GET', path, { range: { start: 0, bytes: 1 } })) === undefined) throw lost(path);
}

const lost = (path: string): Error =>
  jobError(jobErrors.recordFailed, `the upload of ${path} is not there any more: was the session deleted meanwhile?`);

/**
 * Reads records, a part at a time, the next one while the last one is worked on.
 *
 * @throws an error named `Bunsui.InputInvalid` for what bunsui has not written, is gone, or does not fit
 */
export async function* readJsonLines(
  item: Schema,
  at: RecordsObject,
  ports: WrapperPorts = functionPorts(),
): AsyncGenerator<unknown, void> {
  let number = 0;
  for await (const line of linesOf(partsOf(at, ports))) {
    const what = `record ${number} of ${at.key}`;
    number += 1;
    const value: unknown = JSON.parse(line);
    const result = item['~standard'].validate(value);
    yield result instanceof Promise || result.issues !== undefined
      ? await checkValue(item, value, jobErrors.inputInvalid, what)
      : result.value;
  }
  if (number !== at.count) throw refused(at, `holds ${number} records and not the ${at.count} that it is said to hold`);
}

function refused({ bucket, key }: RecordsObject, why: string): Error {
  return jobError(jobErrors.inputInvalid, `s3://${bucket}/${key} ${why}`);
}

async function* partsOf(at: RecordsObject, ports: WrapperPorts): AsyncGenerator<Uint8Array> {
  if (at.bucket === memory) {
    const bytes = inMemory.get(at.key);
    if (bytes === undefined) throw refused(at, 'is not in the memory of this process');
    yield bytes;
    return;
  }
  const { [environment.bucket]: bucket, [environment.payloads]: prefix } = ports.environment;
  const path = at.key.slice((prefix ?? '').length + 1);
  // Nothing else that this function may read is read because a value says so.
  if (at.bucket !== bucket || at.key !== `${prefix}/${path}` || !isRecordsPath(path))
    throw refused(at, 'are no records that a job of this pipeline has written');
  const call = objectCalls(ports, () => Number.POSITIVE_INFINITY);
  const part = (start: number) => {
    const bytes = Math.min(partBytes, at.bytes - start);
    if (bytes <= 0) return undefined;
    const asked = call('GET', path, { range: { start, bytes } });
    asked.catch(() => undefined);
    return { asked, bytes };
  };
  let next = part(0);
  for (let start = 0; next !== undefined; ) {
    const { asked, bytes } = next;
    const answer = await asked;
    if (answer?.bytes.length !== bytes) throw refused(at, 'is gone or another one: are its session and its time over?');
    start += bytes;
    next = part(start);
    yield answer.bytes;
  }
}

const lineEnd = 10;

async function* linesOf(parts: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let open: Uint8Array[] = [];
  for await (const part of parts) {
    const bytes = Buffer.from(part.buffer, part.byteOffset, part.length);
    let from = 0;
    for (let end = bytes.indexOf(lineEnd); end >= 0; end = bytes.indexOf(lineEnd, from)) {
      const line = bytes.subarray(from, end);
      yield open.length === 0 ? line.toString() : Buffer.concat([...open, line]).toString();
      open = [];
      from = end + 1;
    }
    if (from < bytes.length) open.push(bytes.subarray(from));
  }
  if (open.length > 0) yield Buffer.concat(open).toString();
}
