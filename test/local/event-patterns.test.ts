import { describe, expect, it } from 'vitest';
import { fitsPattern, fitsTrigger, type JsonObject, unservedOperator } from '../../lib/local/event-patterns.ts';

const event: JsonObject = {
  source: 'shop',
  'detail-type': 'Order placed',
  resources: ['a', 'b'],
  detail: { total: 42, user: { name: 'Ann' }, none: null, path: 'in/2026/x.csv', yes: true },
};
const detail = (pattern: JsonObject) => fitsPattern({ detail: pattern }, event);

describe('event patterns', () => {
  it.each<[string, JsonObject, boolean]>([
    ['a value', { total: [41, 42] }, true],
    ['no such value', { total: [41] }, false],
    ['a number is no text', { total: ['42'] }, false],
    ['null', { none: [null] }, true],
    ['deep inside', { user: { name: ['Ann'] } }, true],
    ['deep inside of what is not there', { nobody: { name: ['Ann'] } }, false],
    ['prefix', { path: [{ prefix: 'in/' }] }, true],
    ['suffix', { path: [{ suffix: '.txt' }, { suffix: '.csv' }] }, true],
    ['wildcard', { path: [{ wildcard: 'in/*/x.*' }] }, true],
    ['wildcard whose ends would overlap', { path: [{ wildcard: 'in/2026/x.csv*in/2026/x.csv' }] }, false],
    ['wildcard without a star', { path: [{ wildcard: 'in/2026/x.csv' }] }, true],
    ['wildcard with a star that is meant', { path: [{ wildcard: 'in/\\*x.csv' }] }, false],
    ['any case', { user: { name: [{ 'equals-ignore-case': 'ANN' }] } }, true],
    ['exists', { path: [{ exists: true }], more: [{ exists: false }] }, true],
    ['exists not', { path: [{ exists: false }] }, false],
    ['anything but', { path: [{ 'anything-but': ['x', 'y'] }] }, true],
    ['anything but a prefix', { path: [{ 'anything-but': { prefix: 'in/' } }] }, false],
    ['numeric', { total: [{ numeric: ['>', 40, '<=', 42] }] }, true],
    ['numeric out of range', { total: [{ numeric: ['<', 42] }] }, false],
    ['an operator that is not served', { total: [{ cidr: '10.0.0.0/8' }] }, false],
    ['what every object has', { constructor: [{ exists: true }] }, false],
  ])('%s', (_name, pattern, fits) => expect(detail(pattern)).toBe(fits));

  it('take one of the items of a list, and alternatives', () => {
    expect(fitsPattern({ source: ['shop'], resources: ['b'] }, event)).toBe(true);
    expect(fitsPattern({ $or: [{ source: ['x'] }, { resources: ['a'] }] }, event)).toBe(true);
    expect(fitsPattern({ $or: [{ source: ['x'] }] }, event)).toBe(false);
  });

  it('say which operator is not served', () => {
    expect(unservedOperator({ source: ['x'], detail: { ip: [{ cidr: '10.0.0.0/8' }] } })).toBe('cidr');
    expect(unservedOperator({ $or: [{ a: [{ 'anything-but': { magic: 1 } }] }] })).toBe('magic');
    expect(unservedOperator({ a: [{ prefix: 'x' }, 'y', null] })).toBeUndefined();
  });
});

describe('triggers', () => {
  const put = (key: string, bucket = 'incoming'): JsonObject => ({
    source: 'aws.s3',
    'detail-type': 'Object Created',
    detail: { bucket: { name: bucket }, object: { key } },
  });
  it('of a bucket mean keys with beginning and end, which do not overlap', () => {
    const trigger = { id: 't', kind: 's3', bucket: 'incoming', prefix: 'in/a', suffix: 'a.csv', input: {} } as const;
    expect(
      ['in/a.csv', 'in/aa.csv', 'in/a/a.csv', 'x/in/aa.csv'].map((key) => fitsTrigger(trigger, put(key))),
    ).toStrictEqual([false, true, true, false]);
    expect(fitsTrigger(trigger, put('in/aa.csv', 'other'))).toBe(false);
    expect(fitsTrigger(trigger, { ...put('in/aa.csv'), 'detail-type': 'Object Deleted' })).toBe(false);
  });
  it('of a pipeline mean its successes', () => {
    const trigger = { id: 't', kind: 'pipeline', pipeline: 'ingest', input: {} } as const;
    const ended = (name: string, status: string) => ({
      source: 'aws.states',
      detail: { stateMachineArn: `arn:aws:states:us-east-1:000000000000:stateMachine:${name}`, status },
    });
    expect(
      [ended('ingest', 'SUCCEEDED'), ended('ingest', 'FAILED'), ended('x-ingest', 'SUCCEEDED')].map((one) =>
        fitsTrigger(trigger, one),
      ),
    ).toStrictEqual([true, false, false]);
  });
  it('on another event bus hear nothing here', () => {
    const trigger = { id: 't', kind: 'event', pattern: { source: ['shop'] }, input: {} } as const;
    expect([fitsTrigger(trigger, event), fitsTrigger({ ...trigger, bus: 'orders' }, event)]).toStrictEqual([
      true,
      false,
    ]);
  });
});
