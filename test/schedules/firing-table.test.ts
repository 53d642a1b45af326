/**
 * Due times against a table that Python's zoneinfo has made: `make-table.py` writes it, and with an expression and a
 * zone prints each firing of a row.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { dueTimesBetween } from '../../lib/schedules/schedule.ts';

type Row = readonly [
  expression: string,
  zone: string,
  count: number,
  first: number | null,
  last: number | null,
  digest: string,
];
const rows = readFileSync(new URL('firing-table.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Row);
const zones = [...new Set(rows.map(([, zone]) => zone))];
const begin = Date.UTC(2027, 0, 1);
const end = Date.UTC(2029, 0, 1);

function rowOf(expression: string, zone: string): Row {
  const timing = { expression: `cron(${expression})`, timezone: zone, createdAtMs: 0 };
  const times = (dueTimesBetween(timing, begin - 1, end - 1, 2_000_000) ?? []).map((ms) => ms / 60_000);
  const digest = createHash('sha256').update(times.join('\n')).digest('hex').slice(0, 16);
  return [expression, zone, times.length, times[0] ?? null, times.at(-1) ?? null, digest];
}

describe('due times over two years', () => {
  it('are looked at for at least 200 expressions in six zones, in which clocks are changed in three ways or never', () => {
    expect(new Set(rows.map(([expression]) => expression)).size).toBeGreaterThanOrEqual(200);
    expect(zones).toStrictEqual([
      'UTC',
      'America/New_York',
      'Europe/Berlin',
      'Asia/Tokyo',
      'Australia/Lord_Howe',
      'America/Santiago',
    ]);
    expect(rows.filter(([, , count]) => count > 0).length).toBeGreaterThan(rows.length * 0.95);
  });

  it.each(zones)('are those of the table in %s', (zone) => {
    const differing = rows
      .filter((row) => row[1] === zone)
      .map((row) => ({ table: row, ours: rowOf(row[0], zone) }))
      .filter(({ table, ours }) => JSON.stringify(table) !== JSON.stringify(ours));
    expect(differing).toStrictEqual([]);
    console.log(`${zone}: ${rows.filter((row) => row[1] === zone).length} expressions over two years, 0 differences`);
  });
});
