/** Cases of TestState: one state tested by itself. */
import { virtualClock } from '../../lib/engine/clock.ts';
import type { Json, TaskOutcome } from '../../lib/engine/ports.ts';
import { testState } from '../../lib/engine/test-state.ts';
import { TestStateRefusal, type TestStateRequest } from '../../lib/engine/test-state-request.ts';
import { serviceModels } from '../../lib/local/service-models.ts';
import type { Case, JsonObject } from './cases.ts';
import { comparer } from './compare.ts';
import { answerOfFunction, type Score } from './replay.ts';

const place = { region: 'us-east-1', accountId: '111111111111', models: serviceModels };

/** The same answer, or the same refusal. A task that is not mocked answers as recorded, or as its function was made to. */
export async function replayTest(recorded: Case): Promise<Score> {
  const { definition, arguments: given, hasRole, expected } = recorded;
  const same = comparer(recorded.opaque ?? []);
  let ownPart: Score['ownPart'];
  const ports = {
    clock: virtualClock(Date.parse('2026-01-01T00:00:00Z')),
    random: () => 0.5,
    uuid: () => '00000000-0000-4000-8000-000000000000',
    tasks: {
      run: (task: Parameters<typeof answerOfFunction>[1]) => {
        const told = recordedAnswer(recorded);
        if (told !== undefined) ownPart = 'task';
        return told ?? answerOfFunction(recorded, task);
      },
    },
  };
  const refusedByClient = clientFault(given ?? {});
  if (refusedByClient !== undefined)
    return { result: same(expected.error, refusedByClient), history: false, ownPart: 'answer' };
  const request = {
    ...given,
    definition: typeof definition === 'string' ? definition : JSON.stringify(definition),
    ...(hasRole === true ? { roleArn: 'arn:aws:iam::111111111111:role/test' } : {}),
  } as unknown as TestStateRequest;
  try {
    const answer = await testState(ports, request, place);
    return { result: same(expected.response, answer), history: false, ...(ownPart && { ownPart }) };
  } catch (thrown) {
    if (!(thrown instanceof TestStateRefusal)) throw thrown;
    return { result: same(expected.error, { code: thrown.name, message: thrown.message }), history: false };
  }
}

/** What botocore refuses to send. */
function clientFault(given: JsonObject): { readonly code: string; readonly message: string } | undefined {
  if (given['stateName'] !== '') return undefined;
  const fault = 'Invalid length for parameter stateName, value: 0, valid min length: 1';
  return { code: 'ParamValidationError', message: `Parameter validation failed:\n${fault}` };
}

/** From DEBUG on, the recording tells what the task has answered. */
function recordedAnswer({ expected }: Case): Promise<TaskOutcome> | undefined {
  const data = expected.response?.['inspectionData'] as { readonly result?: Json } | undefined;
  const { result } = data ?? {};
  if (result === undefined) return undefined;
  return Promise.resolve({ ok: true, output: typeof result === 'string' ? (JSON.parse(result) as Json) : result });
}
