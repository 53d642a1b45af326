/** Approvals in words: what is asked, and who has answered what. */
import type { Json } from '../ir/expressions.ts';
import type { JobView } from '../sessions/view.ts';
import { harmlessLine } from './harmless.ts';

type Fields = { readonly [name: string]: Json };

const fieldsOf = (value: Json | undefined): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};

/** What an approval asks whom, as far as its session tells. */
export function askedOf({ input }: Pick<JobView, 'input'>): {
  readonly message?: string;
  readonly who?: readonly string[];
} {
  const { message, who } = fieldsOf(input);
  return {
    ...(typeof message === 'string' ? { message } : {}),
    ...(Array.isArray(who) ? { who: who.map(String) } : {}),
  };
}

/** `for approval by ml-leads: Ship it?` */
export function waitingText(job: JobView): string {
  const { message = '', who = [] } = askedOf(job);
  return `for approval${who.length === 0 ? '' : ` by ${who.join(', ')}`}${message === '' ? '' : `: ${message}`}`;
}

/** `approved by yui (cli): {"stage":"prod"}`; nothing for what is no approval. */
export function answerText({ isApproval, output }: JobView): string {
  const { approved, answer, by, via, reason } = isApproval ? fieldsOf(output) : {};
  if (typeof approved !== 'boolean') return '';
  const form = answer === undefined || Object.keys(fieldsOf(answer)).length === 0 ? '' : `: ${JSON.stringify(answer)}`;
  const why = typeof reason === 'string' ? `, ${reason}` : '';
  return `${approved ? 'approved' : 'rejected'} by ${String(by)} (${String(via)})${why}${form}`;
}

/** The note of a job in a table. */
export function approvalText(job: JobView): string {
  return harmlessLine(job.status === 'waiting' ? waitingText(job) : answerText(job));
}
