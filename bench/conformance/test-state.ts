/** Cases of TestState: one state tested by itself. */
import { virtualClock } from '../../lib/engine/clock.ts';
import { testState } from '../../lib/engine/test-state.ts';
import { TestStateRefusal, type TestStateRequest } from '../../lib/engine/test-state-request.ts';
import type { Case } from './cases.ts';
import { comparer } from './compare.ts';
import { answerOfFunction, type Score } from './replay.ts';

/** The same answer, or the same refusal. A task that is not mocked answers as its function was made to. */
export async function replayTest(recorded: Case): Promise<Score> {
  const { definition, arguments: given, hasRole, expected } = recorded;
  const same = comparer(recorded.opaque ?? []);
  const ports = {
    clock: virtualClock(Date.parse('2026-01-01T00:00:00Z')),
    random: () => 0.5,
    uuid: () => '00000000-0000-4000-8000-000000000000',
    tasks: { run: (task: Parameters<typeof answerOfFunction>[1]) => answerOfFunction(recorded, task) },
  };
  const request = {
    ...given,
    definition: typeof definition === 'string' ? definition : JSON.stringify(definition),
    ...(hasRole === true ? { roleArn: 'arn:aws:iam::111111111111:role/test' } : {}),
  } as unknown as TestStateRequest;
  try {
    const answer = await testState(ports, request, { region: 'us-east-1', accountId: '111111111111' });
    return { result: same(expected.response, answer), history: false };
  } catch (thrown) {
    if (!(thrown instanceof TestStateRefusal)) throw thrown;
    return { result: same(expected.error, { code: thrown.name, message: thrown.message }), history: false };
  }
}
