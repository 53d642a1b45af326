/**
 * Large values: what jobs' functions, the compiler and the books agree on. A value that is too large to travel through
 * a state machine lies in S3, and an object with the reserved key stands in its place. Fields beside that key were kept
 * where they were, because an expression reads them; the object in S3 holds the others.
 *
 *     { "rows": 12, "bunsui:payload": "<object>/<start>+<bytes>/<sha256>" }
 *
 * What is alone in its object is named by its hash, which begins with the object's name: `"<sha256>/<bytes>"`. Many such
 * pointers make up the list that a map gives.
 *
 * Nobody can forge one. The object is looked up under the session's own prefix and what is read must have the hash that
 * the pointer names: whoever can write that hash has the value already. And a value of a user's that has the reserved
 * key is itself moved to S3, where nobody looks for pointers.
 */

/** The key by which a pointer is known. */
export const payloadKey = 'bunsui:payload';

/**
 * What of a value must stay where it is: `true` the whole value, because an expression computes with it; a tree where a
 * path leads through it. What the tree does not name may be moved. The key `*` stands for every item of a list.
 */
export type Keep = true | { readonly [field: string]: Keep };

/** Where the JSON text of a value lies. */
export interface Payload {
  /** Name of the object under the session's prefix: its SHA-256 in base64url, the first 22 characters. */
  readonly object: string;
  /** The part of the object, in bytes. */
  readonly start: number;
  readonly bytes: number;
  /** SHA-256 of the part in base64url, the first 27 characters: 162 bits. */
  readonly sha256: string;
}

/**
 * Most bytes of JSON that one job's output, or a pipeline's input, leaves in the state machine. It is well under the
 * 256 KiB of one state, 300 such values fit into the 10 MiB of an execution's variables, and below it a second trip to
 * S3 (some 30 ms on either side) costs more than it saves: the checkpoint is charged by the KB, 32 of them cost 0.00002 USD,
 * a PUT and a GET 0.0000054 USD.
 */
export const maxInlineBytes = 32_768;

/** A pointer takes no more, with braces and key; the second, where its value is alone in the object. */
export const pointerBytes = 96;
export const lonePointerBytes = 59;

const pointerPattern = /^([\w-]{22})\/(\d{1,10})\+(\d{1,10})\/([\w-]{27})$/;
const lonePointerPattern = /^(([\w-]{22})[\w-]{5})\/(\d{1,10})$/;

/** A pointer's text. */
export function pointerText({ object, start, bytes, sha256 }: Payload): string {
  return start === 0 && sha256.startsWith(object) ? `${sha256}/${bytes}` : `${object}/${start}+${bytes}/${sha256}`;
}

function payloadOf(text: string): Payload | undefined {
  const [, alone, name, length] = lonePointerPattern.exec(text) ?? [];
  if (alone !== undefined && name !== undefined)
    return { object: name, start: 0, bytes: Number(length), sha256: alone };
  const [, object, start, bytes, sha256] = pointerPattern.exec(text) ?? [];
  if (object === undefined || sha256 === undefined) return undefined;
  return { object, start: Number(start), bytes: Number(bytes), sha256 };
}

/** An object with the reserved key, and what it points at; `payload` is undefined when that is no pointer's text. */
export function pointerIn(value: object): { readonly payload: Payload | undefined } | undefined {
  if (Array.isArray(value) || !Object.hasOwn(value, payloadKey)) return undefined;
  const text = (value as { readonly [key: string]: unknown })[payloadKey];
  return { payload: typeof text === 'string' ? payloadOf(text) : undefined };
}

const encoder = new TextEncoder();

async function digest(bytes: Uint8Array<ArrayBuffer>, characters: number): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return btoa(String.fromCharCode(...hash))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .slice(0, characters);
}

/** Whether these bytes are what a pointer points at. */
export async function isPayload(payload: Payload, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
  return bytes.length === payload.bytes && (await digest(bytes, 27)) === payload.sha256;
}

/** Bytes of a text in UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** A value without what was too large in it, and the object that holds that. */
export interface Packed {
  readonly value: unknown;
  readonly text: string;
  readonly object?: { readonly name: string; readonly body: Uint8Array<ArrayBuffer> };
}

