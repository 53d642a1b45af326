/**
 * What definitions, functions and tables agree on about approvals: one item of the gates table for each wait. It holds
 * the token, so nobody but who answers reads it; all of them stand under one partition key, which policies name.
 */

/** Partition key of all items, and of none of a gate: those are keyed by the ARN of an execution. */
export const approvalsPartition = 'approvals';

/** Partition key of the item that holds the key which links are signed with. */
export const linksPartition = 'approval-links';

/** Attributes of an item beside the keys and the expiry, which are those of gates. */
export const approvalAttributes = {
  /** The task's token. */
  token: 'waiting',
  /** JSON text: an `ApprovalRequest`. */
  asked: 'asked',
  /** When the state was entered, ISO 8601. */
  askedAt: 'asked_at',
  /** JSON text: the answer that was taken, from then until Step Functions has it. */
  answered: 'answered',
  /** The delivery id of the notice that told of it. */
  noticed: 'noticed',
} as const;

/** What stands in an item about what is asked. The session is derived from `execution` where there is no `block`. */
export interface ApprovalRequest {
  readonly job: string;
  readonly execution: string;
  readonly startedAt: string;
  readonly redrive: number;
  /** Seconds from when it was asked. */
  readonly timeout: number;
  readonly block?: unknown;
  readonly message: string;
  readonly who: readonly string[];
}

/** Sort key of the record of an answer in the job history: one for each time that it was asked. */
export function answerKey(job: string, generation: number, redrive: number, askedAt: string): string {
  return `${job}#answer#${String(generation).padStart(6, '0')}#${askedAt}#${redrive}`;
}

/** What the records of all answers of a job begin with. */
export function answersPrefix(job: string): string {
  return `${job}#answer#`;
}

/** Longest message, in characters: what is longer is cut off by the machine. */
export const longestMessage = 4_000;

/** Sort key of an approval's item: one for each job of an execution. */
export function approvalKey(executionArn: string, job: string): string {
  return `${executionArn} ${job}`;
}

/** By which way an answer came; `timeout` when nobody answered in time and the pipeline says what is taken then. */
export const approvalWays = ['cli', 'api', 'link', 'timeout'] as const;
export type ApprovalWay = (typeof approvalWays)[number];

/** The output of an approval: who said what, when and by which way. `answer` is the form, where it was approved. */
export interface ApprovalOutput<Answer = unknown> {
  readonly approved: boolean;
  readonly answer?: Answer;
  readonly reason?: string;
  /** Who answered, as far as that way knows. */
  readonly by: string;
  /** ISO 8601 in UTC. */
  readonly at: string;
  readonly via: ApprovalWay;
}

/** Who has answered when nobody has. */
export const nobody = 'nobody';
