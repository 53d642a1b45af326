/**
 * Runs the tasks of state machines: a table by resource, each entry calling a service of this runtime in the process,
 * without a way over HTTP, and answering as Step Functions' integration does.
 */
import type { Json, MapObjects, TaskOutcome, TaskProgress, TaskRequest, TaskRunner } from '../engine/ports.ts';
import type { Activities } from './activities.ts';
import { AwsFault } from './aws-fault.ts';
import { type ChildParts, runChildExecution, startExecutionApart } from './child-executions.ts';
import type { FunctionConfig, FunctionErrorReport } from './function-process.ts';
import type { FunctionPool } from './function-pool.ts';
import { type LambdaPlace, referredFunction } from './lambda.ts';
import type { RuntimeLog } from './runtime-log.ts';
import {
  type CallDynamodb,
  optimisedDynamodb,
  sdkDynamodb,
  type MapRunCounts,
  sdkDescribeMapRun,
  sdkS3,
  sdkSendTaskSuccess,
} from './service-tasks.ts';
import type { TaskTokens } from './task-tokens.ts';

/** Step Functions cuts a cause at 32,768 characters; a cause that is JSON is of use only while it is whole. */
const maxMessageLength = 16_384;
const maxTraceLines = 40;

/** What tasks reach. */
interface Reach {
  readonly dynamodb: CallDynamodb;
  readonly objects: MapObjects;
  readonly tokens: TaskTokens;
  readonly activities: Activities;
  readonly pool: FunctionPool;
  readonly place: LambdaPlace;
  readonly log: RuntimeLog;
  /** Asked for when a task needs them: the executions' own tasks are run here. */
  readonly children: () => ChildParts;
  /** The counts of a map run that an execution driven here has started. */
  readonly mapRuns: MapRunCounts;
}

type Integration = (
  reach: Reach,
  task: TaskRequest,
  signal: AbortSignal,
  progress: TaskProgress,
) => Promise<TaskOutcome>;

const integrations: readonly { readonly resource: RegExp; readonly run: Integration }[] = [
  { resource: /^arn:aws:states:::lambda:invoke$/, run: invokeIntegration },
  {
    resource: /^arn:aws:states:::aws-sdk:dynamodb:(updateItem|getItem)$/,
    run: ({ dynamodb }, task) => sdkDynamodb(dynamodb, actionOf(task), task.arguments),
  },
  {
    resource: /^arn:aws:states:::dynamodb:(updateItem|getItem)$/,
    run: ({ dynamodb }, task) => optimisedDynamodb(dynamodb, actionOf(task), task.arguments),
  },
  {
    resource: /^arn:aws:states:::aws-sdk:s3:(putObject|getObject)$/,
    run: ({ objects }, task) => sdkS3(objects, actionOf(task), task.arguments),
  },
  {
    resource: /^arn:aws:states:::aws-sdk:sfn:sendTaskSuccess$/,
    run: ({ tokens }, task) => sdkSendTaskSuccess(tokens, task.arguments),
  },
  {
    resource: /^arn:aws:states:::aws-sdk:sfn:describeMapRun$/,
    run: ({ mapRuns }, task) => sdkDescribeMapRun(mapRuns, task),
  },
  {
    resource: /^arn:aws:states:::states:startExecution\.sync:2$/,
    run: ({ children }, task, signal, progress) => runChildExecution(children(), task, signal, progress),
  },
  {
    resource: /^arn:aws:states:::states:startExecution$/,
    run: ({ children }, task) => startExecutionApart(children(), task),
  },
  { resource: /^arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[\w-]+(:[\w$-]+)?$/, run: invokeDirectly },
];

