/** Finding sessions: newest first, by pipeline, status, time, tag and error, and by a part of their id. */
import { QueryCommand } from '@aws-sdk/lib-dynamodb';
import { BunsuiError } from '../errors.ts';
import { isInstant, tables } from '../storage-layout.ts';
import type { StoreDeps } from './deps.ts';
import type { SessionItem } from './items.ts';
import { type SessionStatus, sessionStatuses } from './status.ts';
import { getSession } from './store.ts';

export interface SessionFilter {
  readonly pipeline?: string;
  readonly status?: SessionStatus;
  /** Created not before and not after, ISO 8601. */
  readonly from?: string;
  readonly to?: string;
  /** With all of these tags; a value left out is any. */
  readonly tags?: readonly { readonly key: string; readonly value?: string }[];
  /** Part of the error's name or message, in any case of letters. */
  readonly error?: string;
  /** Sessions at most, 1 to 1,000. */
  readonly limit: number;
  /** Where the page before ended; as that page gave it. */
  readonly cursor?: string;
}

export interface SessionPage {
  readonly sessions: readonly SessionItem[];
  /** Absent on the last page. */
  readonly cursor?: string;
}

interface Mark {
  readonly created_at: string;
  readonly session_id: string;
}

/** Newest first; ids order what began in the same millisecond. */
function newestFirst(a: Mark, b: Mark): number {
  if (a.created_at !== b.created_at) return a.created_at < b.created_at ? 1 : -1;
  return a.session_id < b.session_id ? 1 : a.session_id > b.session_id ? -1 : 0;
}

function readCursor(cursor: string): Mark {
  try {
    const mark: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (Array.isArray(mark)) {
      const [created, session]: readonly unknown[] = mark;
      if (isInstant(created) && typeof session === 'string') return { created_at: created, session_id: session };
    }
  } catch {
    // Told below, as any other text that is no cursor.
  }
  throw new BunsuiError('ValidationError', 'BS2001', `"${cursor.slice(0, 60)}" is no cursor`, {
    hint: 'take the cursor that the page before gave',
  });
}

/**
 * A page of sessions, newest first. The limit counts sessions that pass the filter.
 * @throws {BunsuiError} BS2001 for a cursor or limit that is none
 */
export async function listSessions(deps: StoreDeps, filter: SessionFilter): Promise<SessionPage> {
  const { pipeline, status, limit } = filter;
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) {
    throw new BunsuiError('ValidationError', 'BS2001', `the limit is ${limit}, not a whole number from 1 to 1000`);
  }
  const after = filter.cursor === undefined ? undefined : readCursor(filter.cursor);
  // Every index is a list by time; without a pipeline or status the lists of all statuses are merged.
  const { byPipelineIndex, byStatusIndex } = tables.sessions;
  const lists =
    pipeline !== undefined
      ? [{ index: byPipelineIndex, value: pipeline }]
      : (status === undefined ? sessionStatuses : [status]).map((value) => ({ index: byStatusIndex, value }));
  const wanted = pipeline !== undefined ? status : undefined;
  const span = spanOf(filter, after);
  if (span.from > span.to) return { sessions: [] };
  const passes = passing(filter);
  const found = await Promise.all(lists.map((list) => newest(deps, list, wanted, limit + 1, after, span, passes)));
  const all = found.flat().sort(newestFirst);
  const sessions = all.slice(0, limit);
  const last = sessions.at(-1);
  if (all.length <= limit || last === undefined) return { sessions };
  const cursor = Buffer.from(JSON.stringify([last.created_at, last.session_id])).toString('base64url');
  return { sessions, cursor };
}

type Passes = (item: SessionItem) => boolean;

/** What the table cannot be asked for; `undefined` when nothing of it is. */
function passing({ tags = [], error }: Pick<SessionFilter, 'tags' | 'error'>): Passes | undefined {
  if (tags.length === 0 && error === undefined) return undefined;
  const wanted = error?.toLowerCase();
  return ({ tags: own = {}, error_code = '', error_message = '' }) =>
    tags.every(({ key, value }) => Object.hasOwn(own, key) && (value === undefined || own[key] === value)) &&
    (wanted === undefined || `${error_code}: ${error_message}`.toLowerCase().includes(wanted));
}

