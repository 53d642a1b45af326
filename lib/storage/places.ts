/** Where stores are and what their objects are called: addresses and keys, all of them hostile. */
import { BunsuiError } from '../errors.ts';

/** The address of a store, taken apart. */
export interface Place {
  /** As it was given, without a slash at its end. */
  readonly url: string;
  /** Bucket or container. */
  readonly bucket: string;
  /** What all keys begin with: empty, or with a slash at its end. */
  readonly prefix: string;
}

const maxKeyBytes = 1_024;

/**
 * Takes `s3://bucket/some/prefix` apart.
 * @throws {BunsuiError} BS1160 for an address of another form
 */
export function placeOf(url: string, scheme: string): Place {
  const [, bucket, , path = ''] = new RegExp(`^${scheme}://([^/?#@:]{1,255})(/([^?#]*))?$`).exec(url) ?? [];
  if (bucket === undefined || !/^[a-z0-9$][a-z0-9._-]*$/.test(bucket))
    throw badAddress(url, `write ${scheme}://name/prefix, without user, port or parameters`);
  const prefix = path.replace(/\/$/, '');
  const wrong = prefix === '' ? undefined : wrongInKey(prefix);
  if (wrong !== undefined) throw badAddress(url, `its prefix ${wrong}`);
  return { url: url.replace(/\/$/, ''), bucket, prefix: prefix === '' ? '' : `${prefix}/` };
}

/** BS1160. An address may have been given with a password in it: of a wrong one only the scheme is told. */
export function badAddress(url: string, hint: string): BunsuiError {
  const scheme = /^[a-z0-9+.-]{1,20}:/i.exec(url)?.[0] ?? '';
  const message = `this is no address of a store: ${scheme === '' ? 'it has no scheme' : `${scheme}…`}`;
  return new BunsuiError('ValidationError', 'BS1160', message, { hint });
}

/** What is wrong with a key; undefined when every store can have it, and it leads out of none. */
export function wrongInKey(key: string): string | undefined {
  if (key === '') return 'is empty';
  if (Buffer.byteLength(key) > maxKeyBytes) return `has more than ${maxKeyBytes} bytes`;
  if (!key.isWellFormed()) return 'is no well-formed text';
  if (/[\u0000-\u001f\u007f\\]/.test(key)) return 'has control characters or backslashes';
  // Clients that make URLs of keys would follow `..`.
  const part = key.split('/').find((one) => one === '' || one === '.' || one === '..');
  return part === undefined ? undefined : `has a part ${JSON.stringify(part)} between its slashes`;
}

/** @throws {BunsuiError} BS1161 */
export function checkKey(key: string, url: string): void {
  const wrong = wrongInKey(key);
  if (wrong === undefined) return;
  const shown = JSON.stringify(key.length > 120 ? `${key.slice(0, 120)}…` : key);
  throw new BunsuiError('ValidationError', 'BS1161', `the key ${shown} ${wrong}: ${url} does not take it`, {
    hint: 'give names between slashes, such as days/2026-01-31.csv',
  });
}
