/** Runs definitions on npm aws-local-stepfunctions, in a thread of its own: some of them never end, some fill the memory. */
import { parentPort } from 'node:worker_threads';
import { StateMachine } from 'aws-local-stepfunctions';
import type { TaskRequest } from '../../lib/engine/ports.ts';
import type { Case, JsonObject } from './cases.ts';
import { answerOfFunction, failure, outputOf } from './replay.ts';

export interface NpmRequest {
  readonly recorded: Case;
  readonly context: JsonObject;
}
/** As an execution ends; `error` is the name. */
export interface NpmAnswer {
  readonly status: 'SUCCEEDED' | 'FAILED';
  readonly output?: string;
  readonly error?: string;
}

/** Names of the states of a definition by their type, at every depth. */
function statesOf(scope: unknown): readonly { readonly name: string; readonly state: JsonObject }[] {
  if (typeof scope !== 'object' || scope === null) return [];
  return Object.entries(scope).flatMap(([field, part]) => {
    const inner = statesOf(part);
    if (field !== 'States' || typeof part !== 'object' || part === null) return inner;
    return [...Object.entries(part).map(([name, state]) => ({ name, state: state as JsonObject })), ...inner];
  });
}

class TaskError extends Error {}

/** What a state's task answers: its recorded answers in turn, the last one again and again; or what the function does. */
function handlerOf(recorded: Case, name: string, state: JsonObject): (given: unknown) => Promise<unknown> {
  const entries = (recorded.tasks ?? []).filter((task) => task.state === name);
  let calls = 0;
  return async (given) => {
    const entry = entries[Math.min(calls++, entries.length - 1)];
    const request = { resource: String(state['Resource']), arguments: given } as TaskRequest;
    const { output, error, cause } = entry?.result ?? {};
    const answer = entry === undefined ? await answerOfFunction(recorded, request) : undefined;
    if (answer?.ok === true) return answer.output;
    if (answer === undefined && error === undefined && cause === undefined) return outputOf(output ?? null);
    const failed = answer ?? failure(error, cause);
    throw Object.assign(new TaskError('cause' in failed ? failed.cause : ''), {
      name: 'error' in failed ? failed.error : '',
    });
  };
}

async function answered({ recorded, context }: NpmRequest): Promise<NpmAnswer> {
  const { definition, input = {} } = recorded;
  const states = statesOf(definition);
  const ofType = (type: string) => states.filter(({ state }) => state['Type'] === type);
  const overrides = {
    taskResourceLocalHandlers: Object.fromEntries(
      ofType('Task').map(({ name, state }) => [name, handlerOf(recorded, name, state)]),
    ),
    waitTimeOverrides: Object.fromEntries(ofType('Wait').map(({ name }) => [name, 0])),
    retryIntervalOverrides: Object.fromEntries(states.map(({ name }) => [name, 0])),
  };
  try {
    const machine = new StateMachine(definition as never, { validationOptions: { noValidate: true } });
    const output: unknown = await machine.run(input as never, { overrides, context } as never).result;
    return { status: 'SUCCEEDED', output: JSON.stringify(output) ?? 'null' };
  } catch (thrown) {
    const cause = (thrown as { readonly getWrappedError?: Error | (() => Error) }).getWrappedError;
    const wrapped = typeof cause === 'function' ? cause.call(thrown) : cause;
    return { status: 'FAILED', error: (wrapped ?? (thrown as Error)).name };
  }
}

parentPort?.on('message', (request: NpmRequest) => {
  void answered(request).then((answer) => parentPort?.postMessage(answer));
});
// A rejection that the package leaves to nobody must not end the thread while another case runs in it.
process.on('unhandledRejection', () => {});
