/** Cases of validation that the API refuses for another reason than the definition: names, versions, logging. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AwsFault } from '../../lib/local/aws-fault.ts';
import { openMachineStore } from '../../lib/local/machines.ts';
import { stepFunctionsService } from '../../lib/local/step-functions.ts';
import type { StepFunctionsParts } from '../../lib/local/step-functions-requests.ts';
import type { Case, JsonObject } from './cases.ts';
import { comparer } from './compare.ts';
import type { Score } from './replay.ts';

const roleArn = 'arn:aws:iam::111111111111:role/machine';
const other = '{"StartAt":"s","States":{"s":{"Type":"Succeed"}}}';
const name = 'statemachine_00000001';

/**
 * Makes the case's request of the API of the local endpoint. A case does not tell what was there before it: a machine of
 * the same name where its name is in use, one with two versions where a version is to be updated.
 */
export async function replayRequest(recorded: Case): Promise<Score> {
  const stateDir = mkdtempSync(join(tmpdir(), 'bunsui-conformance-'));
  const { definition, arguments: given = {}, expected, api = '', type } = recorded;
  const parts = {
    machines: openMachineStore(stateDir),
    place: { region: 'us-east-1', accountId: '111111111111' },
    log: () => undefined,
  } as unknown as StepFunctionsParts;
  const service = stepFunctionsService(parts);
  const send = async (operation: string, input: object): Promise<JsonObject> => {
    const headers = { 'x-amz-target': `AWSStepFunctions.${operation}` };
    const answer = await service.handle({ headers, body: Buffer.from(JSON.stringify(input)) } as unknown as Parameters<
      typeof service.handle
    >[0]);
    return JSON.parse(String(answer.body)) as JsonObject;
  };
  try {
    const text = typeof definition === 'string' ? definition : JSON.stringify(definition);
    const code = expected.error as { readonly code?: string } | undefined;
    let request: JsonObject = { ...given, definition: text };
    if (api === 'create_state_machine') {
      request = { roleArn, name, ...request, ...(type === undefined ? {} : { type }) };
      if (code?.code === 'StateMachineAlreadyExists') {
        await send('CreateStateMachine', { name: request['name'], roleArn, definition: other });
      }
    } else {
      const { stateMachineArn } = await send('CreateStateMachine', { name, roleArn, definition: other, publish: true });
      const { stateMachineVersionArn } = await send('UpdateStateMachine', { stateMachineArn, roleArn, publish: true });
      request = { ...request, stateMachineArn: stateMachineVersionArn ?? '' };
    }
    const operation = api === 'create_state_machine' ? 'CreateStateMachine' : 'UpdateStateMachine';
    const answer = await send(operation, request).catch((thrown: unknown) => {
      if (!(thrown instanceof AwsFault)) throw thrown;
      return { refused: { code: thrown.code, message: thrown.message } };
    });
    const refused = 'refused' in answer ? answer['refused'] : undefined;
    return { result: comparer(recorded.opaque ?? [])(expected.error, refused), history: false };
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
}
