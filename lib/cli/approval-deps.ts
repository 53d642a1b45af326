/** What answering approvals takes, for a platform of the command line. */
import type { AnswerDeps } from '../sessions/answer-approval.ts';
import { gatesTableName } from '../storage-layout.ts';
import type { Platform } from './platform.ts';

export async function answerDepsOf(platform: Platform): Promise<AnswerDeps> {
  const gatesTable = platform.kind === 'aws' ? platform.parameter('gates-table') : gatesTableName();
  return { ...(await platform.clients()), gatesTable, now: Date.now };
}
