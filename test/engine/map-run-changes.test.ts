/** What can be done to a map run while it is under way: its settings change, children are stopped; both outlast a crash. */
import { expect, test } from 'vitest';
import { mapRunsIn } from '../../lib/engine/map-run-records.ts';
import { resumeExecution, startExecution } from '../../lib/engine/run.ts';
import { type Answer, definitionOf, ended, identityOf, lines, memoryObjects, ok, portsOf, startMs } from './machine.ts';

const definition = definitionOf({
  QueryLanguage: 'JSONPath',
  StartAt: 'm',
  States: {
    m: {
      Type: 'Map',
      Label: 'load',
      MaxConcurrency: 1,
      ItemProcessor: {
        ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
        StartAt: 't',
        States: { t: { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', End: true } },
      },
      ResultSelector: { 'status.$': '$[*].Status' },
      End: true,
    },
  },
});
const input = '[1,2,3,4]';

/** Starts a run whose tasks hang, and waits until nothing more happens by itself. */
async function underWay() {
  const hangs: Answer = () => new Promise(() => undefined);
  const made = portsOf(hangs, startMs, memoryObjects());
  const handle = startExecution(made.ports, { ...identityOf(definition), input });
  await made.clock.idle();
  const started = handle.events.find((event) => event.type === 'MapRunStarted');
  return { made, handle, arn: started?.mapRunStartedEventDetails.mapRunArn ?? '' };
}

/** ARNs of the children that have begun, in the order of their items. */
const childrenIn = ({ records }: ReturnType<typeof portsOf>) =>
  mapRunsIn(identityOf(definition), records).flatMap(({ children }) => children.map((child) => child.executionArn));

test('more children begin at once when the run may have more, also after a crash', async () => {
  const { made, handle, arn } = await underWay();
  expect(made.tasks).toHaveLength(1);
  expect(await handle.changeMapRun(arn, { maxConcurrency: 3 })).toBe(true);
  await made.clock.idle();
  expect(made.tasks).toHaveLength(3);
  expect(await handle.changeMapRun(`${arn}x`, { maxConcurrency: 4 })).toBe(false);
  await handle.suspend();
  expect(await handle.changeMapRun(arn, { maxConcurrency: 4 })).toBe(false);

  const resumed = portsOf(() => new Promise(() => undefined), startMs, memoryObjects());
  const again = resumeExecution(resumed.ports, identityOf(definition), made.records);
  await resumed.clock.idle();
  expect(resumed.tasks).toHaveLength(3);
  await again.suspend();
});

test('a child that is stopped counts as failed, within the tolerance that the run has now', async () => {
  const { made, handle, arn } = await underWay();
  await handle.changeMapRun(arn, { toleratedCount: 1 });
  const [first = ''] = childrenIn(made);
  const { ports, records, ...rest } = portsOf(() => ok(1), startMs, memoryObjects());
  expect(await handle.stopChild(first, 'Enough', 'of it')).toBe(true);
  expect(await handle.stopChild(first)).toBe(false);
  await handle.suspend();
  const again = resumeExecution(ports, identityOf(definition), made.records);
  const { outcome } = await ended(again, { ports, records, ...rest });
  expect(outcome).toStrictEqual({ status: 'SUCCEEDED', output: '{"status":["ABORTED"]}' });
});

test('without a tolerance, stopping a child fails the run', async () => {
  const { made, handle } = await underWay();
  await handle.stopChild(childrenIn(made)[0] ?? '');
  const { outcome, events } = await ended(handle, made);
  expect([outcome.error, lines(events).slice(4)]).toStrictEqual([
    'States.ExceedToleratedFailureThreshold',
    ['5<-4 MapRunFailed', '6<-5 MapStateFailed', '7<-6 ExecutionFailed'],
  ]);
});