/** Why a value cannot be packed: it has the reserved key where it must stay, or too much of it must stay. */
export type Unpackable =
  | { readonly reason: 'reserved'; readonly path: string }
  | {
      readonly reason: 'large';
      readonly bytes: number;
      readonly kept: readonly { readonly path: string; readonly bytes: number }[];
    };

/** A part of a value that may be moved: the value in its place, or all fields of an object that nobody has named. */
interface Movable {
  readonly bytes: number;
  readonly encoded: Uint8Array<ArrayBuffer>;
  readonly forced: boolean;
  pointer?: string;
}
type Part =
  | { readonly kind: 'stays'; readonly value: unknown }
  | { readonly kind: 'moves'; readonly value: unknown; readonly movable: Movable }
  | { readonly kind: 'list'; readonly items: readonly Part[] }
  | {
      readonly kind: 'fields';
      readonly kept: readonly (readonly [string, Part])[];
      readonly rest?: { readonly value: object; readonly movable: Movable };
    };

/** Whether a JSON text holds an object with the reserved key. */
export const hasReservedKey = (text: string): boolean => text.includes(`"${payloadKey}":`);

/**
 * Moves out of a value what does not fit, largest first.
 *
 * @param text the value as JSON text
 */
export async function pack(
  value: unknown,
  text: string,
  keep: Keep | undefined,
  maxBytes: number = maxInlineBytes,
): Promise<Packed | Unpackable> {
  const bytes = byteLength(text);
  if (bytes <= maxBytes && !hasReservedKey(text)) return { value, text };
  const movables: Movable[] = [];
  const staying: { path: string; bytes: number; reserved: boolean }[] = [];
  const movable = (part: unknown): Movable => {
    const json = JSON.stringify(part);
    const encoded = encoder.encode(json);
    const made: Movable = { bytes: encoded.length, encoded, forced: hasReservedKey(json) };
    movables.push(made);
    return made;
  };
  const split = (part: unknown, kept: Keep, path: string): Part => {
    if (kept === true) {
      const json = JSON.stringify(part);
      staying.push({ path, bytes: byteLength(json), reserved: hasReservedKey(json) });
      return { kind: 'stays', value: part };
    }
    const names = Object.keys(kept).filter((name) => name !== payloadKey);
    if (Array.isArray(part) && kept['*'] !== undefined) {
      const items = kept['*'];
      // Every item takes a character and a comma: a list that is too long is not taken apart in vain.
      if (items === true || part.length * 2 > maxBytes) return split(part, true, path);
      return { kind: 'list', items: part.map((item: unknown, index) => split(item, items, `${path}[${index}]`)) };
    }
    if (typeof part !== 'object' || part === null || Array.isArray(part) || names.length === 0)
      return { kind: 'moves', value: part, movable: movable(part) };
    const fields = Object.entries(part).filter(([, field]) => field !== undefined);
    const isKept = ([name]: readonly [string, unknown]) => Object.hasOwn(kept, name) && name !== payloadKey;
    const rest = Object.fromEntries(fields.filter((field) => !isKept(field)));
    return {
      kind: 'fields',
      kept: fields
        .filter(isKept)
        .map(([name, field]) => [name, split(field, kept[name] ?? {}, path === '' ? name : `${path}.${name}`)]),
      ...(Object.keys(rest).length === 0 ? {} : { rest: { value: rest, movable: movable(rest) } }),
    };
  };
  const parts = split(value, keep ?? {}, '');
  const reserved = staying.find((part) => part.reserved);
  if (reserved !== undefined) return { reason: 'reserved', path: reserved.path };

  let moved = 0;
  const places: { movable: Movable; start: number }[] = [];
  for (const one of movables.toSorted((a, b) => Number(b.forced) - Number(a.forced) || b.bytes - a.bytes)) {
    const pointers = places.length === 1 ? lonePointerBytes : places.length * pointerBytes;
    const gains = one.bytes > (places.length === 0 ? lonePointerBytes : pointerBytes);
    if (!one.forced && (bytes - moved + pointers <= maxBytes || !gains)) break;
    places.push({ movable: one, start: moved });
    moved += one.bytes;
  }
  const body = new Uint8Array(moved);
  for (const place of places) body.set(place.movable.encoded, place.start);
  const name = await digest(body, 22);
  for (const place of places) {
    const sha256 = await digest(place.movable.encoded, 27);
    place.movable.pointer = pointerText({ object: name, start: place.start, bytes: place.movable.bytes, sha256 });
  }
  const left = joined(parts);
  const leftText = JSON.stringify(left);
  const leftBytes = byteLength(leftText);
  if (leftBytes > maxBytes) return { reason: 'large', bytes: leftBytes, kept: largest(staying) };
  return { value: left, text: leftText, object: { name, body } };
}

