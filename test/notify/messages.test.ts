/** What people read: Slack, mail, and the topic's own words. Nothing that a pipeline says becomes more than text. */
import { describe, expect, it } from 'vitest';
import { emailOf } from '../../lib/notify/email.ts';
import { slackMessage } from '../../lib/notify/slack.ts';
import type { Notice } from '../../lib/sessions/notice.ts';
import { readNotice } from '../../lib/notify/read-notice.ts';
import { consoleLink, noticeMessage, noticeText } from '../../lib/sessions/notice-message.ts';
import { failedNotice } from './notices.ts';

const link =
  'https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/v2/executions/details/arn:aws:states:eu-west-1:' +
  '123456789012:execution:bunsui-daily:session-01k9x2m4c8r7t5w3e6y1q9z0ab-1';
const repeat = { count: 3, since: '2026-11-20T05:00:00.000Z' };
const email = { kind: 'email' as const, from: 'bunsui@example.com', to: ['ops@example.com'] };

const mrkdwn = (text: string) => ({ type: 'mrkdwn', text, verbatim: true });

describe('a Slack message', () => {
  it('says pipeline, session, failed job with file and line, error, attempt and link', () => {
    expect(slackMessage(failedNotice)).toStrictEqual({
      text: '✖ daily failed at load (prod)',
      blocks: [
        { type: 'header', text: { type: 'plain_text', text: '✖ daily failed at load (prod)', emoji: false } },
        { type: 'section', text: mrkdwn('```TypeError: row 17 has no key```') },
        {
          type: 'section',
          fields: [
            mrkdwn('*Job*\n`load, attempt 3`'),
            mrkdwn('*Source*\n`/app/pipelines/daily.ts:41`'),
            mrkdwn('*Session*\n`01k9x2m4c8r7t5w3e6y1q9z0ab`'),
            mrkdwn('*Duration*\n`3 min 12 s`'),
            mrkdwn('*Jobs*\n`3 of 5 completed, 1 failed`'),
            mrkdwn('*Version*\n`0a1b2c3d4e5f`'),
            mrkdwn('*Started by*\n`schedule, daily`'),
            mrkdwn('*At*\n`2026-11-20T06:03:12.000Z`'),
          ],
        },
        { type: 'context', elements: [mrkdwn('`bunsui session show 01k9x2m4c8r7t5w3e6y1q9z0ab`')] },
        { type: 'section', text: mrkdwn(`<${link}|Open in Step Functions>`) },
      ],
      unfurl_links: false,
      unfurl_media: false,
    });
  });

  it('names the platform in the command that shows the session', () => {
    const { blocks } = slackMessage({ ...failedNotice, platform: 'bunsuiprod' });
    expect(blocks).toContainEqual({
      type: 'context',
      elements: [mrkdwn('`bunsui session show 01k9x2m4c8r7t5w3e6y1q9z0ab --platform bunsuiprod`')],
    });
  });

  it('is one line when the same was told a short while ago', () => {
    const { blocks, text } = slackMessage(failedNotice, repeat);
    expect(text).toBe('✖ daily failed at load (prod), same error, 3 times since 2026-11-20 05:00 UTC');
    expect(blocks).toStrictEqual([
      {
        type: 'section',
        text: {
          type: 'mrkdwn',
          text: '✖ `daily failed at load (prod)`, same error, 3 times since 2026-11-20 05:00 UTC · session `01k9x2m4c8r7t5w3e6y1q9z0ab`',
          verbatim: true,
        },
      },
    ]);
  });

  it('stays within the limits of blocks, whatever its parts are', () => {
    const long = '<&>`'.repeat(5_000);
    const { blocks, text } = slackMessage(hostile(long));
    const sizes = JSON.stringify(blocks, (name, value) =>
      name === 'text' && typeof value === 'string' ? value.length : value,
    );
    const found = [...sizes.matchAll(/"text":(\d+)/g)].map(([, size]) => Number(size));
    expect([Math.max(...found) <= 3_000, text.length <= 1_000]).toStrictEqual([true, true]);
    expect(sizes).toMatch(/"plain_text","text":(\d|\d\d|1[0-4]\d|150),/);
  });
});

/** What somebody may put into an error, a path, a trigger's name, the name of an environment. */
const hostileTexts = [
  '<!channel>',
  '<!here> wake up',
  '<!everyone>',
  '<@U012AB3CD>',
  '<#C024BE7LR>',
  '<!subteam^SAZ94GDB8>',
  '<https://evil.example|Open in Step Functions>',
  'https://evil.example/login',
  '&lt;!channel&gt;',
  '```\n<!channel>\n```',
  '` <!here> `',
  '` https://evil.example *bold* `',
  '*bold* _italic_ ~gone~',
  '> quoted\n> lines',
  'line\r\nBcc: victim@example.com',
  'x\nTo: victim@example.com\n\nbody',
  '\u202egnp.exe',
  'a\u2028b\u2029c',
  '\u0000\u001b[31mred\u0007',
  '<img src=x onerror=alert(1)>',
  '"><script>alert(1)</script>',
  ':rotating_light: <!date^0^{date}|x>',
];

function hostile(text: string): Notice {
  return {
    ...failedNotice,
    environment: text,
    trigger: { kind: 'event', detail: text },
    job: { job_id: text, attempt: 1, source: { file: text, line: 1, column: 1 } },
    error: { error_code: text, error_message: text },
  };
}

