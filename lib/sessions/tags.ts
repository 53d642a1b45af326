/** Tags of sessions: keys and values that people give them, to find them again. */
import { BunsuiError } from '../errors.ts';
import type { StoreDeps } from './deps.ts';
import type { SessionItem } from './items.ts';
import { getSession, updateSession } from './store.ts';

export type Tags = { readonly [key: string]: string };

/** As AWS has it for its own resources. */
export const maxTags = 50;
const keyPattern = /^[\p{L}\p{N} _.:/=+@-]{1,128}$/u;
const valuePattern = /^[\p{L}\p{N} _.:/=+@-]{0,256}$/u;

/** @throws {BunsuiError} BS2001 for what is no tag */
export function requireTags(tags: Tags): Tags {
  const refuse = (message: string) =>
    new BunsuiError('ValidationError', 'BS2001', message, {
      hint: 'a key has 1 to 128 and a value up to 256 letters, digits, spaces and _ . : / = + @ -',
    });
  const entries = Object.entries(tags);
  if (entries.length > maxTags) throw refuse(`${entries.length} tags were given, a session has at most ${maxTags}`);
  for (const [key, value] of entries) {
    if (!keyPattern.test(key)) throw refuse(`"${key.slice(0, 60)}" is no key of a tag`);
    if (!valuePattern.test(value)) throw refuse(`the value "${value.slice(0, 60)}" of the tag "${key}" is none`);
  }
  return tags;
}

export interface TagRequest {
  /** Id of the session. */
  readonly session: string;
  /** Tags to set; others stay. */
  readonly set?: Tags;
  /** Keys of tags to take away; one that is not there is no mistake. */
  readonly remove?: readonly string[];
}

/**
 * Changes the tags of a session, in whatever state it is.
 *
 * @returns all its tags
 * @throws {BunsuiError} BS3002 when there is no such session, BS2001 for what is no tag, or too many
 */
export async function tagSession(deps: StoreDeps, request: TagRequest): Promise<Tags> {
  const { session, set = {}, remove = [] } = request;
  requireTags(set);
  for (;;) {
    const item = await getSession(deps, session);
    if (item === undefined) {
      const id = session.slice(0, 100);
      throw new BunsuiError('SessionError', 'BS3002', `no session has the id "${id}"`, { context: { session_id: id } });
    }
    const kept = Object.entries(item.tags ?? {}).filter(([key]) => !remove.includes(key));
    const tags = requireTags({ ...Object.fromEntries(kept), ...set });
    if ((await writeTags(deps, item, tags)) === 'ok') return tags;
  }
}

/** @returns `'stale'` when somebody has changed them since they were read */
function writeTags(deps: StoreDeps, item: SessionItem, tags: Tags): Promise<'ok' | 'stale'> {
  const { tags_revision: was = 0 } = item;
  return updateSession(deps, item, {
    set: { tags, tags_revision: was + 1 },
    condition: was === 0 ? 'attribute_exists(session_id) AND attribute_not_exists(#was)' : '#was = :was',
    names: { '#was': 'tags_revision' },
    values: was === 0 ? {} : { ':was': was },
  });
}
