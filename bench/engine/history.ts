/**
 * A history as long as they get: how long it takes to read its journal, to fold it, and to page through it; and what a
 * client waits for its pages, each of which is a request.
 */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { validateDefinition } from '../../lib/asl/validate.ts';
import { newExecution } from '../../lib/engine/execution.ts';
import { applyRecord } from '../../lib/engine/fold.ts';
import { localClient } from '../../lib/local/client.ts';
import { createJournal, readJournal } from '../../lib/local/journal.ts';
import { openRuntime } from '../../lib/local/runtime.ts';
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
const loopInput = { n: 0, note: 'a text of some length, as inputs of states have' };
/** The largest page of GetExecutionHistory. */
const pageSize = 1_000;

/** Milliseconds, the best of several. Paging makes every page of GetExecutionHistory, as the text that is sent. */
export async function historyTimes(
  folder: string,
  times: number,
): Promise<{ readonly events: number; readonly openMs: number; readonly foldMs: number; readonly pageMs: number }> {
  const path = join(folder, 'history.jsonl');
  const header = { ...names, roleArn: '', definition: '', input: JSON.stringify(loopInput), startedAtMs: Date.now() };
  const journal = await createJournal(path, { journalVersion: 1, ...header });
  const { events } = await engineRun({ name: 'history', definition: loop, input: loopInput, tasks: [] })(journal);
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

/** Milliseconds of the best of several times in which all pages of such a history are asked for at the endpoint. */
export async function pagesTime(folder: string, times: number): Promise<number> {
  const runtime = await openRuntime({ stateDir: join(folder, 'pages') });
  try {
    const client = localClient(runtime);
    const call = async (action: string, request: object): Promise<Readonly<Record<string, unknown>>> => {
      const answer = await client.json('states', `AWSStepFunctions.${action}`, request);
      if (!answer.ok) throw new Error(`${action}: ${answer.code} ${answer.message}`);
      return answer.value;
    };
    const machine = {
      name: 'history',
      roleArn: 'arn:aws:iam::000000000000:role/bench',
      definition: JSON.stringify(loop),
    };
    const { stateMachineArn } = await call('CreateStateMachine', machine);
    const { executionArn } = await call('StartExecution', { stateMachineArn, input: JSON.stringify(loopInput) });
    while ((await call('DescribeExecution', { executionArn }))['status'] === 'RUNNING') await pause(50);
    const taken: number[] = [];
    for (let run = 0; run < times; run += 1) {
      const from = performance.now();
      let events = 0;
      let nextToken: unknown;
      do {
        const page = await call('GetExecutionHistory', { executionArn, maxResults: pageSize, nextToken });
        events += (page['events'] as readonly object[]).length;
        nextToken = page['nextToken'];
      } while (nextToken !== undefined);
      taken.push(performance.now() - from);
      if (events !== visits * 6 + 4) throw new Error(`the pages have ${events} events`);
    }
    return Math.min(...taken);
  } finally {
    await runtime.close();
  }
}