describe('a text that somebody else wrote', () => {
  it('is inert in Slack: no control sequence outside of our link, no way out of the code it stands in', () => {
    expect(hostileTexts.length).toBeGreaterThanOrEqual(20);
    const bad = hostileTexts.filter((text) =>
      [slackMessage(hostile(text)), slackMessage(hostile(text), repeat)].some((message) => {
        const texts = [...JSON.stringify(message).matchAll(/"text":("(?:[^"\\]|\\.)*")/g)].map(
          ([, found = '""']) => JSON.parse(found) as string,
        );
        return texts.some((one) => {
          const ours = one.replace(`<${link}|Open in Step Functions>`, '');
          const outside = ours.replaceAll(/```[^`]*```|`[^`]*`/g, '');
          const isMarkup = one !== message.text && !one.startsWith('✖ ');
          return /[<>]/.test(ours) || (isMarkup && /`|&|https|bold|victim/.test(outside));
        });
      }),
    );
    expect(bad).toStrictEqual([]);
  });

  it('ends no header of a mail and is no markup in it', () => {
    const bad = hostileTexts.filter((text) => {
      const { Content } = emailOf(hostile(text), email);
      const { Subject, Body } = Content?.Simple ?? {};
      const html = (Body?.Html?.Data ?? '').replaceAll(/<\/?(h2|table|tr|th|td|p|a)( [^<>]*)?>/g, '');
      return /[\p{Cc}\u2028\u2029\u202e]/u.test(Subject?.Data ?? '') || /[<>]/.test(html);
    });
    expect(bad).toStrictEqual([]);
  });

  it('is one line of the topic’s own mail, and its subject is what SNS takes', () => {
    for (const text of hostileTexts) {
      const { Subject = '' } = noticeMessage('arn', hostile(text));
      expect(Subject).toMatch(/^[\x20-\x7e]{1,99}$/);
      expect(noticeText(hostile(text)).split('\n')).toHaveLength(noticeText(failedNotice).split('\n').length);
    }
  });
});

describe('a mail', () => {
  it('says where what failed is written, also when that is no job', () => {
    const { job, ...rest } = failedNotice;
    const text = noticeText({ ...rest, source: { file: '/app/daily.ts', line: 9, column: 3 } });
    expect(text).toContain('Source:     /app/daily.ts:9');
    expect(readNotice(JSON.stringify({ ...rest, source: job?.source }))).toMatchObject({ source: job?.source });
  });

  it('has words, a table and addresses', () => {
    const sent = emailOf(failedNotice, email);
    expect([sent.FromEmailAddress, sent.Destination, sent.Content?.Simple?.Subject?.Data]).toStrictEqual([
      'bunsui@example.com',
      { ToAddresses: ['ops@example.com'] },
      'daily failed at load (prod)',
    ]);
    expect(sent.Content?.Simple?.Body?.Text?.Data).toBe(
      [
        'daily failed at load (prod)',
        '',
        'Error:      TypeError: row 17 has no key',
        'Job:        load, attempt 3',
        'Source:     /app/pipelines/daily.ts:41',
        'Session:    01k9x2m4c8r7t5w3e6y1q9z0ab',
        'Duration:   3 min 12 s',
        'Jobs:       3 of 5 completed, 1 failed',
        'Version:    0a1b2c3d4e5f',
        'Started by: schedule, daily',
        'At:         2026-11-20T06:03:12.000Z',
        '',
        link,
        '',
      ].join('\n'),
    );
    expect(sent.Content?.Simple?.Body?.Html?.Data).toContain('<th align="left" valign="top">Job</th>');
  });

  it('is short when the same was told a short while ago', () => {
    const { Content } = emailOf(failedNotice, email, repeat);
    expect(Content?.Simple?.Body?.Text?.Data).toBe(
      'daily failed at load (prod), same error, 3 times since 2026-11-20 05:00 UTC\n\nSession: 01k9x2m4c8r7t5w3e6y1q9z0ab\n',
    );
  });
});

describe('what is published', () => {
  it('is the notice for queues, words for people, and attributes that subscriptions filter by', () => {
    const published = noticeMessage('arn:topic', failedNotice);
    const texts = JSON.parse(published.Message ?? '{}');
    expect(JSON.parse(texts.default)).toStrictEqual(failedNotice);
    expect(texts.email).toBe(noticeText(failedNotice));
    expect({ ...published, Message: '' }).toStrictEqual({
      TopicArn: 'arn:topic',
      Subject: 'daily failed at load (prod)',
      Message: '',
      MessageStructure: 'json',
      MessageAttributes: {
        event: { DataType: 'String', StringValue: 'failed' },
        pipeline: { DataType: 'String', StringValue: 'daily' },
        channels: { DataType: 'String.Array', StringValue: '["ops"]' },
      },
    });
  });

  it.each([
    ['arn:aws-cn:states:cn-north-1:123456789012:execution:m:e', 'https://cn-north-1.console.amazonaws.cn/states'],
    ['arn:aws:states:us-east-1:000000000000:execution:m:e', undefined],
    ['arn:aws-other:states:us-east-1:123456789012:execution:m:e', undefined],
    ['arn:aws:states:us-east-1:123456789012:execution:m:e|<!channel>', undefined],
  ])('has a link only where there is a console: %s', (execution_arn, expected) => {
    expect(consoleLink({ ...failedNotice, execution_arn })?.slice(0, expected?.length)).toBe(expected);
  });
});
