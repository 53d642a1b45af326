/**
 * A notice as a message of the platform's topic. Queues get the notice as JSON; addresses that subscribe to the topic
 * itself get words.
 */
import type { PublishCommandInput } from '@aws-sdk/client-sns';
import type { NoticeEvent } from '../ir/nodes.ts';
import type { Notice } from './notice.ts';

const words: { readonly [event in NoticeEvent]: string } = {
  started: 'started',
  succeeded: 'succeeded',
  failed: 'failed',
  cancelled: 'was cancelled',
  retrying: 'tries a job again',
  deadline: 'has missed its deadline',
  approval: 'waits for an answer',
};

/** `flights failed at load (prod)`: one line for subjects and titles. */
export function noticeHeadline(notice: Notice): string {
  const { event, pipeline_id, job, environment } = notice;
  const at = job === undefined ? '' : ` at ${job.job_id}`;
  return `${pipeline_id} ${words[event]}${at}${environment === undefined ? '' : ` (${environment})`}`;
}

const minute = 60_000;

function durationText(ms: number): string {
  if (ms < minute) return `${(ms / 1_000).toFixed(1)} s`;
  const hours = Math.floor(ms / (60 * minute));
  const minutes = Math.floor((ms % (60 * minute)) / minute);
  return hours === 0 ? `${minutes} min ${Math.floor((ms % minute) / 1_000)} s` : `${hours} h ${minutes} min`;
}

/** What there is to say of a notice beyond its headline: name and text, in the order in which people ask. */
export function noticeFacts(notice: Notice): readonly (readonly [name: string, text: string])[] {
  const { job, approval, compensation, error, trigger } = notice;
  const source = job?.source ?? notice.source;
  return [
    ...(error === undefined ? [] : [['Error', `${error.error_code}: ${error.error_message}`] as const]),
    ...(approval === undefined
      ? []
      : [
          ['Question', approval.message] as const,
          ...(approval.who.length === 0 ? [] : [['Asked', approval.who.join(', ')] as const]),
          ['Until', approval.expires_at] as const,
          ['Answer', approveCommand(notice)] as const,
        ]),
    ...(job === undefined || approval !== undefined ? [] : [['Job', `${job.job_id}, attempt ${job.attempt}`] as const]),
    ...(source === undefined ? [] : [['Source', `${source.file}:${source.line}`] as const]),
    ['Session', notice.session_id],
    ...(notice.duration_ms === undefined ? [] : [['Duration', durationText(notice.duration_ms)] as const]),
    ['Jobs', `${notice.completed_jobs} of ${notice.total_jobs} completed, ${notice.failed_jobs} failed`],
    ...(compensation === undefined
      ? []
      : [['Compensation', `${compensation.undone} undone, ${compensation.failed} failed`] as const]),
    ['Version', notice.pipeline_version],
    ['Started by', trigger.detail === undefined ? trigger.kind : `${trigger.kind}, ${trigger.detail}`],
    ['At', notice.at],
  ];
}

/** What answers it on a command line; the help of it says the rest. */
export function approveCommand({ session_id, job, platform }: Notice): string {
  const path = job?.job_id ?? '';
  const shown = /^[\w/-]+$/.test(path) ? path : `'${path}'`;
  return `bunsui approve ${session_id} ${shown}${platform === undefined ? '' : ` --platform ${platform}`}`;
}

/** The execution in the AWS console; none for executions that are not on AWS. */
export function consoleLink({ execution_arn: arn = '' }: Notice): string | undefined {
  const [, partition = '', region = '', account] =
    /^arn:(aws[a-z-]*):states:([a-z0-9-]+):(\d{12}):execution:[\w-]{1,80}:[\w-]{1,80}$/.exec(arn) ?? [];
  const consoles: { readonly [partition: string]: string } = {
    aws: 'console.aws.amazon.com',
    'aws-cn': 'console.amazonaws.cn',
    'aws-us-gov': 'console.amazonaws-us-gov.com',
  };
  const host = Object.hasOwn(consoles, partition) ? consoles[partition] : undefined;
  if (host === undefined || account === '000000000000') return undefined;
  return `https://${region}.${host}/states/home?region=${region}#/v2/executions/details/${arn}`;
}

/** A notice as plain text. @param answer the link by which it is answered */
export function noticeText(notice: Notice, answer?: string): string {
  const link = consoleLink(notice);
  const lines = noticeFacts(notice).map(([name, text]) => `${`${name}:`.padEnd(12)}${printable(text)}`);
  const open = answer === undefined ? [] : ['', `Answer: ${answer}`];
  return [printable(noticeHeadline(notice)), '', ...lines, ...open, ...(link === undefined ? [] : ['', link]), ''].join(
    '\n',
  );
}

/** Control characters, line breaks and marks that turn the direction of text would forge lines that nobody wrote. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, ' ');
}

/**
 * What is published for a notice. Subscriptions of queues filter by the attribute `channels`, which SNS reads as a list,
 * and take the message raw.
 *
 * @see https://docs.aws.amazon.com/sns/latest/api/API_Publish.html (Subject: at most 100 printable ASCII characters)
 */
export function noticeMessage(topicArn: string, notice: Notice): PublishCommandInput {
  const subject = noticeHeadline(notice)
    .replaceAll(/[^\x20-\x7e]+/g, '?')
    .slice(0, 99);
  const text = (value: string) => ({ DataType: 'String', StringValue: value });
  return {
    TopicArn: topicArn,
    Subject: subject,
    MessageStructure: 'json',
    Message: JSON.stringify({ default: JSON.stringify(notice), email: noticeText(notice) }),
    MessageAttributes: {
      event: text(notice.event),
      pipeline: text(notice.pipeline_id),
      channels: { DataType: 'String.Array', StringValue: JSON.stringify(notice.channels) },
    },
  };
}
