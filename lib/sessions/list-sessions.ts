/** Finding sessions: newest first, by pipeline, by status, or all, and by a part of their id. */
import { QueryCommand } from '@aws-sdk/lib-dynamodb';
import { BunsuiError } from '../errors.ts';
import { tables } from '../storage-layout.ts';
import type { StoreDeps } from './deps.ts';
import type { SessionItem } from './items.ts';
import { type SessionStatus, sessionStatuses } from './status.ts';
import { getSession } from './store.ts';

export interface SessionFilter {
  readonly pipeline?: string;
  readonly status?: SessionStatus;
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
    if (Array.isArray(mark) && typeof mark[0] === 'string' && typeof mark[1] === 'string') {
      return { created_at: mark[0], session_id: mark[1] };
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
  const found = await Promise.all(lists.map((list) => newest(deps, list, wanted, limit + 1, after)));
  const all = found.flat().sort(newestFirst);
  const sessions = all.slice(0, limit);
  const last = sessions.at(-1);
  if (all.length <= limit || last === undefined) return { sessions };
  const cursor = Buffer.from(JSON.stringify([last.created_at, last.session_id])).toString('base64url');
  return { sessions, cursor };
}

/** At least the `count` newest of one list that come after the mark, or all there are. */
async function newest(
  deps: StoreDeps,
  list: { readonly index: { readonly name: string; readonly partitionKey: string }; readonly value: string },
  status: SessionStatus | undefined,
  count: number,
  after: Mark | undefined,
): Promise<readonly SessionItem[]> {
  const found: SessionItem[] = [];
  let from: Record<string, unknown> | undefined;
  do {
    const page = await deps.db.send(
      new QueryCommand({
        TableName: deps.names.sessionsTable,
        IndexName: list.index.name,
        KeyConditionExpression: after === undefined ? '#list = :list' : '#list = :list AND created_at <= :from',
        ...(status === undefined ? {} : { FilterExpression: '#status = :status' }),
        ExpressionAttributeNames: {
          '#list': list.index.partitionKey,
          ...(status === undefined ? {} : { '#status': 'status' }),
        },
        ExpressionAttributeValues: {
          ':list': list.value,
          ...(after === undefined ? {} : { ':from': after.created_at }),
          ...(status === undefined ? {} : { ':status': status }),
        },
        ScanIndexForward: false,
        ...(status === undefined ? { Limit: count } : {}),
        ExclusiveStartKey: from,
      }),
    );
    for (const item of (page.Items ?? []) as SessionItem[]) {
      if (after === undefined || newestFirst(after, item) < 0) found.push(item);
    }
    from = page.LastEvaluatedKey;
    // Sessions of one millisecond come in no order: the page must reach past the last one that counts.
  } while (from !== undefined && (found.length < count || found.at(-1)?.created_at === found[count - 1]?.created_at));
  return found;
}

const shownCandidates = 5;

/**
 * The session that a person means: its id, a beginning or end of it that only one has, or `latest`.
 * @throws {BunsuiError} BS3002 when there is none, or several
 */
export async function findSession(deps: StoreDeps, text: string): Promise<SessionItem> {
  if (text === 'latest') {
    const { sessions } = await listSessions(deps, { limit: 1 });
    const [session] = sessions;
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
