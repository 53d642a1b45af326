import { describe, expect, test } from 'vitest';
import { fitsBytes, parseTimestamp, payloadOfText, payloadOfValue } from '../../lib/asl/json.ts';

describe('payloads', () => {
  test('keep the text that was given, and make the other side when asked', () => {
    const given = payloadOfText(' {"a": 1} ');
    const { value } = given;
    expect([given.text, value, given.value === value]).toStrictEqual([' {"a": 1} ', { a: 1 }, true]);
    expect(payloadOfText('null').value).toBe(null);
    expect(payloadOfValue({ a: 1 }).text).toBe('{"a":1}');
  });

  test.each([
    ['aaaa', 4, true],
    ['aaaaa', 4, false],
    ['éé', 4, true],
    ['ééé', 5, false],
    ['😀', 4, true],
    ['😀', 3, false],
    ['€', 3, true],
  ])('%s in %i bytes: %s', (text, limit, expected) => {
    expect(fitsBytes(text, limit)).toBe(expected);
  });
});

describe('timestamps', () => {
  test.each([
    ['2026-01-01T00:00:00Z', Date.UTC(2026, 0, 1)],
    ['2026-01-01T00:00:00.123456789Z', Date.UTC(2026, 0, 1, 0, 0, 0, 123)],
    ['2026-01-01T09:00:00+09:00', Date.UTC(2026, 0, 1)],
    ['2026-01-01 00:00:00Z', undefined],
    ['2026-01-01T00:00:00', undefined],
    ['2026-01-01T25:00:00Z', undefined],
    ['2026-01-01', undefined],
  ])('%s', (text, expected) => {
    expect(parseTimestamp(text)).toBe(expected);
  });
});
