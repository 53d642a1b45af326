/**
 * Did-you-mean on the command line: the known name that a mistyped one most likely stands for. `-`, `_` and case do
 * not count, and the beginning of just one name stands for that name.
 */
import { nearest } from '../ir/spelling.ts';

const plain = (name: string) => name.toLowerCase().replaceAll(/[-_\s]/g, '');

/** The known name that is most likely meant, if one is near. Long input is compared by its first 100 characters. */
export function nearName(typed: string, known: Iterable<string>): string | undefined {
  const wanted = plain(typed).slice(0, 100);
  if (wanted === '') return undefined;
  const names = new Map([...known].map((name) => [plain(name), name]));
  const near = wanted.length < 2 ? undefined : nearest(wanted, [...names.keys()]);
  const exact = names.get(wanted) ?? names.get(near ?? '');
  const begun = wanted.length < 3 ? [] : [...names].filter(([name]) => name.startsWith(wanted));
  return exact ?? (begun.length === 1 ? begun[0]?.[1] : undefined);
}

/** `did you mean "name"?`, or nothing. */
export function didYouMean(typed: string, known: Iterable<string>): string | undefined {
  const name = nearName(typed, known);
  return name === undefined ? undefined : `did you mean "${name}"?`;
}
