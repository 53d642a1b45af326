import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JournalRecord } from '../../lib/engine/ports.ts';
import { createJournal, type JournalHeader, openJournal, readHeader, readJournal } from '../../lib/local/journal.ts';
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
    expect(await readHeader(path)).toStrictEqual(header);
  });

  it('is begun once', async () => {
    const path = await writtenJournal([]);
    await expect(createJournal(path, header)).rejects.toMatchObject({ code: 'BS4001' });
  });

  it('cut at any byte gives the appends before, and goes on after them', async () => {
    const path = await writtenJournal([[record(1)], [record(2)]]);
    const bytes = readFileSync(path);
    const ends = [...bytes.keys()].filter((at) => bytes[at] === 10).map((at) => at + 1);
    for (let cut = 0; cut < bytes.length; cut += 1) {
      writeFileSync(path, bytes.subarray(0, cut));
      const whole = ends.filter((end) => end <= cut).length;
      if (whole === 0) {
        expect(await readJournal(path)).toBeUndefined();
        continue;
      }
      const { content, journal } = await openJournal(path);
      expect(content.records).toStrictEqual([record(1), record(2)].slice(0, whole - 1));
      // Shorter than what may have been left: nothing of that stands behind it.
      await journal.append([]);
      await journal.close();
      expect(await readJournal(path)).toMatchObject({ records: content.records, torn: 0 });
    }
  });

  it('tells a flipped bit in a line that others follow, by file and line', async () => {
    const path = await writtenJournal([[record(1)], [record(2)]]);
    const bytes = readFileSync(path);
    const lines = [0, bytes.indexOf(10) + 1];
    for (const [index, start] of lines.entries()) {
      const damaged = Buffer.from(bytes);
      damaged[start + 20] = (damaged[start + 20] ?? 0) ^ 4;
      writeFileSync(path, damaged);
      await expect(readJournal(path)).rejects.toMatchObject({
        code: 'BS4003',
        message: `the journal ${path} is damaged at line ${index + 1}: its checksum does not match`,
      });
    }
    expect(await readHeader(path)).toStrictEqual(header);
  });

  it('falls back to the last whole line when the very last one is damaged', async () => {
    const path = await writtenJournal([[record(1)], [record(2)]]);
    const bytes = readFileSync(path);
    bytes[bytes.length - 5] = (bytes[bytes.length - 5] ?? 0) ^ 4;
    writeFileSync(path, bytes);
    expect((await readJournal(path))?.records).toStrictEqual([record(1)]);
  });
});
