/**
 * One simulated run: the compiled machine on the real engine, the author's handlers in the real wrapper, against tables,
 * time and faults that a seed decides. The process that runs the engine crashes and comes back; functions it has started
 * end with it or live on; calls of tables fail, or are carried out and their answers are lost; requests of functions are
 * lost, come twice, or are answered to nobody. Executions are stopped, run out of time, and are redriven.
 */
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { validateDefinition } from '../../lib/asl/validate.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import type { ExecutionIdentity, Outcome } from '../../lib/engine/execution.ts';
import type { EnginePorts, JournalRecord, TaskOutcome, TaskProgress, TaskRequest } from '../../lib/engine/ports.ts';
import { type ExecutionHandle, redriveExecution, resumeExecution, startExecution } from '../../lib/engine/run.ts';
import type { PipelineArtifact } from '../../lib/ir/artifact.ts';
import { environment } from '../../lib/storage-layout.ts';
import { wrapHandler } from '../../lib/wrapper/wrap-handler.ts';
import { simulatedClock } from './clock.ts';
import {
  drawProgram,
  errorOfDoomed,
  type Expected,
  expectedOf,
  operation,
  pipelineOf,
  type Program,
  timeoutMs,
  workOf,
} from './plan.ts';
import { randomOf } from './random.ts';
import { simulatedStore } from './store.ts';

/** A run of a handler. */
export interface Run {
  readonly job: string;
  readonly attempt: number;
  /** Attempts are counted anew by each redrive. */
  readonly redrive: number;
  readonly of: readonly number[];
  /** It was delivered a second time. */
  readonly again: boolean;
  /** The wrapper was told that the job had completed. */
  readonly completedBefore: boolean;
  /** Jobs that had not completed, and should have. */
  readonly early: readonly string[];
}

/** What a simulated run leaves. */
export interface World {
  readonly seed: number;
  readonly program: Program;
  readonly expected: Expected;
  readonly artifact: PipelineArtifact;
  readonly identity: ExecutionIdentity;
  readonly outcome: Outcome | undefined;
  /** What was shown, by the last process. */
  readonly events: readonly HistoryEvent[];
  readonly journal: readonly JournalRecord[];
  readonly runs: readonly Run[];
  readonly checkpoints: ReadonlyMap<string, string>;
  /** What has gone wrong in a way that nothing was made to. */
  readonly surprises: readonly string[];
  /** Everything that has happened, in order. */
  readonly trace: readonly string[];
}

interface Life {
  alive: boolean;
  readonly invocations: Set<Invocation>;
  readonly tokens: Map<string, (outcome: TaskOutcome) => void>;
}
interface Invocation {
  killed: boolean;
  readonly job: string;
  readonly redrive: number;
  readonly again: boolean;
  found: boolean;
}
type Call = {
  readonly Payload: { readonly bunsui: { readonly job: string; readonly attempt: number; readonly redrive: number } };
};

const startMs = Date.parse('2026-03-01T12:00:00Z');
const never = <T>(): Promise<T> => new Promise(() => {});
/** Steps of a run at most; one that needs more is stuck. */
const mostSteps = 100_000;