interface Span {
  readonly from: string;
  readonly to: string;
}

/** The times between which a page lies: before and after everything where nothing is said. */
function spanOf({ from, to }: Pick<SessionFilter, 'from' | 'to'>, after: Mark | undefined): Span {
  const written = (instant: string) => new Date(instant).toISOString();
  const last = to === undefined ? '9' : written(to);
  return {
    from: from === undefined ? '0' : written(from),
    to: after !== undefined && after.created_at < last ? after.created_at : last,
  };
}

/** At least the `count` newest of one list that come after the mark, or all there are. */
async function newest(
  deps: StoreDeps,
  list: { readonly index: { readonly name: string; readonly partitionKey: string }; readonly value: string },
  status: SessionStatus | undefined,
  count: number,
  after: Mark | undefined,
  span: Span,
  passes: Passes | undefined,
): Promise<readonly SessionItem[]> {
  const found: SessionItem[] = [];
  let from: Record<string, unknown> | undefined;
  do {
    const page = await deps.db.send(
      new QueryCommand({
        TableName: deps.names.sessionsTable,
        IndexName: list.index.name,
        KeyConditionExpression: '#list = :list AND created_at BETWEEN :from AND :to',
        ...(status === undefined ? {} : { FilterExpression: '#status = :status' }),
        ExpressionAttributeNames: {
          '#list': list.index.partitionKey,
          ...(status === undefined ? {} : { '#status': 'status' }),
        },
        ExpressionAttributeValues: {
          ':list': list.value,
          ':from': span.from,
          ':to': span.to,
          ...(status === undefined ? {} : { ':status': status }),
        },
        ScanIndexForward: false,
        ...(status === undefined && passes === undefined ? { Limit: count } : {}),
        ExclusiveStartKey: from,
      }),
    );
    for (const item of (page.Items ?? []) as SessionItem[]) {
      const isBehind = after === undefined || newestFirst(after, item) < 0;
      if (isBehind && (passes === undefined || passes(item))) found.push(item);
    }
    from = page.LastEvaluatedKey;
    // Sessions of one millisecond come in no order: the page must reach past the last one that counts.
  } while (from !== undefined && (found.length < count || found.at(-1)?.created_at === found[count - 1]?.created_at));
  return found;
}

const shownCandidates = 5;
/** Of these the newest that was not called by another one is the latest. */
const lookedAtForLatest = 50;

/**
 * The session that a person means: its id, a beginning or end of it that only one has, or `latest`.
 * @throws {BunsuiError} BS3002 when there is none, or several
 */
export async function findSession(deps: StoreDeps, text: string): Promise<SessionItem> {
  if (text === 'latest') {
    const { sessions } = await listSessions(deps, { limit: lookedAtForLatest });
    // Who has started a session means that one, and not those that it has called since.
    const session = sessions.find((one) => one.called_by === undefined) ?? sessions[0];
    if (session !== undefined) return session;
    throw new BunsuiError('SessionError', 'BS3002', 'there is no session yet', { hint: 'start one first' });
  }
  const exact = await getSession(deps, text);
  if (exact !== undefined) return exact;
  const fitting: SessionItem[] = [];
  let cursor: string | undefined;
  do {
    const page: SessionPage = await listSessions(deps, { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
    fitting.push(
      ...page.sessions.filter(({ session_id: id }) => text !== '' && (id.startsWith(text) || id.endsWith(text))),
    );
    ({ cursor } = page);
  } while (cursor !== undefined);
  const [session] = fitting;
  if (session !== undefined && fitting.length === 1) return session;
  const context = { session: text.slice(0, 100) };
  if (session === undefined) {
    throw new BunsuiError('SessionError', 'BS3002', `no session has the id "${text.slice(0, 100)}"`, {
      context,
      hint: 'give the id, a unique beginning or end of it, or "latest"',
    });
  }
  const ids = fitting.slice(0, shownCandidates).map(({ session_id: id }) => id);
  const more = fitting.length > shownCandidates ? ` and ${fitting.length - shownCandidates} more` : '';
  throw new BunsuiError(
    'SessionError',
    'BS3002',
    `"${text}" fits ${fitting.length} sessions: ${ids.join(', ')}${more}`,
    {
      context,
      hint: 'give more of the id',
    },
  );
}
