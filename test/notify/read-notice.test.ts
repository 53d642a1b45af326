import { describe, expect, it } from 'vitest';
import { readNotice } from '../../lib/notify/read-notice.ts';
import { noticeFacts } from '../../lib/sessions/notice-message.ts';
import type { Notice } from '../../lib/sessions/notice.ts';
import { failedNotice } from './notices.ts';

describe('a notice that a queue holds', () => {
  it.each(['manual', 'api', 'schedule', 'event', 'call'] as const)(
    'is read when %s has started its session',
    (kind) => {
      const notice: Notice = { ...failedNotice, trigger: { kind, detail: 'x' } };
      expect(readNotice(JSON.stringify(notice))).toStrictEqual(notice);
    },
  );

  it('says what was undone, and is refused where that is no number', () => {
    const notice: Notice = { ...failedNotice, compensation: { undone: 2, failed: 1 } };
    expect(readNotice(JSON.stringify(notice))).toStrictEqual(notice);
    expect(noticeFacts(notice)).toContainEqual(['Compensation', '2 undone, 1 failed']);
    const wrong = { ...failedNotice, compensation: { undone: 'all', failed: 1 } };
    expect(readNotice(JSON.stringify(wrong))).toBe('compensation.undone is missing or wrong');
  });
});