/** Runs the simulation of a seed. */
export async function simulate(seed: number): Promise<World> {
  signInStep();
  const random = randomOf(seed);
  const program = drawProgram(random);
  const expected = expectedOf(program);
  const artifact = compiled(program);
  const checked = validateDefinition(artifact.definition);
  if (!checked.ok) throw new Error(JSON.stringify(checked.diagnostics));
  const identity: ExecutionIdentity = {
    executionArn: 'arn:aws:states:us-east-1:000000000000:execution:bunsui-simulated:run',
    name: 'run',
    stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:bunsui-simulated',
    stateMachineName: 'bunsui-simulated',
    definition: checked.definition,
  };

  const clock = simulatedClock(startMs, random);
  const store = simulatedStore();
  const journal: JournalRecord[] = [];
  const trace: string[] = [];
  const runs: Run[] = [];
  const surprises: string[] = [];
  const note = (text: string) => trace.push(`${clock.now() - startMs} ${text}`);
  // What may go wrong yet: enough retries are left for all of it.
  let crashes = random.below(4);
  let diskErrors = random.below(2);
  // What takes longer than an execution may: only so often, or a job that is slow would never end.
  let limits = random.chance(0.2) ? 1 : 0;
  // A failure that the plan says is redriven in vain.
  let vain = random.chance(0.5) ? 1 : 0;
  const budgets = new Map<string, number>();
  const mayFail = (what: string, most: number, share: number): boolean => {
    const used = budgets.get(what) ?? 0;
    if (used >= most || !random.chance(share)) return false;
    budgets.set(what, used + 1);
    return true;
  };
  let ids = 0;
  let outcome: Outcome | undefined;
  let handle: ExecutionHandle | undefined;
  /** Events that somebody has seen. */
  let shown = 0;
  let life: Life = newLife();
  store.send = (token) => {
    const settle = life.alive ? life.tokens.get(token) : undefined;
    life.tokens.delete(token);
    settle?.({ ok: true, output: {} });
    return settle !== undefined;
  };

  const step = async (invocation: Invocation): Promise<void> => {
    await clock.sleep(1 + random.below(20));
    if (invocation.killed) await never();
  };

  const crash = (one: Life, why: string): void => {
    if (!one.alive) return;
    one.alive = false;
    note(`crash ${why}`);
    const outlive = random.chance(0.3);
    for (const invocation of one.invocations) invocation.killed = !outlive;
    clock.wakeAt(clock.now() + random.below(3_000), () => begin(journal.length === 0 ? 'start' : 'resume'));
  };

  const append = async (one: Life, records: readonly JournalRecord[]): Promise<void> => {
    const text = JSON.stringify(records);
    await clock.sleep(random.below(4));
    if (!one.alive) return never();
    if (diskErrors > 0 && random.chance(0.03)) {
      diskErrors -= 1;
      note('crash by the disk');
      throw new Error('made up: EIO');
    }
    const dies = crashes > 0 && random.chance(0.08);
    const isDurable = !dies || random.chance(0.5);
    if (isDurable) {
      journal.push(...(JSON.parse(text) as JournalRecord[]));
      note(`append ${records.length}`);
    }
    if (!dies) return undefined;
    crashes -= 1;
    crash(one, isDurable ? 'after an append' : 'before an append');
    return never();
  };

  /** A function's process: the wrapper around the handler. */
  const execute = async (request: TaskRequest, invocation: Invocation): Promise<TaskOutcome> => {
    const handler = wrapHandler(operation, (input: never, context) => work(input, context, invocation), {
      environment: {
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'id',
        AWS_SECRET_ACCESS_KEY: 'secret',
        [environment.jobHistoryTable]: 'jobs',
        [environment.gatesTable]: 'gates',
      },
      now: clock.now,
      random,
      sleep: async (ms) => {
        await clock.sleep(ms);
        if (invocation.killed) await never();
      },
      writeLine: () => {},
      async fetch(_url, { headers, body: sent }) {
        const body = typeof sent === 'string' ? sent : '';
        const target = headers['x-amz-target'] ?? '';
        await step(invocation);
        if (random.chance(0.05)) {
          note(`${invocation.job} a table fails`);
          return new Response('{"__type":"InternalServerError"}', { status: 500 });
        }
        const answer = store.call(target, JSON.parse(body) as object);
        note(`${invocation.job} ${target.split('.').at(-1)} ${answer.status}`);
        if (target.endsWith('.GetItem') && 'Item' in answer.body && isOwn(body, invocation.job))
          invocation.found = true;
        await step(invocation);
        if (random.chance(0.05)) {
          note(`${invocation.job} a table's answer is lost`);
          return new Response('{"__type":"InternalServerError"}', { status: 500 });
        }
        return new Response(JSON.stringify(answer.body), { status: answer.status });
      },
    });
    const { Payload: payload } = JSON.parse(JSON.stringify(request.arguments)) as Call;
    const { restarts } = request;
    try {
      const output = await handler(payload, {
        ...(restarts > 0 && { clientContext: { custom: { bunsui: { restarts } } } }),
      });
      return { ok: true, output: { ExecutedVersion: '$LATEST', Payload: output as never, StatusCode: 200 } };
    } catch (thrown) {
      const { name, message } = thrown as Error;
      if (name !== 'Boom' && name !== errorOfDoomed)
        surprises.push(`${invocation.job} failed with ${name}: ${message}`);
      return { ok: false, error: name, cause: JSON.stringify({ errorType: name, errorMessage: message }) };
    }
  };

  const work = async (
    input: never,
    context: { readonly job: string; readonly attempt: number },
    invocation: Invocation,
  ): Promise<unknown> => {
    const { of, at } = input as { readonly of: readonly number[]; readonly at: number };
    const { job, attempt } = context;
    const early = (expected.before.get(job) ?? []).filter((one) => !store.checkpoints.has(one));
    runs.push({
      job,
      attempt,
      redrive: invocation.redrive,
      of,
      again: invocation.again,
      completedBefore: invocation.found,
      early,
    });
    note(`${job} runs, attempt ${attempt}`);
    await step(invocation);
    const node = nodeOf(job);
    if (node === program.doomed) throw named(errorOfDoomed);
    if (mayFail(`${job} boom`, retriesOf(program, node), 0.15)) {
      if (random.chance(0.7)) throw named('Boom');
      // Its answer comes when the next try runs, if it comes.
      note(`${job} is slow`);
      await clock.sleep(timeoutMs + 980 + random.below(100));
      if (invocation.killed) await never();
    }
    return workOf(job, of, at);
  };

  /** A call of a function by the machine, there and back. */
  const invoke = async (one: Life, request: TaskRequest, signal: AbortSignal): Promise<TaskOutcome> => {
    const { job, redrive } = (request.arguments as unknown as Call).Payload.bunsui;
    const invocation: Invocation = { killed: false, job, redrive, again: false, found: false };
    one.invocations.add(invocation);
    signal.addEventListener('abort', () => {
      invocation.killed ||= random.chance(0.7);
    });
    await step(invocation);
    // Retries of the service's own errors are six.
    if (mayFail(`${job} service`, 5, 0.05)) return { ok: false, error: 'Lambda.SdkClientException', cause: 'lost' };
    if (random.chance(0.05)) {
      note(`${job} is called twice`);
      const again = { ...invocation, again: true };
      one.invocations.add(again);
      void step(again).then(() => execute(request, again));
    }
    const answer = await execute(request, invocation);
    await step(invocation);
    if (mayFail(`${job} service`, 5, 0.05)) {
      note(`${job} the answer is lost`);
      return { ok: false, error: 'Lambda.ClientExecutionTimeoutException', cause: 'lost' };
    }
    return answer;
  };

  /** A task of the machine at a gate. */
  const atGate = async (one: Life, request: TaskRequest, progress: TaskProgress): Promise<TaskOutcome> => {
    const { token } = request;
    const over = Promise.withResolvers<TaskOutcome>();
    if (token !== undefined) one.tokens.set(token, over.resolve);
    await clock.sleep(1 + random.below(20));
    if (!one.alive) return never();
    const answer = store.task(request);
    note(`${request.stateName}: ${answer === undefined ? 'waits' : answer.ok ? 'done' : answer.error}`);
    if (answer !== undefined) {
      one.tokens.delete(token ?? '');
      await clock.sleep(1 + random.below(20));
      return answer;
    }
    progress.submitted({});
    return over.promise;
  };

  const portsOf = (one: Life): EnginePorts => ({
    clock: { now: clock.now, wakeAt: (atMs, wake) => clock.wakeAt(atMs, () => one.alive && wake()) },
    random,
    uuid: () => `00000000-0000-4000-8000-${String(ids++).padStart(12, '0')}`,
    journal: { append: (records) => append(one, records) },
    tasks: {
      run: (request, signal, progress) =>
        request.resource.endsWith(':lambda:invoke') ? invoke(one, request, signal) : atGate(one, request, progress),
    },
  });

  /** An execution has ended. What was not to end so is redriven. */
  const over = (one: Life, ended: Outcome): void => {
    if (!one.alive) return;
    const isInVain = ended.status === 'FAILED';
    if (ended.status === 'SUCCEEDED' || (isInVain && vain === 0)) {
      outcome = ended;
      return;
    }
    note(`ends ${ended.status}`);
    if (ended.status === 'TIMED_OUT') limits -= 1;
    clock.wakeAt(clock.now() + random.below(2_000), () => {
      if (!one.alive) return;
      if (isInVain) vain -= 1;
      one.alive = false;
      begin('redrive');
    });
  };

  function begin(how: 'start' | 'resume' | 'redrive'): void {
    const one = newLife();
    life = one;
    note(how);
    const durable = journal.flatMap((record) => (record.kind === 'event' ? [record.event.id] : [])).length;
    if (shown > durable) surprises.push(`${shown} events were shown, and ${durable} are left after a crash`);
    const ports = portsOf(one);
    const { definition } = identity;
    const now = limits === 0 ? identity : { ...identity, definition: { ...definition, TimeoutSeconds: 5 } };
    try {
      if (how === 'start') handle = startExecution(ports, { ...now, input: '{}', startedAtMs: startMs });
      else handle = (how === 'resume' ? resumeExecution : redriveExecution)(ports, now, [...journal]);
    } catch (thrown) {
      surprises.push(`it cannot be resumed: ${String(thrown)}`);
      return;
    }
    const { onEvents } = handle;
    onEvents((events) => {
      if (one.alive) shown += events.length;
    });
    shown = durable;
    handle.done.then(
      (ended) => over(one, ended),
      (thrown: unknown) => {
        if (!String(thrown).includes('made up')) surprises.push(`the engine halts: ${String(thrown)}`);
        else crash(one, 'and is over');
      },
    );
  }

  for (let times = random.below(3); times > 0; times -= 1) {
    clock.wakeAt(startMs + random.below(10_000), () => {
      if (outcome === undefined) crash(life, 'at any time');
    });
  }
  for (let times = random.chance(0.3) ? 1 + random.below(3) : 0; times > 0; times -= 1) {
    clock.wakeAt(startMs + random.below(4_000), () => {
      if (outcome !== undefined || !life.alive || handle?.status !== 'RUNNING') return;
      note('stop');
      // It rejects when the engine halts, which `done` tells.
      handle.stop().catch(() => undefined);
    });
  }
  begin('start');
  await clock.run(() => outcome !== undefined || surprises.length > 0, mostSteps);
  // What lives on may do what it should not.
  await clock.run(() => surprises.length > 0, mostSteps);
  return {
    seed,
    program,
    expected,
    artifact,
    identity,
    outcome,
    events: handle?.events ?? [],
    journal,
    runs,
    checkpoints: store.checkpoints,
    surprises,
    trace,
  };
}

