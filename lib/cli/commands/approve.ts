/** `bunsui approve`: answers an approval, on this machine or on AWS. */
import { BunsuiError } from '../../errors.ts';
import { answerApproval, askedApproval } from '../../sessions/answer-approval.ts';
import { answerDepsOf } from '../approval-deps.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { openForSession, sessionNamed } from '../find-session.ts';
import { readInput } from '../input.ts';
import { jsonLine } from '../json-lines.ts';
import { readFromPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import { userName } from '../user-name.ts';

export interface ApproveOptions extends PlatformOptions {
  readonly answer?: readonly string[];
  readonly input?: string;
  readonly reject?: true;
  readonly reason?: string;
}

export async function approveCommand(
  context: CommandContext,
  name: string,
  job: string,
  options: ApproveOptions,
): Promise<number> {
  const { target, reject, reason, answer: params = [], input: file } = options;
  if (reject && (params.length > 0 || file !== undefined)) {
    throw new BunsuiError('ConfigError', 'BS2001', 'a rejection takes no --answer and no --input', {
      hint: 'say why with --reason',
    });
  }
  const taken = await readFromPlatform(
    () => openForSession(context, target),
    async (platform) => {
      const { session_id: session } = await sessionNamed(platform, name);
      const deps = await answerDepsOf(platform);
      const { node, asked } = await askedApproval(deps, { session, job });
      const sources = { params, ...(file === undefined ? {} : { file }) };
      const answer = reject ? 'reject' : { approve: await readInput(sources, node.form, context.cwd) };
      const why = reason === undefined ? {} : { reason };
      // What was read is what is answered: not what may be asked in the next moment.
      return answerApproval(deps, { session, job, answer, ...why, by: userName(), via: 'cli', askedAt: asked.askedAt });
    },
  );
  const { out } = context.terminal;
  if (options.json) out.write(jsonLine('approval.answered', { ...taken }));
  else out.write(`${job} of session ${taken.session_id} is ${taken.approved ? 'approved' : 'rejected'}\n`);
  return exitCodes.ok;
}
