/** JSON values and their text: what crosses from state to state, and how large it may be. */
import type { Json } from './definition.ts';

/**
 * The largest input or output of a state, task or execution, in bytes of UTF-8.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 */
export const maxPayloadBytes = 262_144;

/** A value together with its JSON text; whichever is missing is made once, when it is asked for. */
export interface Payload {
  readonly text: string;
  readonly value: Json;
}

/** A class because getters of an object literal are made anew for each. */
class LazyPayload implements Payload {
  #text: string | undefined;
  #value: Json | undefined;

  constructor(text: string | undefined, value: Json | undefined) {
    this.#text = text;
    this.#value = value;
  }

  get text(): string {
    this.#text ??= JSON.stringify(this.#value) as string;
    return this.#text;
  }

  get value(): Json {
    this.#value ??= JSON.parse(this.text) as Json;
    return this.#value;
  }
}

/** A payload whose text is given, such as a recorded one. */
export function payloadOfText(text: string): Payload {
  return new LazyPayload(text, undefined);
}

export function payloadOfValue(value: Json): Payload {
  return new LazyPayload(undefined, value);
}

/** True when the text has at most `limit` bytes of UTF-8. */
export function fitsBytes(text: string, limit: number): boolean {
  // One UTF-16 unit is one to three bytes, so that most texts need no count.
  if (text.length * 3 <= limit) return true;
  if (text.length > limit) return false;
  return new TextEncoder().encode(text).length <= limit;
}

/** Milliseconds since the epoch of an ISO 8601 timestamp with `T` and an offset; undefined for any other text. */
export function parseTimestamp(text: string): number | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return undefined;
  // Date reads three digits of a second; the rest is cut off.
  const at = Date.parse(`${match[1]}${(match[2] ?? '').slice(0, 4)}${match[3]}`);
  return Number.isNaN(at) ? undefined : at;
}
