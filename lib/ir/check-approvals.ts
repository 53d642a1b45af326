/** The check of approvals: could a person answer what is asked, and is it certain what happens when nobody does? */
import type { Diagnostic } from '../errors.ts';
import { mistake } from './mistake.ts';
import type { ApprovalIr, PipelineIr } from './nodes.ts';
import type { PlacedNode } from './walk.ts';

const longestName = 256;

export function checkApprovals(pipeline: PipelineIr, placed: readonly PlacedNode[]): readonly Diagnostic[] {
  return placed.flatMap(({ node }) => (node.kind === 'approval' ? checkApproval(pipeline, node) : []));
}

function checkApproval(pipeline: PipelineIr, node: ApprovalIr): readonly Diagnostic[] {
  const { id, source, message, who, form, onTimeout, onReject, timeoutSeconds } = node;
  const refuse = (place: string, why: string, hint: string) =>
    mistake('BS1120', `${why} in approval "${id}"`, [pipeline.id, id, place], source, hint);
  const isBlank = message.kind === 'literal' && (typeof message.value !== 'string' || message.value.trim() === '');
  const names = who?.kind === 'literal' && Array.isArray(who.value) ? who.value : undefined;
  const isName = (name: unknown) => typeof name === 'string' && name.trim() !== '' && name.length <= longestName;
  const { timeoutSeconds: whole = Number.POSITIVE_INFINITY } = pipeline;
  return [
    ...(isBlank ? [refuse('message', 'there is no question', 'say in `message` what is to be decided')] : []),
    ...(names === undefined || (names.length > 0 && names.every(isName))
      ? []
      : [
          refuse(
            'who',
            'a list of names without a name, or an empty one,',
            `name people or groups by at most ${longestName} characters each, or leave \`who\` out`,
          ),
        ]),
    ...(form['type'] === 'object' ? [] : [refuse('form', 'the form is no object', 'give `form: z.object({ … })`')]),
    ...(onTimeout.kind === 'reject' && onReject === 'fail'
      ? [
          refuse(
            'onTimeout',
            '`onTimeout: "reject"` has nothing to go on with',
            'add `onReject: "continue"`, or leave `onTimeout` out: then the job fails',
          ),
        ]
      : []),
    ...(timeoutSeconds > whole
      ? [
          {
            ...mistake(
              'BS1110',
              `approval "${id}" waits for ${timeoutSeconds} seconds, and the pipeline ends after ${whole}`,
              [pipeline.id, id, 'timeout'],
              source,
              'give the approval a shorter timeout, or the pipeline a longer one',
            ),
            severity: 'warning' as const,
          },
        ]
      : []),
  ];
}
