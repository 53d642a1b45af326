/** Cases of validation: a definition that AWS accepts or refuses. */
import { validateDefinition } from '../../lib/asl/validate.ts';
import type { Case } from './cases.ts';
import { comparer } from './compare.ts';
import type { Score } from './replay.ts';

/** A definition that AWS refuses or accepts: the same verdict for the same reason. */
export function validate(recorded: Case): Score {
  const checked = validateDefinition(recorded.definition);
  const { response, error } = recorded.expected;
  const same = comparer(recorded.opaque ?? []);
  const ours = checked.ok ? [] : checked.diagnostics;
  if (response !== undefined) {
    const diagnostics = ours.map((diagnostic) => ({ ...diagnostic, severity: 'ERROR' }));
    return { result: same(response['diagnostics'], diagnostics), history: false };
  }
  const messages = ours.map(({ code, message, location }) => `${code}: ${message} at ${location}`);
  const refused = { code: 'InvalidDefinition', message: `Invalid State Machine Definition: '${messages.join(', ')}'` };
  return { result: same(error, refused), history: false };
}
