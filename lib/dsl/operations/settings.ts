/** Settings that several kinds have, and how they are checked. */
import * as z from 'zod';
import type { JobFacts } from './kind.ts';

/** A file of the author's. */
export const filePath = z.string().min(1, 'name a file').max(1_024);

/** ARNs that a policy may name. `*` and `?` stand for others, and want a reason. */
export const arns = z
  .array(
    z.string().regex(/^(\*|arn:[^\s"]{1,2000})$/, {
      error: 'give ARNs; ${AWS::Region}, ${AWS::AccountId} and ${AWS::Partition} stand for where it is deployed',
    }),
  )
  .min(1, 'name at least one resource')
  .max(100);

/** Why a policy names resources by a wildcard. */
export const wildcardReason = z.string().min(10, 'say why the resources cannot be named');

/** Where a function of the author's makes the request from the job's input. */
export const requestFunction = z.custom<(input: never, facts: JobFacts) => unknown>(
  (value) => typeof value === 'function',
  {
    error: 'give a function from the input to the request: (input) => ({ … })',
  },
);

/** Whether a resource stands for others too. */
export function isWild(resource: string): boolean {
  return resource.replaceAll(/\$\{[^}]*\}/g, '').match(/[*?]/) !== null;
}
