/** Tags as a person types them. */
import { BunsuiError } from '../errors.ts';
import { requireTags, type Tags } from '../sessions/tags.ts';

/** `key=value`, each; of a key that is given twice the last one counts. @throws {BunsuiError} BS2001 */
export function tagsTyped(typed: readonly string[]): Tags {
  const tags = Object.fromEntries(
    typed.map((text) => {
      const at = text.indexOf('=');
      if (at > 0) return [text.slice(0, at), text.slice(at + 1)] as const;
      throw new BunsuiError('ConfigError', 'BS2001', `"${text.slice(0, 60)}" is no tag: it has no key and "="`, {
        hint: 'write key=value, as in team=data',
      });
    }),
  );
  return requireTags(tags);
}
