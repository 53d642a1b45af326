/** Cases of validation: a definition that AWS accepts or refuses, and the variables its states read. */
import { validateDefinition, validateDefinitionText } from '../../lib/asl/validate.ts';
import { variableReferences } from '../../lib/asl/variable-references.ts';
import { replayRequest } from './api.ts';
import type { Case } from './cases.ts';
import { comparer } from './compare.ts';
import { failed, type Score } from './replay.ts';

/**
 * The same verdict for the same reason. Where the recorded message is another emulator's, the verdict alone counts.
 */
export function validate(recorded: Case): Score | Promise<Score> {
  if (recorded.definitionFault === false && recorded.expected.error !== undefined) return replayRequest(recorded);
  const { definition } = recorded;
  const text = typeof definition === 'string' ? definition : JSON.stringify(definition);
  const checked = validateDefinitionText(text, recorded.type === 'EXPRESS' ? 'EXPRESS' : 'STANDARD');
  const { accepted, response, error } = recorded.expected;
  if (recorded.source.provenance === 'localstack') return { result: accepted === checked.ok, history: false };
  const same = comparer(recorded.opaque ?? []);
  const ours = checked.ok ? [] : checked.diagnostics;
  if (response !== undefined) {
    const diagnostics = ours.map(({ location, ...diagnostic }) => ({
      ...diagnostic,
      ...(location === '' ? {} : { location }),
      severity: 'ERROR',
    }));
    return { result: same(response['diagnostics'], diagnostics), history: false };
  }
  const messages = ours.map(({ code, message, location }) => `${code}: ${message.trimEnd()} at ${location}`);
  const refused = { code: 'InvalidDefinition', message: `Invalid State Machine Definition: '${messages.join(', ')}'` };
  return { result: same(error, refused), history: false };
}

/** The variables that each state reads. */
export function references(recorded: Case): Score {
  const checked = validateDefinition(recorded.definition);
  if (!checked.ok) return failed;
  const found = variableReferences(checked.definition);
  return { result: comparer([])(recorded.expected.variableReferences, found), history: false };
}