/** A task runner over the functions and tables of this runtime. */
export function localTaskRunner(reach: Reach): TaskRunner {
  const call = (task: TaskRequest, signal: AbortSignal, progress: TaskProgress): Promise<TaskOutcome> => {
    const integration = integrations.find(({ resource }) => resource.test(task.resource));
    if (integration !== undefined) return integration.run(reach, task, signal, progress);
    const cause = `The resource ${task.resource} of state ${task.stateName} is not served by the local runtime. Let "local" of its operation name ${task.resource.includes(':ecs:') ? 'a program' : 'a file'} that takes its place here.`;
    return Promise.resolve(refused(reach.log, task, 'States.TaskFailed', cause));
  };
  return {
    hasActivity: (arn) => reach.activities.find(arn) !== undefined,
    async run(task, signal, progress) {
      const { token } = task;
      if (token === undefined) return call(task, signal, progress);
      // Before the call: what it makes happen may use the token at once.
      const waiting = new AbortController();
      const stop = AbortSignal.any([signal, waiting.signal]);
      const ended = reach.tokens.wait(token, stop, () => progress.heartbeat());
      if (isActivity(task)) {
        void ended.finally(() => waiting.abort());
        const taken = (workerName?: string) => progress.taken(workerName);
        // After a crash a worker that took it before may still end it.
        reach.activities.offer(task.resource, { token, input: task.arguments, taken }, stop);
        return ended;
      }
      // What a process that has ended had submitted is not called again; but a gate may have opened unseen.
      if (task.submitted === true && !task.resource.includes(':dynamodb:')) return ended;
      const answer = await call(
        { ...task, resource: task.resource.replace(/\.waitForTaskToken$/, '') },
        signal,
        progress,
      );
      if (!answer.ok) {
        waiting.abort();
        return answer;
      }
      progress.submitted(answer.output);
      return ended;
    },
  };
}

function isActivity({ resource }: TaskRequest): boolean {
  return /^arn:aws:states:[^:]+:\d{12}:activity:/.test(resource);
}

function actionOf({ resource }: TaskRequest): string {
  return resource.split(':').at(-1) ?? '';
}

function refused(log: RuntimeLog, { stateName }: TaskRequest, error: string, cause: string): TaskOutcome {
  log('warn', `unsupported task: ${cause}`, { state: stateName, error });
  return { ok: false, error, cause };
}

/** @see https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html */
async function invokeIntegration(reach: Reach, task: TaskRequest, signal: AbortSignal): Promise<TaskOutcome> {
  const given = task.arguments;
  const fields = isObject(given) ? given : {};
  const unknown = Object.keys(fields).filter(
    (name) => !['FunctionName', 'Payload', 'InvocationType', 'Qualifier'].includes(name),
  );
  const { FunctionName: name, InvocationType: type = 'RequestResponse', Qualifier: qualifier = '$LATEST' } = fields;
  if (typeof name !== 'string' || typeof qualifier !== 'string' || unknown.length > 0 || type !== 'RequestResponse') {
    const found =
      unknown.length > 0
        ? `the field ${unknown.join(', ')}`
        : `FunctionName ${JSON.stringify(name)}, InvocationType ${JSON.stringify(type)}, Qualifier ${JSON.stringify(qualifier)}`;
    const cause = `Arguments of lambda:invoke that are not served: ${found}`;
    return refused(reach.log, task, 'States.TaskFailed', cause);
  }
  const called = { name, payload: fields['Payload'] ?? {}, ...('Qualifier' in fields && { qualifier }) };
  const answer = await callFunction(reach, task, called, signal);
  if (!answer.ok) return answer;
  return { ok: true, output: { ExecutedVersion: '$LATEST', Payload: answer.output, StatusCode: 200 } };
}

function invokeDirectly(reach: Reach, task: TaskRequest, signal: AbortSignal): Promise<TaskOutcome> {
  return callFunction(reach, task, { name: task.resource, payload: task.arguments }, signal);
}

async function callFunction(
  { pool, place, log }: Pick<Reach, 'pool' | 'place' | 'log'>,
  task: TaskRequest,
  called: { readonly name: string; readonly payload: Json; readonly qualifier?: string },
  signal: AbortSignal,
): Promise<TaskOutcome> {
  const { restarts } = task;
  let config: FunctionConfig;
  try {
    config = referredFunction(pool, place, called.name, called.qualifier);
  } catch (error) {
    if (!(error instanceof AwsFault)) throw error;
    const cause = `${error.message} (Service: Lambda, Status Code: ${error.status})`;
    return refused(log, task, `Lambda.${error.code}`, cause);
  }
  // Nothing in what the state sends can tell that its task was started again, so that goes beside it.
  const clientContext = restarts === 0 ? undefined : { custom: { bunsui: { restarts } } };
  const result = await pool.invoke(config, JSON.stringify(called.payload), signal, clientContext);
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
