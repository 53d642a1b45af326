import { describe, expect, it } from 'vitest';
import { readLiveEvent } from '../../lib/sessions/live-events.ts';
import { failureHistory, successHistory } from './history-fixture.ts';
import { logRecord } from './log-records.ts';

const arn = 'arn:aws:states:us-east-1:000000000000:execution:flow:session-x-1';
const scheduled = {
  id: '5',
  type: 'TaskScheduled',
  details: { resourceType: 'lambda', resource: 'invoke', region: 'us-east-1', parameters: '{"a":1}' },
  redrive_count: '0',
  previous_event_id: '4',
  event_timestamp: '1585170234000',
  execution_arn: arn,
};

describe('a record of an execution log', () => {
  it('is the event that the history has, without what goes into and out of states', () => {
    for (const event of [...successHistory(), ...failureHistory()]) {
      const want =
        'stateEnteredEventDetails' in event
          ? { ...event, stateEnteredEventDetails: { name: event.stateEnteredEventDetails.name } }
          : 'stateExitedEventDetails' in event
            ? { ...event, stateExitedEventDetails: { name: event.stateExitedEventDetails.name } }
            : event;
      const read = readLiveEvent(logRecord(arn, event));
      expect(read).toMatchObject({ executionArn: arn, redriveCount: 0, id: event.id });
      expect(read?.event).toMatchObject(want);
    }
  });

  it.each([
    ['cut off, as it says', { details: { ...scheduled.details, parametersDetails: { truncated: true } } }],
    ['cut off, as one sees', { details: { ...scheduled.details, parameters: '{"a":' } }],
    ['without execution data', { details: { resourceType: 'lambda', resource: 'invoke', region: 'us-east-1' } }],
    ['without details', { details: undefined }],
    ['with a number for a text', { details: { ...scheduled.details, resource: 7 } }],
  ])('that is %s is only told of by its id', (_, more) => {
    expect(readLiveEvent(JSON.stringify({ ...scheduled, ...more }))).toStrictEqual({
      executionArn: arn,
      redriveCount: 0,
      id: 5,
    });
  });

  it('tells how often the execution was redriven', () => {
    expect(readLiveEvent(JSON.stringify({ ...scheduled, redrive_count: '3' }))?.redriveCount).toBe(3);
    const redriven = {
      ...scheduled,
      type: 'ExecutionRedriven',
      details: { redriveCount: 2 },
      redrive_count: undefined,
    };
    expect(readLiveEvent(JSON.stringify(redriven))).toStrictEqual({
      executionArn: arn,
      redriveCount: 2,
      id: 5,
      event: {
        id: 5,
        previousEventId: 4,
        timestamp: 1_585_170_234_000,
        type: 'ExecutionRedriven',
        executionRedrivenEventDetails: { redriveCount: 2 },
      },
    });
  });

  it.each([
    ['123456', 123],
    ['123500', 124],
    ['999999', 1000],
    ['5', 500],
  ])('may have its time in ISO 8601, rounded as the SDK rounds those of a history: .%s', (fraction, ms) => {
    const read = readLiveEvent(
      JSON.stringify({ ...scheduled, event_timestamp: `2020-03-25T21:03:54.${fraction}+00:00` }),
    );
    expect(read?.event?.timestamp).toBe(1_585_170_234_000 + ms);
  });

  it.each([
    ['no JSON', '{"id":"5","ty'],
    ['a list', '[]'],
    ['null', 'null'],
    ['of no execution', { execution_arn: 'arn:aws:lambda:us-east-1:000000000000:function:x' }],
    ['of a child of a map run', { execution_arn: 'arn:aws:states:us-east-1:000000000000:execution:flow/map:1-2' }],
    ['of an express execution', { execution_arn: 'arn:aws:states:us-east-1:000000000000:express:flow:a:b' }],
    ['without an id', { id: undefined }],
    ['with the id 0', { id: '0', previous_event_id: '0' }],
    ['before its predecessor', { previous_event_id: '5' }],
    ['without a time', { event_timestamp: 'soon' }],
    ['without a type', { type: 5 }],
  ])('is passed over when it is %s', (_, record) => {
    const text = typeof record === 'string' ? record : JSON.stringify({ ...scheduled, ...record });
    expect(readLiveEvent(text)).toBeUndefined();
  });
});
