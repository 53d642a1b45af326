import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { JournalRecord } from '../../lib/engine/ports.ts';
import {
  createJournal,
  isInJournal,
  type JournalHeader,
  openJournal,
  readEvents,
  readJournal,
} from '../../lib/local/journal.ts';
import { BunsuiError } from '../../lib/errors.ts';
import { watchDisk } from '../faults/disk.ts';
import { temporaryFolder } from './runtimes.ts';

const header: JournalHeader = {
  journalVersion: 1,
  executionArn: 'arn:aws:states:us-east-1:000000000000:execution:m:n',
  name: 'n',
  stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:m',
  stateMachineName: 'm',
  roleArn: 'arn:aws:iam::000000000000:role/r',
  definition: 'hash',
  input: '{"text":"ü\\n"}',
  startedAtMs: 1,
};
const record = (n: number): JournalRecord => ({ kind: 'private', n, text: `line\nend ${n} \u2028` });

async function writtenJournal(appends: readonly (readonly JournalRecord[])[]): Promise<string> {
  const path = join(temporaryFolder(), 'journal.jsonl');
  const journal = await createJournal(path, header);
  for (const append of appends) await journal.append(append);
  await journal.close();
  return path;
}

describe('a journal', () => {
  it('gives back what was appended', async () => {
    const path = await writtenJournal([[record(1), record(2)], [record(3)]]);
    const { length } = readFileSync(path);
    expect(await readJournal(path)).toStrictEqual({
      header,
      records: [record(1), record(2), record(3)],
      length,
      torn: 0,
    });
  });

  it('gives the events of a history by themselves, and is searched, however long its lines are', async () => {
    const event = (id: number): JournalRecord => ({
      kind: 'event',
      thread: '0',
      event: { id, previousEventId: id - 1, timestamp: id, type: 'MapRunSucceeded' },
    });
    // Lines of more than is read at once.
    const long: JournalRecord = { kind: 'private', text: `${'x'.repeat(2_500_000)} here` };
    const path = await writtenJournal([[event(1), long], [long, event(2)], [event(3)]]);
    const { length } = readFileSync(path);
    const events = [1, 2, 3].flatMap((id) => (event(id) as { readonly event: object }).event);
    expect(await readEvents(path)).toStrictEqual({ header, events, length, torn: 0 });
    expect((await readJournal(path))?.records).toStrictEqual([event(1), long, long, event(2), event(3)]);
    expect([await isInJournal(path, 'x here'), await isInJournal(path, 'x there')]).toStrictEqual([true, false]);
    for (const [at, isWithin] of [
      [1_048_576 * 3, true],
      [length - 3, false],
    ] as const) {
      const bytes = readFileSync(path);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      const damaged = join(dirname(path), 'damaged.jsonl');
      writeFileSync(damaged, bytes);
      const { events: kept, damage, damagedWithin = false } = (await readEvents(damaged)) ?? {};
      expect([kept?.length, damage?.code, damagedWithin]).toStrictEqual([isWithin ? 1 : 2, 'BS4003', isWithin]);
    }
  });

  it('is begun once', async () => {
    const path = await writtenJournal([]);
    await expect(createJournal(path, header)).rejects.toMatchObject({ code: 'BS4001' });
  });

  it('cut at any byte of its last 4 KiB gives the appends before, and goes on after them', async () => {
    const appends = Array.from({ length: 60 }, (_, n) => [record(n), record(n + 100)]);
    const path = await writtenJournal(appends);
    const bytes = readFileSync(path);
    expect(bytes.length).toBeGreaterThan(4096);
    const ends = [...bytes.keys()].filter((at) => bytes[at] === 10).map((at) => at + 1);
    // It need not be waited for: what counts is what is there.
    const disk = watchDisk(dirname(path));
    onTestFinished(disk.release);
    for (let cut = bytes.length - 4096; cut < bytes.length; cut += 1) {
      writeFileSync(path, bytes.subarray(0, cut));
      const whole = ends.filter((end) => end <= cut).length;
      const { content, journal, kept } = await openJournal(path, join(dirname(path), 'damaged'));
      // Shorter than what may have been left: nothing of that stands behind it.
      await journal.append([]);
      await journal.close();
      const again = await readJournal(path);
      expect([cut, content.records, content.damage, kept, again?.records, again?.torn]).toStrictEqual([
        cut,
        appends.slice(0, whole - 1).flat(),
        undefined,
        undefined,
        content.records,
        0,
      ]);
    }
  });

  it('cut within its first line is none', async () => {
    const path = await writtenJournal([]);
    const bytes = readFileSync(path);
    for (let cut = 0; cut < bytes.length; cut += 1) {
      writeFileSync(path, bytes.subarray(0, cut));
      expect(await readJournal(path)).toBeUndefined();
    }
  });

  it('tells of any flipped bit, by file and line, and gives the appends before', async () => {
    const appends = [[record(1)], [record(2)], [record(3)]];
    const path = await writtenJournal(appends);
    const bytes = readFileSync(path);
    const wrong: string[] = [];
    let line = 1;
    for (const [at, byte] of bytes.entries()) {
      for (let bit = 0; bit < 8; bit += 1) {
        const flipped = Buffer.from(bytes);
        flipped[at] = byte ^ (1 << bit);
        writeFileSync(path, flipped);
        const found = await readJournal(path).catch((error: unknown) => error);
        const damage = found instanceof BunsuiError ? found : (found as { damage?: BunsuiError } | undefined)?.damage;
        const given = found instanceof BunsuiError ? [] : (found as { records: readonly JournalRecord[] }).records;
        const told = damage?.code === 'BS4003' && damage.message.includes(`damaged at line ${line}: its checksum`);
        const before = JSON.stringify(given) === JSON.stringify(appends.slice(0, Math.max(0, line - 2)).flat());
        if (!told || !before) wrong.push(`bit ${bit} of byte ${at}, line ${line}: ${String(damage)}`);
      }
      if (byte === 10) line += 1;
    }
    expect(wrong).toStrictEqual([]);
  });

  it('is copied before what is damaged is cut off', async () => {
    const path = await writtenJournal([[record(1)], [record(2)], [record(3)]]);
    const bytes = readFileSync(path);
    const at = bytes.length - 100;
    bytes[at] = (bytes[at] ?? 0) ^ 4;
    writeFileSync(path, bytes);
    const { content, journal, kept = '' } = await openJournal(path, join(dirname(path), 'damaged'));
    await journal.append([record(4)]);
    await journal.close();
    expect([content.damagedWithin, readFileSync(kept), (await readJournal(path))?.records]).toStrictEqual([
      true,
      bytes,
      [record(1), record(4)],
    ]);
  });
});
