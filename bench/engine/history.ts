/** A history as long as they get: how long it takes to read its journal, to fold it, and to page through it. */
import { join } from 'node:path';
import { validateDefinition } from '../../lib/asl/validate.ts';
import { newExecution } from '../../lib/engine/execution.ts';
import { applyRecord } from '../../lib/engine/fold.ts';

import { createJournal, readJournal } from '../../lib/local/journal.ts';
import { historyEvent } from '../../lib/local/step-functions-shapes.ts';
import { engineRun, names } from './ours.ts';

/** Three states of two events each, and the four events around them, make 25,000. */
const visits = 4_166;
const loop = {
  StartAt: 'count',
  States: {
    count: { Type: 'Pass', Parameters: { 'n.$': 'States.MathAdd($.n, 1)', 'note.$': '$.note' }, Next: 'rest' },
    rest: { Type: 'Pass', Next: 'again' },
    again: { Type: 'Choice', Choices: [{ Variable: '$.n', NumericLessThan: visits, Next: 'count' }], Default: 'end' },
    end: { Type: 'Succeed' },
  },
};
/** The largest page of GetExecutionHistory. */
const pageSize = 1_000;

/** Milliseconds, the best of several. Paging makes every page of GetExecutionHistory, as the text that is sent. */
export async function historyTimes(
  folder: string,
  times: number,
): Promise<{ readonly events: number; readonly openMs: number; readonly foldMs: number; readonly pageMs: number }> {
  const path = join(folder, 'history.jsonl');
  const input = { n: 0, note: 'a text of some length, as inputs of states have' };
  const header = { ...names, roleArn: '', definition: '', input: JSON.stringify(input), startedAtMs: Date.now() };
  const journal = await createJournal(path, { journalVersion: 1, ...header });
  const { events } = await engineRun({ name: 'history', definition: loop, input, tasks: [] })(journal);
  await journal.close();
  const checked = validateDefinition(loop);
  if (!checked.ok) throw new Error('the machine of the history is refused');
  const [open, fold, page]: [number[], number[], number[]] = [[], [], []];
  for (let run = 0; run < times; run += 1) {
    const from = performance.now();
    const content = await readJournal(path);
    const opened = performance.now();
    const execution = newExecution({ ...names, definition: checked.definition });
    for (const record of content?.records ?? []) applyRecord(execution, record);
    const folded = performance.now();
    if (execution.events.length !== events.length) throw new Error('the journal does not hold the history');
    for (let at = 0; at < execution.events.length; at += pageSize) {
      JSON.stringify(execution.events.slice(at, at + pageSize).map((event) => historyEvent(event, true)));
    }
    open.push(opened - from);
    fold.push(folded - opened);
    page.push(performance.now() - folded);
  }
  return { events: events.length, openMs: Math.min(...open), foldMs: Math.min(...fold), pageMs: Math.min(...page) };
}
