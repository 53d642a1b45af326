/**
 * Links by which whoever holds one answers one asking of one approval: signed, for a limited time, and with no token in
 * them. An approval is answered once, so a link is good for one answer.
 *
 * The key that they are signed with is made when the first one is, and stands in the gates table under a partition key
 * of its own: who signs and who checks may read it, and nobody else. Deleting the item makes all links void.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { linksPartition } from '../approval-layout.ts';
import { BunsuiError } from '../errors.ts';
import { gateAttributes } from '../gate-layout.ts';
import { isInstant, isJobPath, isSafeId } from '../storage-layout.ts';

export interface LinkKeyDeps {
  readonly db: Pick<DynamoDBDocumentClient, 'send'>;
  readonly gatesTable: string;
}

/** What a link is for. */
export interface LinkClaims {
  readonly session: string;
  readonly job: string;
  /** Which asking. */
  readonly askedAt: string;
  /** Milliseconds since the epoch. */
  readonly expiresMs: number;
  /** To which channel it was sent. */
  readonly channel: string;
}

const longestLifeMs = 7 * 86_400_000;

/** When a link ends: with the wait, and after a week at the latest. */
export function linkEnd(waitEndsMs: number, nowMs: number): number {
  return Math.min(waitEndsMs, nowMs + longestLifeMs);
}

const itemKey = { [gateAttributes.partitionKey]: linksPartition, [gateAttributes.sortKey]: 'key' };

/** The key, made when there is none. Read once per process: `read` is kept. */
export function linkKey(deps: LinkKeyDeps): () => Promise<Buffer> {
  let known: Promise<Buffer> | undefined;
  const read = async (): Promise<Buffer> => {
    const found = await deps.db.send(
      new GetCommand({ TableName: deps.gatesTable, Key: itemKey, ConsistentRead: true }),
    );
    const value: unknown = found.Item?.['secret'];
    if (typeof value === 'string') return Buffer.from(value, 'base64url');
    const secret = randomBytes(32).toString('base64url');
    try {
      await deps.db.send(
        new PutCommand({
          TableName: deps.gatesTable,
          Item: { ...itemKey, secret },
          ConditionExpression: `attribute_not_exists(${gateAttributes.partitionKey})`,
        }),
      );
      return Buffer.from(secret, 'base64url');
    } catch (thrown) {
      if (thrown instanceof ConditionalCheckFailedException) return read();
      throw thrown;
    }
  };
  return () => {
    known ??= read().catch((thrown: unknown) => {
      known = undefined;
      throw thrown;
    });
    return known;
  };
}

/** Where the link's own part stands in its address. */
export const linkParameter = 'link';

/** @param api address of the API, with its stage and a slash at its end */
export function linkAddress(api: string, link: string): string {
  return `${api}links?${linkParameter}=${link}`;
}

const signature = (key: Buffer, payload: string): Buffer => createHmac('sha256', key).update(payload).digest();

/** The link's own part: letters, digits, `-`, `_` and one `.`. */
export function signLink(key: Buffer, { session, job, askedAt, expiresMs, channel }: LinkClaims): string {
  const payload = Buffer.from(JSON.stringify([session, job, askedAt, expiresMs, channel])).toString('base64url');
  return `${payload}.${signature(key, payload).toString('base64url')}`;
}

const longestLink = 2_048;

/** What a link is for. @throws {BunsuiError} BS3016 when nobody signed it, or its time is over */
export function readLink(key: Buffer, link: string, nowMs: number): LinkClaims {
  const [payload = '', signed = '', ...more] = link.length > longestLink ? [] : link.split('.');
  const given = Buffer.from(signed, 'base64url');
  const wanted = signature(key, payload);
  const isOurs = more.length === 0 && given.length === wanted.length && timingSafeEqual(given, wanted);
  const claims = isOurs ? claimsIn(payload) : undefined;
  if (claims === undefined) throw noLink('this link is not one that bunsui made, or a part of it is missing');
  if (nowMs >= claims.expiresMs) throw noLink('the time of this link is over');
  return claims;
}

function noLink(message: string): BunsuiError {
  return new BunsuiError('ValidationError', 'BS3016', message, {
    hint: 'nothing was answered; answer with "bunsui approve" or by the API',
  });
}

function claimsIn(payload: string): LinkClaims | undefined {
  const value: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
  if (!Array.isArray(value)) return undefined;
  const [session, job, askedAt, expiresMs, channel] = value as unknown[];
  const isRight =
    typeof session === 'string' && isSafeId(session) && typeof job === 'string' && isJobPath(job) && isInstant(askedAt);
  return isRight && typeof expiresMs === 'number' && typeof channel === 'string'
    ? { session, job, askedAt, expiresMs, channel }
    : undefined;
}