const newLife = (): Life => ({ alive: true, invocations: new Set(), tokens: new Map() });
const named = (name: string) => Object.assign(new Error(name), { name });
/** The node of a job: the last part of its path. */
const nodeOf = (job: string) => job.split('/').at(-1) ?? '';
const isOwn = (body: string, job: string) => body.includes(JSON.stringify(`${job}#checkpoint#000001`));

function retriesOf({ plans }: Program, node: string): number {
  const all = (list: Program['plans']): Program['plans'] =>
    list.flatMap((plan) => [
      plan,
      ...(plan.kind === 'map' ? all(plan.body) : plan.kind === 'branch' ? all([...plan.yes, ...plan.no]) : []),
    ]);
  const plan = all(plans).find(({ id }) => id === node);
  return plan?.kind === 'job' ? plan.retries : 0;
}

function compiled(program: Program): PipelineArtifact {
  const pipeline = pipelineOf(program);
  const result = compilePipeline(pipeline.ir, { sha256: () => '' });
  const mistake = [...pipeline.diagnostics, ...result.diagnostics].find(({ severity }) => severity === 'error');
  if (mistake !== undefined || !result.ok) throw new Error(`the plan does not compile: ${JSON.stringify(mistake)}`);
  return result.artifact;
}

/** WebCrypto works in other threads, which come back in any order. Nobody here looks at signatures. */
function signInStep(): void {
  const nothing = async () => new Uint8Array(32);
  Object.assign(crypto.subtle, { digest: nothing, importKey: nothing, sign: nothing });
}
