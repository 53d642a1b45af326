/**
 * A notice as JSON of a form that a channel says. What the notice says comes from sessions and their authors: it is put
 * into texts of the body after that was read, so that it can end no text and begin no field.
 */
import type { Json } from '../ir/expressions.ts';
import type { Notice } from '../sessions/notice.ts';
import { noticeFacts, noticeHeadline, printable } from '../sessions/notice-message.ts';
import type { PostChannel } from './channels.ts';

/** What texts of a channel may name, in two braces each. */
export const noticeNames = [
  ...['event', 'headline', 'facts', 'pipeline', 'session', 'status', 'job', 'error', 'at', 'delivery', 'link'],
] as const;

const maxText = 4_000;

function textsOf(notice: Notice, link: string | undefined): { readonly [name: string]: string } {
  const { event, pipeline_id, session_id, status, job, error, at, delivery_id } = notice;
  const shown = {
    ...{ event, pipeline: pipeline_id, session: session_id, status, at, delivery: delivery_id },
    headline: noticeHeadline(notice),
    job: job?.job_id ?? '',
    error: error === undefined ? '' : `${error.error_code}: ${error.error_message}`,
    link: link ?? '',
  };
  const facts = noticeFacts(notice).map(([name, text]) => `${name}: ${printable(text)}`);
  return {
    ...Object.fromEntries(Object.entries(shown).map(([name, text]) => [name, printable(text).slice(0, maxText)])),
    facts: facts.join('\n').slice(0, maxText),
  };
}

/** Headers and body of what is posted for a notice. @param secret the value of the channel's secret */
export function postOf(
  { headers = {}, body }: PostChannel,
  notice: Notice,
  secret: string | undefined,
  link: string | undefined,
): { readonly headers: Readonly<Record<string, string>>; readonly body: string } {
  const texts = { ...textsOf(notice, link), ...(secret === undefined ? {} : { secret }) };
  // Once, from left to right: what a notice says is not looked at for names.
  const filled = (text: string) =>
    text.replaceAll(/\{\{(\w+)\}\}/g, (whole, name: string) =>
      Object.hasOwn(texts, name) ? (texts[name as keyof typeof texts] ?? '') : whole,
    );
  const fill = (value: Json): Json => {
    if (typeof value === 'string') return filled(value);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(fill);
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, fill(one)]));
  };
  const only = (text: string) => text.replaceAll('{{secret}}', () => secret ?? '');
  return {
    headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name.toLowerCase(), only(text)])),
    body: JSON.stringify(fill(body)),
  };
}
