/** Reads a notice back from the text of a message. */
import * as z from 'zod/mini';
import { noticeEvents } from '../ir/nodes.ts';
import type { Notice } from '../sessions/notice.ts';
import { sessionStatuses } from '../sessions/status.ts';

const text = z.string();
const count = z.int();
const id = text.check(z.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/));

const position = z.object({ file: text, line: count, column: count });

const noticeSchema = z.object({
  noticeVersion: z.literal(1),
  // It becomes a header.
  delivery_id: text.check(z.regex(/^[\x21-\x7e]{1,1000}$/)),
  event: z.enum(noticeEvents),
  at: text,
  channels: z.array(text),
  session_id: id,
  created_at: text,
  pipeline_id: id,
  pipeline_version: text,
  status: z.enum(sessionStatuses),
  trigger: z.object({ kind: z.enum(['manual', 'api', 'schedule', 'event', 'call']), detail: z.optional(text) }),
  execution_arn: z.optional(text),
  environment: z.optional(text),
  platform: z.optional(text.check(z.regex(/^[a-z][a-z0-9]{0,14}$/))),
  region: text,
  duration_ms: z.optional(z.number()),
  total_jobs: count,
  completed_jobs: count,
  failed_jobs: count,
  compensation: z.optional(z.object({ undone: count, failed: count })),
  job: z.optional(
    z.object({
      job_id: text,
      attempt: count,
      source: z.optional(position),
    }),
  ),
  approval: z.optional(z.object({ message: text, who: z.array(text), asked_at: text, expires_at: text })),
  source: z.optional(position),
  error: z.optional(z.object({ error_code: text, error_message: text })),
});

/** The notice; or in a few words why it is none. */
export function readNotice(body: string): Notice | string {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return 'it is not JSON';
  }
  const parsed = noticeSchema.safeParse(value);
  if (parsed.success) return parsed.data as Notice;
  const [issue] = parsed.error.issues;
  return `${issue?.path.join('.') || 'the message'} is missing or wrong`;
}
