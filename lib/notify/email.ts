/**
 * A notice as a mail: plain text, and the same as a small table. Subject and addresses become headers, so no line ends
 * in them.
 */
import type { SendEmailCommandInput } from '@aws-sdk/client-sesv2';
import { consoleLink, noticeFacts, noticeHeadline, noticeText, printable } from '../sessions/notice-message.ts';
import type { Notice } from '../sessions/notice.ts';
import type { EmailChannel } from './channels.ts';
import { againText, type Repeat } from './repeats.ts';

const maxSubject = 200;

/** What SES is asked to send: all of the notice, or its headline when the same has been told a short while ago. */
export function emailOf(
  notice: Notice,
  channel: EmailChannel,
  repeat?: Repeat,
  answer?: string,
): SendEmailCommandInput {
  const again = repeat === undefined ? '' : `, ${againText(repeat)}`;
  const subject = printable(`${noticeHeadline(notice)}${again}`).slice(0, maxSubject);
  const text =
    repeat === undefined ? noticeText(notice, answer) : `${subject}\n\nSession: ${printable(notice.session_id)}\n`;
  const html =
    repeat === undefined
      ? page(notice, subject, answer)
      : `<p>${escaped(subject)}</p><p>Session ${escaped(notice.session_id)}</p>`;
  const content = (data: string) => ({ Data: data, Charset: 'UTF-8' });
  return {
    FromEmailAddress: channel.from,
    Destination: { ToAddresses: [...channel.to] },
    Content: { Simple: { Subject: content(subject), Body: { Text: content(text), Html: content(html) } } },
  };
}

function page(notice: Notice, headline: string, answer: string | undefined): string {
  const rows = noticeFacts(notice).map(
    ([name, text]) =>
      `<tr><th align="left" valign="top">${escaped(name)}</th><td style="white-space:pre-wrap">${escaped(text)}</td></tr>`,
  );
  const link = consoleLink(notice);
  return [
    `<h2>${escaped(headline)}</h2>`,
    `<table cellpadding="4">${rows.join('')}</table>`,
    ...(answer === undefined ? [] : [`<p><a href="${escaped(answer)}">See it and answer</a></p>`]),
    ...(link === undefined ? [] : [`<p><a href="${escaped(link)}">Open in Step Functions</a></p>`]),
  ].join('\n');
}

const entities: { readonly [character: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
}
