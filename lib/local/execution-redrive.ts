/** Redrives: an execution that has ended without success goes on where it failed, once per token. */
import { redriveExecution } from '../engine/run.ts';
import { errnoOf } from './durable-files.ts';
import { type Driving, functionsIn, identityOf, portsOf } from './execution-driving.ts';
import { type Entry, firstEvents } from './execution-entry.ts';
import { eventsIn, notRedrivable, redrivenBy, redrivesIn } from './execution-records.ts';
import { cutJournal, openJournal, readJournal } from './journal.ts';

/**
 * Redrives an execution. Nobody else may start or redrive one of that name meanwhile.
 *
 * @returns when it was redriven, or why it cannot be; `undefined` when there is no such execution
 */
export async function redrive(
  driving: Driving,
  executionArn: string,
  token: string | undefined,
): Promise<{ readonly atMs: number } | { readonly refused: string } | undefined> {
  const { options, folders, entries, open } = driving;
  const { machines, clock } = options;
  for (let entry = await open(executionArn); entry !== undefined; entry = await open(executionArn)) {
    if (entry.ended === undefined) {
      const content = await readJournal(entry.path);
      const atMs = content && redrivenBy(content.records, token);
      return atMs === undefined ? { refused: 'Execution is RUNNING and cannot be redriven' } : { atMs };
    }
    if (entry.settling === undefined && !driving.closing()) driving.settled(entry, entry.ended);
    await entry.settling;
    if (driving.closing()) throw new Error('the runtime is closing');
    if (entries.get(executionArn) === entry) throw entry.unsettled;
  }
  const content = await folders.readEnded(executionArn);
  if (content === undefined) return undefined;
  const { header, records } = content;
  const before = redrivenBy(records, token);
  if (before !== undefined) return { atMs: before };
  const events = eventsIn(records);
  const why = notRedrivable(header, events, clock.now());
  if (why !== undefined) return { refused: why };
  const entry: Entry = { header, path: folders.openPath(header), listeners: new Set() };
  entries.set(executionArn, entry);
  const goOn = async () => {
    const definition = await machines.definition(header.definition);
    await options.checkFunctions(functionsIn(await machines.definitionText(header.definition)));
    // After a crash between this and the first record it has ended as before, and is put back.
    await folders.takeOut(header);
    const { journal } = await openJournal(entry.path, folders.damaged);
    const ports = portsOf(options, journal, entry);
    const handle = redriveExecution(ports, { ...identityOf(header), definition }, records, token);
    const begun = firstEvents(handle);
    driving.drive(entry, handle, journal);
    await begun;
    entry.redriven = redrivesIn(handle.events);
    options.onDriven(executionArn, events.length);
  };
  const undo = async () => {
    try {
      await cutJournal(entry.path, content.length);
      await folders.putBack(header);
      entries.delete(executionArn);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return void entries.delete(executionArn);
      // It is neither lost nor running: it has ended as before, and is put away when that can be done.
      Object.assign(entry, { ended: driving.recordNow(header, events), announced: true, cutTo: content.length });
    }
  };
  entry.starting = goOn().catch(async (error: unknown) => {
    await undo();
    throw error;
  });
  try {
    await entry.starting;
  } finally {
    entry.starting = undefined;
  }
  const now = (await driving.eventsOf(entry)).findLast(({ type }) => type === 'ExecutionRedriven');
  return { atMs: now?.timestamp ?? clock.now() };
}
