/**
 * The floor: the score, by kind and category, that must not be lost again. As a program it compares two floor files:
 *
 *   node bench/conformance/floor.ts BEFORE AFTER    exit code 1 when AFTER is lower anywhere
 */
import { readFileSync } from 'node:fs';

/** Numbers of what is as recorded. */
export interface Counts {
  readonly result: number;
  readonly history: number;
  readonly rows: number;
}
/** Numbers of what is as recorded, and of all there is. */
export interface Tally extends Counts {
  readonly cases: number;
  /** Executions whose events were recorded. */
  readonly histories: number;
  readonly allRows: number;
}
/** By kind and category, such as `execution base`. */
export interface Floor {
  readonly [group: string]: Counts;
}

const fields = ['result', 'history', 'rows'] as const;

/** Where a score is lower than a floor, as lines to print. A group that is missing counts as nothing passed. */
export function below(floor: Floor, score: Floor): readonly string[] {
  return Object.entries(floor).flatMap(([group, counts]) =>
    fields
      .filter((field) => (score[group]?.[field] ?? 0) < counts[field])
      .map((field) => `${group}: ${field} ${score[group]?.[field] ?? 0} of ${counts[field]}`),
  );
}

/** The floor with every number that the score exceeds raised to it. */
export function raised(floor: Floor, score: Floor): Floor {
  const groups = [...new Set([...Object.keys(floor), ...Object.keys(score)])].sort();
  return Object.fromEntries(
    groups.map((group) => {
      const higher = (field: keyof Counts) => Math.max(floor[group]?.[field] ?? 0, score[group]?.[field] ?? 0);
      return [group, { result: higher('result'), history: higher('history'), rows: higher('rows') }];
    }),
  );
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const [before, after] = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, 'utf8')) as Floor);
  if (before === undefined || after === undefined) {
    console.error('floor: name two floor files, as in: floor BEFORE AFTER');
    process.exit(2);
  }
  const sunk = below(before, after);
  for (const line of sunk) console.error(`floor: sank: ${line}`);
  process.exit(sunk.length === 0 ? 0 : 1);
}
