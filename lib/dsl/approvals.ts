/** Approvals: what a person is asked, and how it is recorded. */
import * as z from 'zod';
import type { ApprovalWay } from '../approval-layout.ts';
import type { SourcePosition } from '../errors.ts';
import type { Json } from '../ir/expressions.ts';
import type { ApprovalIr } from '../ir/nodes.ts';
import type { Duration } from './durations.ts';
import { type Recording, read, schemaOf, secondsOf } from './recording.ts';
import type { In, RefBase } from './refs.ts';
import type { JsonOnly, Schema } from './schemas.ts';

/** A form without fields. */
export type NoForm = z.ZodObject<Record<never, never>>;

/** What `p.approve` is given. */
export interface ApprovalContract<F extends Schema> {
  /** What the person is asked. What is longer than 4,000 characters is cut off. */
  readonly message: In<string>;
  /** Names of the people and groups that are asked. They are shown, and not checked: whoever may answer, may. */
  readonly who?: RefBase<readonly string[]> | readonly In<string>[];
  /** What whoever approves fills in: an object. @default no fields */
  readonly form?: F & JsonOnly<z.output<F>>;
  /** How long an answer is waited for, at most a year. @default "7d" */
  readonly timeout?: Duration;
  /**
   * What happens then: `fail` fails the job with `Bunsui.ApprovalTimedOut`, `reject` goes on as when somebody had
   * rejected it, `{ approve: … }` goes on as when somebody had approved it with this form. @default "fail"
   */
  readonly onTimeout?: 'fail' | 'reject' | { readonly approve: z.input<F> };
  /**
   * What a rejection does: `fail` fails the job with `Bunsui.Rejected`, `continue` goes on with `out.approved` false and
   * without `out.answer`. @default "fail"
   */
  readonly onReject?: 'fail' | 'continue';
}

/** An answer, as later jobs see it. */
export interface Approval<A> {
  readonly approved: boolean;
  /** What was filled in. After a rejection it is absent: read it under a `when` that says it was approved. */
  readonly answer: A;
  readonly reason?: string;
  /** Who answered: an ARN, a user's name, what was typed on the page; `nobody` after a timeout. */
  readonly by: string;
  /** ISO 8601 in UTC. */
  readonly at: string;
  readonly via: ApprovalWay;
}

const longestWait = '7d';
export const noForm: NoForm = z.object({});

/** The part of an approval's node that its contract says. Mistakes are reported, and it goes on. */
export function approvalFields(
  recording: Recording,
  {
    message,
    who,
    form = noForm as never,
    timeout = longestWait,
    onTimeout = 'fail',
    onReject = 'fail',
  }: ApprovalContract<Schema>,
  path: readonly (string | number)[],
  source: SourcePosition,
): Pick<ApprovalIr, 'message' | 'who' | 'form' | 'timeoutSeconds' | 'onTimeout' | 'onReject'> {
  return {
    message: read(recording, message, [...path, 'message'], source),
    ...(who === undefined ? {} : { who: read(recording, who, [...path, 'who'], source) }),
    form: schemaOf(recording, form, 'input', [...path, 'form'], source),
    timeoutSeconds: secondsOf(recording, timeout, [...path, 'timeout'], source),
    onTimeout:
      typeof onTimeout === 'string'
        ? { kind: onTimeout }
        : { kind: 'approve', answer: filledIn(recording, form, onTimeout.approve, [...path, 'onTimeout'], source) },
    onReject,
  };
}

/** The answer that is taken when nobody answers, with the form's defaults. */
function filledIn(
  recording: Recording,
  form: Schema,
  answer: unknown,
  path: readonly (string | number)[],
  source: SourcePosition,
): Json {
  const recorded = read(recording, answer, path, source);
  const parsed = z.safeParse(form, answer);
  if (parsed.success && recorded.kind === 'literal') return parsed.data as Json;
  const reasons = parsed.success
    ? ['it holds a value that is known only when the pipeline runs']
    : parsed.error.issues.map((issue) => `${issue.path.join('.') || 'it'}: ${issue.message}`);
  recording.report(
    'BS1120',
    `the answer that is taken when nobody answers does not fit the form: ${reasons.join('; ')}`,
    path,
    source,
    'give constants that fit the form',
  );
  return {};
}
