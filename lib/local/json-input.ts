/** Reading the JSON input of an AWS call, field by field, with AWS's refusals. And opaque page tokens. */
import { AwsFault } from './aws-fault.ts';

export type JsonInput = Readonly<Record<string, unknown>>;

/** Parses a body as a JSON object. */
export function readJson(body: Uint8Array): JsonInput {
  let value: unknown;
  try {
    value =
      body.length === 0 ? {} : JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8'));
  } catch {
    throw new AwsFault('SerializationException', 'the body is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AwsFault('SerializationException', 'the body is not a JSON object');
  }
  return value as JsonInput;
}

/** A field that must be a string when it is there. */
export function optionalString(input: JsonInput, name: string): string | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw new AwsFault('ValidationException', `${name} must be a string`);
  return value;
}

/** A field that must be there and be a string. */
export function requiredString(input: JsonInput, name: string): string {
  const value = optionalString(input, name);
  if (value === undefined) throw new AwsFault('ValidationException', `${name} is required`);
  return value;
}

/** A field that must be a number when it is there. */
export function optionalNumber(input: JsonInput, name: string): number | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number') throw new AwsFault('ValidationException', `${name} must be a number`);
  return value;
}

/** A field that must be true or false when it is there. */
export function optionalBoolean(input: JsonInput, name: string): boolean | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw new AwsFault('ValidationException', `${name} must be true or false`);
  return value;
}

/** A field that must be an object when it is there. */
export function optionalObject(input: JsonInput, name: string): JsonInput | undefined {
  const value = input[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value))
    throw new AwsFault('ValidationException', `${name} must be an object`);
  return value as JsonInput;
}

/** A field that must be one of some words when it is there. */
export function optionalWord<T extends string>(input: JsonInput, name: string, words: readonly T[]): T | undefined {
  const value = optionalString(input, name);
  const known = words.find((word) => word === value);
  if (value !== undefined && known === undefined)
    throw new AwsFault('ValidationException', `${name} must be one of ${words.join(', ')}`);
  return known;
}

/** Refuses fields that would be passed over in silence. */
export function refuseOthers(input: JsonInput, known: readonly string[]): void {
  const others = Object.keys(input).filter((name) => input[name] !== undefined && !known.includes(name));
  if (others.length > 0) throw new AwsFault('ValidationException', `not served here: ${others.join(', ')}`);
}

/** An opaque token that says where the next page begins. */
export function encodeToken(position: readonly (string | number | boolean)[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** What a token says; `undefined` when it is none of ours. */
export function decodeToken(token: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
