/**
 * A POST to an address that somebody else chose. The address is looked up once, by the socket itself, and checked there:
 * what was checked is what is connected to. Redirects are answers like any other, the body of an answer is cut short.
 */
import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { BunsuiError } from '../errors.ts';
import { isBlockedAddress, isBlockedName } from './addresses.ts';

/** Looks all addresses of a name up. */
export type Lookup = (hostname: string) => Promise<readonly LookupAddress[]>;

export interface OutgoingOptions {
  readonly allowPrivate: boolean;
  /** @default the system's */
  readonly lookup?: Lookup;
  /** From the look-up to the socket that is connected. @default 3000 */
  readonly connectMs?: number;
  /** All of it. @default 8000 */
  readonly totalMs?: number;
}

export interface OutgoingAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The beginning of the body. */
  readonly text: string;
}

const maxAnswerBytes = 4_096;

export const systemAddresses: Lookup = (hostname) =>
  new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)));
  });

/**
 * Sends a body and reads how the answer begins.
 *
 * @throws {BunsuiError} BS3010 when the address is one that nothing may be sent to; no byte has been sent then.
 * @throws {Error} of the network, of TLS, or `TimeoutError`. The path of the address is in none of them: it may be a secret.
 */
export async function postOutside(
  address: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  options: OutgoingOptions,
): Promise<OutgoingAnswer> {
  const url = checkedUrl(address, options.allowPrivate);
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  if (
    isIP(hostname) === 0
      ? isBlockedName(hostname, options.allowPrivate)
      : isBlockedAddress(hostname, options.allowPrivate)
  ) {
    throw blocked(hostname);
  }
  const { connectMs = 3_000, totalMs = 8_000 } = options;
  const signal = AbortSignal.timeout(totalMs);
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = send(url, {
      method: 'POST',
      headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
      // A connection of its own: one that is kept was looked up by somebody else.
      agent: false,
      lookup: checkedLookup(options),
      signal,
    });
    const late = setTimeout(() => request.destroy(timeout(`no connection within ${connectMs} ms`)), connectMs);
    request.on('socket', (socket) => {
      socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => clearTimeout(late));
    });
    request.once('close', () => clearTimeout(late));
    request.once('error', (error) => reject(signal.aborted ? timeout(`no answer within ${totalMs} ms`) : error));
    request.once('response', resolve);
    request.end(body);
  });
  try {
    return { status: answer.statusCode ?? 0, headers: answer.headers, text: await beginningOf(answer) };
  } catch (error) {
    throw signal.aborted ? timeout(`the answer did not end within ${totalMs} ms`) : error;
  } finally {
    answer.destroy();
  }
}

function checkedUrl(address: string, allowPrivate: boolean): URL {
  const url = URL.parse(address);
  const refuse = (why: string) => new BunsuiError('ConfigError', 'BS3010', `the address ${why}`);
  if (url === null) throw refuse('is no URL');
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:')) {
    throw refuse(`begins with ${url.protocol}, and only https: is allowed`);
  }
  if (url.username !== '' || url.password !== '') throw refuse('has a user name in it');
  return url;
}

function blocked(what: string): BunsuiError {
  return new BunsuiError('ConfigError', 'BS3010', `nothing is sent to ${what}: it is not a public address`, {
    hint: 'if the receiver does stand in a private network, give the channel "allowPrivate": true',
  });
}

function timeout(message: string): Error {
  return Object.assign(new Error(message), { name: 'TimeoutError' });
}

/** One blocked address among several is enough to send nothing: a name of ours has no reason to have both. */
function checkedLookup({ allowPrivate, lookup = systemAddresses }: OutgoingOptions): LookupFunction {
  return (hostname, asked, callback) => {
    lookup(hostname).then(
      (addresses) => {
        const bad = addresses.find(({ address }) => isBlockedAddress(address, allowPrivate));
        const [first] = addresses;
        if (bad !== undefined) callback(blocked(`${hostname}, which is ${bad.address}`), '');
        else if (first === undefined) callback(new Error(`${hostname} has no address`), '');
        else if (asked.all) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };
}

async function beginningOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer.iterator({ destroyOnReturn: true })) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length >= maxAnswerBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxAnswerBytes).toString('utf8');
}
