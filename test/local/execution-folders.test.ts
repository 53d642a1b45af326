import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type ExecutionFolders, openExecutionFolders } from '../../lib/local/execution-folders.ts';
import { recordOf } from '../../lib/local/execution-records.ts';
import { createJournal, type JournalHeader } from '../../lib/local/journal.ts';
import { temporaryFolder } from './runtimes.ts';

const header: JournalHeader = {
  journalVersion: 1,
  executionArn: 'arn:aws:states:us-east-1:000000000000:execution:m:n',
  name: 'n',
  stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:m',
  stateMachineName: 'm',
  roleArn: 'arn:aws:iam::000000000000:role/r',
  definition: 'hash',
  input: '{}',
  startedAtMs: 1,
};

/** Folders with one execution that has ended. */
async function withEnded(): Promise<{ readonly folders: ExecutionFolders; readonly file: string }> {
  const stateDir = temporaryFolder();
  const folders = await openExecutionFolders(stateDir);
  const path = folders.openPath(header);
  const journal = await createJournal(path, header);
  await journal.append([{ kind: 'private', n: 1 }]);
  await journal.close();
  await folders.putAway(path, recordOf(header, [], 2));
  return { folders, file: join(stateDir, 'executions', 'ended', path.split('/').at(-1) ?? '') };
}

describe('the journal of an execution that has ended', () => {
  it('is read once for all who ask for it page by page', async () => {
    const { folders } = await withEnded();
    const read = await folders.eventsOfEnded(header.executionArn);
    expect(read).toMatchObject({ header, events: [] });
    expect(await folders.eventsOfEnded(header.executionArn)).toBe(read);
  });

  it('is read anew when the file is another', async () => {
    const { folders, file } = await withEnded();
    const read = await folders.eventsOfEnded(header.executionArn);
    const text = readFileSync(file);
    rmSync(file);
    expect(await folders.eventsOfEnded(header.executionArn)).toBe(undefined);
    writeFileSync(file, text);
    const again = await folders.eventsOfEnded(header.executionArn);
    expect(again).toStrictEqual(read);
    expect(again).not.toBe(read);
  });

  it('is told to be damaged whenever it is asked for, also when it was whole a moment before', async () => {
    const { folders, file } = await withEnded();
    await folders.eventsOfEnded(header.executionArn);
    const bytes = readFileSync(file);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 3) ^ 1, bytes.length - 3);
    writeFileSync(file, bytes);
    for (let asked = 0; asked < 2; asked += 1) {
      await expect(folders.eventsOfEnded(header.executionArn)).rejects.toMatchObject({ code: 'BS4003' });
    }
  });

  it('is taken out for a redrive', async () => {
    const { folders } = await withEnded();
    await folders.eventsOfEnded(header.executionArn);
    await folders.takeOut(header);
    expect(await folders.eventsOfEnded(header.executionArn)).toBe(undefined);
  });
});
