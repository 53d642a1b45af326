/**
 * Lines of an author's file, for pointing at a place in it.
 */
import { readFileSync, statSync } from 'node:fs';
import type { SourcePosition } from '../errors.ts';

const maxBytes = 4 * 1024 * 1024;

/** Reads one line at a time out of files, each file once. Files that are gone, huge or no files have no lines. */
export function sourceReader(): (source: SourcePosition) => string | undefined {
  const files = new Map<string, readonly string[]>();
  const linesOf = (file: string): readonly string[] => {
    try {
      const found = statSync(file);
      if (!found.isFile() || found.size > maxBytes) return [];
      return readFileSync(file, 'utf8').split(/\r\n|\n|\r/);
    } catch {
      return [];
    }
  };
  return ({ file, line }) => {
    const known = files.get(file) ?? linesOf(file);
    files.set(file, known);
    return known[line - 1];
  };
}
