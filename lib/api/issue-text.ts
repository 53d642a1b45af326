/** Says what is wrong with a value. zod's small edition brings no words of its own. */
import type * as z from 'zod/mini';

type Issue = z.core.$ZodIssue;

export function issueText(issue: Issue): string {
  if (issue.message !== 'Invalid input' && issue.message !== '') return issue.message;
  switch (issue.code) {
    case 'unrecognized_keys':
      return `${issue.keys.map((key) => `"${key.slice(0, 60)}"`).join(', ')} is not known`;
    case 'invalid_type':
      return issue.input === undefined ? `is required: ${issue.expected}` : `is not of type ${issue.expected}`;
    case 'invalid_value':
      return `is not one of ${issue.values.map(String).join(', ')}`;
    case 'too_big':
      return `is more than ${issue.maximum}`;
    case 'too_small':
      return `is less than ${issue.minimum}`;
    case 'invalid_format':
      return 'pattern' in issue ? `does not match ${issue.pattern}` : `is no ${issue.format}`;
    default:
      return 'is not allowed';
  }
}
