/**
 * Runs the tasks of state machines: a table by resource, each entry calling a service of this runtime in the process,
 * without a way over HTTP, and answering as Step Functions' integration does.
 */
import type { Json, TaskOutcome, TaskRequest, TaskRunner } from '../engine/ports.ts';
import type { FunctionErrorReport } from './function-process.ts';
import type { FunctionPool } from './function-pool.ts';
import { functionNameOf } from './lambda.ts';

/** Step Functions cuts a cause at 32,768 characters; a cause that is JSON is of use only while it is whole. */
const maxMessageLength = 16_384;
const maxTraceLines = 40;

type Integration = (pool: FunctionPool, task: TaskRequest, signal: AbortSignal) => Promise<TaskOutcome>;

const integrations: readonly { readonly resource: RegExp; readonly run: Integration }[] = [
  { resource: /^arn:aws:states:::lambda:invoke$/, run: invokeIntegration },
  { resource: /^arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[\w-]+(:[\w$-]+)?$/, run: invokeDirectly },
];

/** A task runner over the functions of this runtime. */
export function localTaskRunner(pool: FunctionPool): TaskRunner {
  return {
    async run(task, signal) {
      const integration = integrations.find(({ resource }) => resource.test(task.resource));
      if (integration !== undefined) return integration.run(pool, task, signal);
      const cause = `The resource ${task.resource} of state ${task.stateName} is not served by the local runtime.`;
      return { ok: false, error: 'States.TaskFailed', cause };
    },
  };
}

/** @see https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html */
async function invokeIntegration(pool: FunctionPool, task: TaskRequest, signal: AbortSignal): Promise<TaskOutcome> {
  const given = task.arguments;
  const fields = isObject(given) ? given : {};
  const unknown = Object.keys(fields).filter(
    (name) => !['FunctionName', 'Payload', 'InvocationType', 'Qualifier'].includes(name),
  );
  const { FunctionName: name, InvocationType: type = 'RequestResponse' } = fields;
  if (typeof name !== 'string' || unknown.length > 0 || type !== 'RequestResponse') {
    const found =
      unknown.length > 0
        ? `the field ${unknown.join(', ')}`
        : `FunctionName ${JSON.stringify(name)}, InvocationType ${JSON.stringify(type)}`;
    return { ok: false, error: 'States.TaskFailed', cause: `Arguments of lambda:invoke that are not served: ${found}` };
  }
  const answer = await callFunction(pool, task, name, fields['Payload'] ?? {}, signal);
  if (!answer.ok) return answer;
  return { ok: true, output: { ExecutedVersion: '$LATEST', Payload: answer.output, StatusCode: 200 } };
}

function invokeDirectly(pool: FunctionPool, task: TaskRequest, signal: AbortSignal): Promise<TaskOutcome> {
  return callFunction(pool, task, task.resource, task.arguments, signal);
}

async function callFunction(
  pool: FunctionPool,
  { restarts }: TaskRequest,
  reference: string,
  payload: Json,
  signal: AbortSignal,
): Promise<TaskOutcome> {
  const config = pool.find(functionNameOf(reference));
  if (config === undefined) {
    const cause = `Function not found: ${reference} (Service: Lambda, Status Code: 404)`;
    return { ok: false, error: 'Lambda.ResourceNotFoundException', cause };
  }
  // Nothing in what the state sends can tell that its task was started again, so that goes beside it.
  const clientContext = restarts === 0 ? undefined : { custom: { bunsui: { restarts } } };
  const result = await pool.invoke(config, JSON.stringify(payload), signal, clientContext);
  if (result.ok) return { ok: true, output: JSON.parse(result.payload) as Json };
  return { ok: false, error: result.error.errorType, cause: JSON.stringify(shortened(result.error)) };
}

function shortened(error: FunctionErrorReport): FunctionErrorReport {
  const { errorType, errorMessage, trace } = error;
  const message =
    errorMessage.length <= maxMessageLength ? errorMessage : `${errorMessage.slice(0, maxMessageLength)}… (shortened)`;
  const lines = trace?.slice(0, maxTraceLines).map((line) => line.slice(0, 250));
  return { errorType, errorMessage: message, ...(lines !== undefined && { trace: lines }) };
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
