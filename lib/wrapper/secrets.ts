/**
 * Secrets of a job: read from Secrets Manager where the handler runs, put into its input where the pipeline says, and
 * kept out of everything that leaves the function. Which secrets those are stands in the envelope, which the compiled
 * state makes: nothing in a value can ask for one.
 */
import { jobErrors } from '../errors.ts';
import type { SecretInput } from '../secret-layout.ts';
import { jobError } from './job-error.ts';
import type { WrapperPorts } from './ports.ts';
import { CallError, secretsManager, type SignedCall } from './signed-calls.ts';

/** How long a value is taken for current: a rotation is noticed within this time, and costs no call per job. */
const currentMs = 300_000;
/** Shorter values would be found in everything. */
const leastLength = 6;

export interface Secret {
  readonly name: string;
  readonly value: string;
}

/** Values by name, for as long as the function's process lives. */
const read = new Map<string, { readonly value: string; readonly atMs: number }>();

/**
 * Reads secrets, each once.
 * @throws an error named `Bunsui.SecretUnavailable` when there is none of that name, it is no text, or too short
 */
export async function readSecrets(
  ports: WrapperPorts,
  call: SignedCall,
  inputs: readonly SecretInput[] = [],
): Promise<readonly Secret[]> {
  const names = [...new Set(inputs.map(({ name }) => name))];
  return Promise.all(names.map(async (name) => ({ name, value: await secretValue(ports, call, name) })));
}

async function secretValue(ports: WrapperPorts, call: SignedCall, name: string): Promise<string> {
  const known = read.get(name);
  if (known !== undefined && ports.now() - known.atMs < currentMs) return known.value;
  const unavailable = (why: string) => jobError(jobErrors.secretUnavailable, `the secret "${name}" ${why}`);
  let answer: { readonly SecretString?: string };
  try {
    answer = (await call(secretsManager, 'GetSecretValue', { SecretId: name })) as typeof answer;
  } catch (thrown) {
    if (thrown instanceof CallError) throw unavailable(`could not be read: ${thrown.type}: ${thrown.message}`);
    throw thrown;
  }
  const value = answer.SecretString;
  if (value === undefined) throw unavailable('is no text: store it as SecretString');
  if (value.length < leastLength)
    throw unavailable(`has fewer than ${leastLength} characters, and could not be told from other text`);
  read.set(name, { value, atMs: ports.now() });
  return value;
}

/** An input with the secrets in their places. */
export function withSecrets(input: unknown, inputs: readonly SecretInput[] = [], secrets: readonly Secret[]): unknown {
  if (inputs.length === 0) return input;
  const filled: unknown = structuredClone(input);
  for (const { at, name } of inputs) {
    let inner = filled as { [key: string]: unknown };
    for (const key of at.slice(0, -1)) inner = inner[key] as { [key: string]: unknown };
    const last = at.at(-1);
    if (last !== undefined) inner[last] = secrets.find((secret) => secret.name === name)?.value;
  }
  return filled;
}

/** What stands in place of a secret. */
const mask = '***';

/** Takes secrets out of text. */
export interface Masker {
  readonly text: (text: string) => string;
  /** The same for text that comes in pieces: what may be the beginning of a secret is held back until it is decided. */
  readonly stream: () => { write(piece: string): string; end(): string };
  /** Name of a secret whose value is in the text. */
  readonly found: (text: string) => string | undefined;
}

/** The texts by which a secret can be known: itself, its lines and fields, and how JSON, URLs and base64 write those. */
function forms({ value }: Secret): readonly string[] {
  const parts = new Set([value, value.trim()]);
  for (const line of value.split(/\r?\n/))
    if (line.trim().length >= 16 && !line.startsWith('-----')) parts.add(line.trim());
  const collect = (part: unknown): void => {
    if (typeof part === 'string' && part.length >= leastLength) parts.add(part);
    else if (typeof part === 'object' && part !== null) for (const inner of Object.values(part)) collect(inner);
  };
  try {
    collect(JSON.parse(value));
  } catch {
    // Most secrets are no JSON.
  }
  return [...parts].flatMap((part) => [
    part,
    JSON.stringify(part).slice(1, -1),
    JSON.stringify(JSON.stringify(part).slice(1, -1)).slice(1, -1),
    encodeURIComponent(part),
    Buffer.from(part).toString('base64').replace(/=+$/, ''),
    Buffer.from(part).toString('base64url'),
  ]);
}

/** @returns undefined when there is nothing to mask */
export function maskerOf(secrets: readonly Secret[]): Masker | undefined {
  if (secrets.length === 0) return undefined;
  const known = secrets.map((secret) => ({ name: secret.name, forms: [...new Set(forms(secret))] }));
  // Longest first: a part of a secret does not leave the rest of it standing.
  const all = [...new Set(known.flatMap((one) => one.forms))].toSorted((a, b) => b.length - a.length);
  const pattern = new RegExp(all.map(escaped).join('|'), 'g');
  const text = (whole: string): string => whole.replace(pattern, mask);
  /** Length of the longest end of a text with which some form begins. */
  const open = (whole: string): number => {
    for (let length = Math.min(whole.length, (all[0]?.length ?? 1) - 1); length > 0; length -= 1) {
      const end = whole.slice(-length);
      if (all.some((form) => form.length > length && form.startsWith(end))) return length;
    }
    return 0;
  };
  return {
    text,
    stream() {
      let held = '';
      return {
        write(piece) {
          const whole = text(held + piece);
          const length = open(whole);
          held = length === 0 ? '' : whole.slice(-length);
          return length === 0 ? whole : whole.slice(0, -length);
        },
        end() {
          const rest = text(held);
          held = '';
          return rest;
        },
      };
    },
    found: (whole) => known.find((one) => one.forms.some((form) => whole.includes(form)))?.name,
  };
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/** Of what would be recorded with a secret in it. */
export function leakedSecret(what: string, name: string): Error {
  const message = `${what} holds the value of the secret "${name}", and would be recorded with it; leave it out`;
  return jobError(jobErrors.outputInvalid, message);
}

/** An error without secrets in what it says. */
export function maskedError(error: Error, masker: Masker | undefined): Error {
  if (masker === undefined) return error;
  const { name, message, stack = '', cause } = error;
  if ([name, message, stack].every((text) => masker.text(text) === text) && cause === undefined) return error;
  const masked = new Error(masker.text(message));
  masked.name = masker.text(name);
  masked.stack = masker.text(stack);
  return masked;
}

/** Masks what is written to standard output and standard error past the log, until it is released. */
export function maskOutput(masker: Masker | undefined): () => void {
  if (masker === undefined) return () => undefined;
  const undo = [process.stdout, process.stderr].map((out) => {
    const before = out.write;
    const stream = masker.stream();
    const write = (chunk: unknown, ...rest: unknown[]): boolean => {
      const [encoding] = rest;
      const piece =
        typeof chunk === 'string'
          ? Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8').toString()
          : Buffer.from(chunk as Uint8Array).toString();
      const callback = rest.findLast((value) => typeof value === 'function') as (() => void) | undefined;
      // It takes a callback in the place of an encoding.
      return before.call(out, stream.write(piece), callback as never);
    };
    out.write = write as typeof out.write;
    return () => {
      if (out.write === write) out.write = before;
      const rest = stream.end();
      if (rest !== '') before.call(out, rest);
    };
  });
  return () => {
    for (const restore of undo) restore();
  };
}