function largest(parts: readonly { readonly path: string; readonly bytes: number }[]) {
  return parts
    .toSorted((a, b) => b.bytes - a.bytes)
    .slice(0, 3)
    .map(({ path, bytes }) => ({ path, bytes }));
}

/** A value of its parts, with pointers where they have been moved. */
function joined(part: Part): unknown {
  switch (part.kind) {
    case 'stays':
      return part.value;
    case 'moves':
      return part.movable.pointer === undefined ? part.value : { [payloadKey]: part.movable.pointer };
    case 'list':
      return part.items.map(joined);
    case 'fields': {
      const kept = Object.fromEntries(part.kept.map(([name, field]) => [name, joined(field)]));
      const { rest } = part;
      if (rest === undefined) return kept;
      return rest.movable.pointer === undefined
        ? { ...rest.value, ...kept }
        : { ...kept, [payloadKey]: rest.movable.pointer };
    }
  }
}

/** Every pointer in a value, once each, by its text. @param refuse is called for an object that has the reserved key and is no pointer */
export function pointersIn(value: unknown, refuse: (text: string) => never): ReadonlyMap<string, Payload> {
  const found = new Map<string, Payload>();
  const open = [value];
  while (open.length > 0) {
    const part = open.pop();
    if (typeof part !== 'object' || part === null) continue;
    const pointer = pointerIn(part);
    if (pointer !== undefined) {
      if (pointer.payload === undefined) refuse(JSON.stringify(part).slice(0, 80));
      else found.set(pointerText(pointer.payload), pointer.payload);
    }
    for (const inner of Object.values(part)) open.push(inner);
  }
  return found;
}

/** A value with what its pointers point at. @param textOf the JSON text behind a pointer's text, as `pointersIn` names it */
export function unpack(value: unknown, textOf: (pointer: string) => string): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => unpack(item, textOf));
  const payload = pointerIn(value)?.payload;
  const kept = Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => payload === undefined || name !== payloadKey)
      .map(([name, field]) => [name, unpack(field, textOf)]),
  );
  if (payload === undefined) return kept;
  // Read anew for each place: no two of them share an object that a handler might change.
  const whole: unknown = JSON.parse(textOf(pointerText(payload)));
  return Object.keys(kept).length === 0 ? whole : { ...(whole as object), ...kept };
}

/**
 * The JSON text of a value with what its pointers point at, in pieces; `inside` leaves off the braces around an
 * object's own.
 */
export function piecesOf(value: unknown): readonly (string | (Payload & { readonly inside: boolean }))[] {
  if (typeof value !== 'object' || value === null) return [JSON.stringify(value ?? null)];
  const between = <T>(lists: readonly (readonly T[])[], comma: T): readonly T[] =>
    lists.flatMap((list, index) => (index === 0 ? list : [comma, ...list]));
  if (Array.isArray(value)) return ['[', ...between(value.map(piecesOf), ','), ']'];
  const payload = pointerIn(value)?.payload;
  const fields = Object.entries(value)
    .filter(([name, field]) => field !== undefined && (payload === undefined || name !== payloadKey))
    .map(([name, field]) => [`${JSON.stringify(name)}:`, ...piecesOf(field)]);
  if (payload === undefined) return ['{', ...between(fields, ','), '}'];
  if (fields.length === 0) return [{ ...payload, inside: false }];
  return ['{', ...between([...fields, [{ ...payload, inside: true }]], ','), '}'];
}

/** Bytes of the JSON text of a value with what its pointers point at. */
export function unpackedBytes(value: unknown): number {
  return piecesOf(value).reduce(
    (sum, piece) => sum + (typeof piece === 'string' ? byteLength(piece) : piece.bytes - (piece.inside ? 2 : 0)),
    0,
  );
}
