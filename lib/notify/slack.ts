/**
 * A notice as a Slack message. Everything that somebody else wrote stands in code, where Slack makes neither links nor
 * mentions of it, with the three characters escaped that are its control characters.
 *
 * @see https://docs.slack.dev/reference/block-kit/blocks (limits) and /messaging/formatting-message-text (escaping)
 */
import type { NoticeEvent } from '../ir/nodes.ts';
import type { Notice } from '../sessions/notice.ts';
import { consoleLink, noticeFacts, noticeHeadline, printable } from '../sessions/notice-message.ts';
import { againText, type Repeat } from './repeats.ts';

const marks: { readonly [event in NoticeEvent]: string } = {
  started: '▶',
  succeeded: '✔',
  failed: '✖',
  cancelled: '■',
  retrying: '↻',
  deadline: '⏰',
  approval: '?',
};

const maxHeader = 150;
const maxErrorText = 2_500;
const maxFieldText = 300;
const maxFallback = 1_000;

type Block = { readonly type: string; readonly [field: string]: unknown };

/** What is posted to an incoming webhook. */
export interface SlackMessage {
  /** For lists and notifications of Slack. */
  readonly text: string;
  readonly blocks: readonly Block[];
  readonly unfurl_links: false;
  readonly unfurl_media: false;
}

/**
 * The message of a notice: all of it, or one line when the same has been told a short while ago.
 *
 * @param answer the link by which it is answered
 */
export function slackMessage(notice: Notice, repeat?: Repeat, answer?: string): SlackMessage {
  const headline = `${marks[notice.event]} ${noticeHeadline(notice)}`;
  const again = repeat === undefined ? '' : `, ${againText(repeat)}`;
  return {
    text: escaped(`${headline}${again}`, maxFallback),
    blocks: repeat === undefined ? wholeBlocks(notice, headline, answer) : [shortBlock(notice, headline, again)],
    unfurl_links: false,
    unfurl_media: false,
  };
}

function wholeBlocks(notice: Notice, headline: string, answer: string | undefined): readonly Block[] {
  const facts = noticeFacts(notice).filter(([name]) => name !== 'Error');
  const { error } = notice;
  const link = consoleLink(notice);
  return [
    { type: 'header', text: { type: 'plain_text', text: plain(headline), emoji: false } },
    ...(error === undefined
      ? []
      : [section(`\`\`\`${code(`${error.error_code}: ${error.error_message}`, maxErrorText, 'lines')}\`\`\``)]),
    // At most ten fields fit into a section.
    {
      type: 'section',
      fields: facts.slice(0, 10).map(([name, text]) => mrkdwn(`*${name}*\n\`${code(text, maxFieldText)}\``)),
    },
    { type: 'context', elements: [mrkdwn(`\`${code(showCommand(notice), 80)}\``)] },
    ...(answer === undefined ? [] : [section(`<${answer}|See it and answer>`)]),
    ...(link === undefined ? [] : [section(`<${link}|Open in Step Functions>`)]),
  ];
}

function shortBlock(notice: Notice, headline: string, again: string): Block {
  const [mark = '', ...words] = headline.split(' ');
  return section(
    `${mark} \`${code(words.join(' '), maxFieldText)}\`${again} · session \`${code(notice.session_id, 40)}\``,
  );
}

/** What shows the session: on a laptop it needs no more, there is one platform. */
function showCommand({ session_id, platform }: Notice): string {
  return `bunsui session show ${session_id}${platform === undefined ? '' : ` --platform ${platform}`}`;
}

const mrkdwn = (text: string) => ({ type: 'mrkdwn', text, verbatim: true });
const section = (text: string): Block => ({ type: 'section', text: mrkdwn(text) });

/** Plain text has no code to stand in, and it is not said whether entities mean anything there: without the three it is text. */
function plain(text: string): string {
  return printable(text).replaceAll('<', '‹').replaceAll('>', '›').replaceAll('&', '+').slice(0, maxHeader);
}

/** Text for between backticks, which would end the code. An empty one would be no code at all. */
function code(text: string, maxLength: number, keep?: 'lines'): string {
  const lines = keep === undefined ? [text] : text.split(/\r\n|[\n\r\u2028\u2029]/);
  return escaped(lines.map(printable).join('\n').replaceAll('`', 'ˋ'), maxLength) || ' ';
}

/** Escaped, and cut so that it is no longer than that in the end. */
function escaped(text: string, maxLength: number): string {
  const entities: { readonly [character: string]: string } = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
  let length = 0;
  let kept = '';
  for (const character of text) {
    const written = entities[character] ?? character;
    length += written.length;
    if (length > maxLength - 1) return `${kept}…`;
    kept += written;
  }
  return kept;
}
