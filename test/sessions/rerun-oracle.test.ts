/**
 * Reruns of generated pipelines: the compiled machine on the real engine in virtual time, handlers in the real wrapper,
 * tables in memory. Which jobs run is compared with an oracle that knows neither plans nor fingerprints: it computes
 * the values that the edited program gives, and runs a job where it must.
 */
import * as z from 'zod';
import { describe, expect, it } from 'vitest';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { virtualClock } from '../../lib/engine/clock.ts';
import { startExecution } from '../../lib/engine/run.ts';
import { validateDefinition } from '../../lib/asl/validate.ts';
import { type Job, lambda, type Pipeline, pipeline } from '../../lib/index.ts';
import type { PipelineArtifact } from '../../lib/ir/artifact.ts';
import { withFingerprints } from '../../lib/ir/fingerprints.ts';
import { foldHistory } from '../../lib/sessions/fold.ts';
import { type PlannedJobs, planJobs, type Selection } from '../../lib/sessions/plan-jobs.ts';
import { virtualPorts } from '../../lib/testing/virtual-ports.ts';
import { checkpointKey, environment } from '../../lib/storage-layout.ts';
import type { Fetch } from '../../lib/wrapper/ports.ts';
import { wrapHandler } from '../../lib/wrapper/wrap-handler.ts';
import { draws } from '../fuzz.ts';
import { hashOf, type Random, randomOf } from '../simulation/random.ts';
import { simulatedStore } from '../simulation/store.ts';

/** A job of a generated program. Its value is a number made of its code, the day and what it reads. */
interface Spec {
  readonly id: string;
  readonly reads: readonly string[];
  readonly after: readonly string[];
  readonly readsDay: boolean;
  /** Another code gives another value, unless the edit leaves it equal. */
  readonly code: number;
  readonly salt: number;
  readonly never: boolean;
}
interface Program {
  readonly specs: readonly Spec[];
  readonly fails: ReadonlySet<string>;
  readonly day: number;
}

const input = z.object({ of: z.array(z.int()), day: z.int(), at: z.int() });
const output = z.object({ n: z.int() });
const operationOf = ({ id, never }: Spec) =>
  lambda(`op-${id}`, { entry: './x.ts', input, output, ...(never ? { reuse: 'never' as const } : {}) });

function pipelineOf({ specs }: Program): Pipeline {
  return pipeline('random', { input: z.object({ day: z.int() }), output: z.object({ n: z.int() }) }, (p, given) => {
    const jobs = new Map<string, Job<{ n: number }>>();
    const of = (id: string) => jobs.get(id) as Job<{ n: number }>;
    for (const spec of specs) {
      const values = { of: spec.reads.map((id) => of(id).out.n), day: spec.readsDay ? given.day : 0, at: spec.salt };
      jobs.set(spec.id, p.job(spec.id, operationOf(spec), values as never, { after: spec.after.map(of) }) as never);
    }
    p.output({ n: of(specs.at(-1)?.id ?? '').out.n });
  }) as unknown as Pipeline;
}

function artifactOf(program: Program): PipelineArtifact {
  const { ir, diagnostics } = pipelineOf(program);
  const compiled = compilePipeline(ir, { sha256: (text) => String(hashOf(text)) });
  const mistake = [...diagnostics, ...compiled.diagnostics].find(({ severity }) => severity === 'error');
  if (mistake !== undefined || !compiled.ok) throw new Error(JSON.stringify(mistake));
  const code = new Map(program.specs.map((spec) => [`op-${spec.id}`, String(spec.code)]));
  return withFingerprints(compiled.artifact, { sha256: (text) => `${hashOf(text)}-${hashOf(`${text}!`)}`, code });
}

const madeBy = (spec: Spec, of: readonly number[], day: number) =>
  // Codes of one parity give the same value: an edit that changes nothing of it.
  hashOf(JSON.stringify([spec.id, spec.code % 2, of, spec.readsDay ? day : 0, spec.salt])) % 1_000;

const answered = (status: number, body: string) => ({
  status,
  text: async () => body,
  arrayBuffer: async () => new ArrayBuffer(0),
});

type Table = Map<string, { readonly [name: string]: { readonly S?: string; readonly N?: string } }>;

/** Runs one generation. @returns the jobs whose handlers ran, each time it did */
async function run(program: Program, artifact: PipelineArtifact, table: Table, generation: number) {
  const checked = validateDefinition(artifact.definition);
  if (!checked.ok) throw new Error(JSON.stringify(checked.diagnostics));
  const ran: string[] = [];
  const answers: Promise<unknown>[] = [];
  const gates = simulatedStore();
  const tokens = new Map<string, () => void>();
  gates.send = (token) => {
    tokens.get(token)?.();
    return tokens.delete(token);
  };
  const fetch: Fetch = async (_, { headers, body }) => {
    const target = headers['x-amz-target'] ?? '';
    const call = JSON.parse(String(body)) as {
      readonly TableName?: string;
      readonly Key?: { readonly job_timestamp: { readonly S: string } };
      readonly Item?: Table extends Map<string, infer I> ? I : never;
    };
    if (call.TableName !== 'jobs') {
      const answer = gates.call(target, call);
      return answered(answer.status, JSON.stringify(answer.body));
    }
    if (call.Item === undefined) {
      const Item = table.get(call.Key?.job_timestamp.S ?? '');
      return answered(200, JSON.stringify(Item === undefined ? {} : { Item }));
    }
    const key = call.Item['job_timestamp']?.S ?? '';
    const there = table.get(key)?.['record_type']?.S;
    if (there !== undefined && there !== 'candidate')
      return answered(400, '{"__type":"ConditionalCheckFailedException"}');
    table.set(key, call.Item);
    return answered(200, '{}');
  };
  const variables = {
    AWS_ACCESS_KEY_ID: 'id',
    AWS_SECRET_ACCESS_KEY: 'secret',
    [environment.jobHistoryTable]: 'jobs',
    [environment.gatesTable]: 'gates',
  };
  const clock = virtualClock(Date.parse('2026-03-01T00:00:00Z'));
  const specs = new Map(program.specs.map((spec) => [spec.id, spec]));
  const ports: Parameters<typeof startExecution>[0] = {
    ...virtualPorts(clock),
    tasks: {
      async run(request, _, progress) {
        if (!request.resource.endsWith(':lambda:invoke')) {
          const woken = Promise.withResolvers<void>();
          if (request.token !== undefined) tokens.set(request.token, woken.resolve);
          const answer = gates.task(request);
          if (answer !== undefined) return answer;
          progress.submitted({});
          await woken.promise;
          return { ok: true, output: {} };
        }
        const release = clock.hold();
        const { Payload: payload } = request.arguments as unknown as {
          readonly Payload: { readonly bunsui: { readonly job: string } };
        };
        const spec = specs.get(payload.bunsui.job);
        if (spec === undefined) throw new Error('no such job');
        const handler = wrapHandler(
          { id: `op-${spec.id}`, input, output },
          ((given: z.infer<typeof input>) => {
            ran.push(spec.id);
            if (program.fails.has(spec.id)) throw new Error('doomed');
            return { n: madeBy(spec, given.of, given.day) };
          }) as never,
          {
            environment: variables,
            fetch,
            now: clock.now,
            random: () => 0.5,
            sleep: async () => {},
            writeLine: () => {},
          },
        );
        const answer = handler(payload);
        // Functions outlive an execution that fails meanwhile, and leave their checkpoints.
        answers.push(answer.catch(() => undefined));
        try {
          const given = await answer;
          return { ok: true, output: { Payload: given as never, StatusCode: 200 } };
        } catch (thrown) {
          return { ok: false, error: (thrown as Error).name, cause: '' };
        } finally {
          release();
        }
      },
    },
  };
  const name = `session-s-${generation}`;
  const handle = startExecution(ports, {
    executionArn: `arn:aws:states:us-east-1:000000000000:execution:random:${name}`,
    name,
    stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:random',
    stateMachineName: 'random',
    definition: checked.definition,
    input: JSON.stringify({
      day: program.day,
      bunsui: { session: 's', createdAt: '2026-03-01T00:00:00.000Z', generation },
    }),
  });
  const { status } = await handle.done;
  await Promise.all(answers);
  return { ran, status, view: foldHistory(artifact, handle.events) };
}

/** What is there of a generation, as `plan-rerun.ts` reads it. */
function resultsIn(table: Table, generation: number, artifact: PipelineArtifact) {
  return [...table.values()].flatMap((item) => {
    if (item['generation']?.N !== String(generation) || item['record_type']?.S === 'skip') return [];
    const job = item['job_id']?.S ?? '';
    const recorded = item['fingerprint']?.S;
    const fingerprint = recorded === undefined ? artifact.fingerprints?.[job] : JSON.parse(recorded);
    const hash = item['input_hash']?.S;
    const unproven = item['record_type']?.S === 'candidate' || item['kept']?.S === 'true';
    const known = { ...(hash && { input_hash: hash }), ...(fingerprint && { fingerprint }) };
    return [{ job, ...known, ...(unproven && { unproven: true as const }) }];
  });
}

/** Puts what is reused into its place, as `reuse-items.ts` does. */
function putReused(table: Table, { reuse }: PlannedJobs, generation: number, results: ReturnType<typeof resultsIn>) {
  for (const { job, as, kept } of reuse) {
    const key = checkpointKey(job, generation);
    const at = { job_timestamp: { S: key }, generation: { N: String(generation) } };
    const from = table.get(checkpointKey(job, generation - 1));
    const fingerprint = results.find((one) => one.job === job)?.fingerprint;
    if (as === 'skip') table.set(key, { ...at, record_type: { S: as }, job_id: { S: job }, output: { S: 'null' } });
    else if (from !== undefined)
      table.set(key, {
        ...from,
        ...at,
        record_type: { S: as },
        fingerprint: { S: JSON.stringify(fingerprint) },
        kept: { S: String(kept ?? false) },
      });
  }
}

function drawn(random: Random): Program {
  const size = 2 + random.below(11);
  const specs: Spec[] = [];
  for (let index = 0; index < size; index += 1) {
    const seen = specs.map(({ id }) => id);
    const some = (most: number) => seen.filter(() => random.chance(most / Math.max(1, seen.length)));
    specs.push({
      id: `j${index}`,
      reads: some(1.5),
      after: some(0.3),
      readsDay: random.chance(0.3),
      code: random.below(4),
      salt: random.below(3),
      never: random.chance(0.06),
    });
  }
  const fails = random.chance(0.7) ? new Set([`j${random.below(size)}`]) : new Set<string>();
  return { specs, fails, day: random.below(3) };
}

/** What somebody does before the rerun: mends what fails, and edits some jobs, the input, or nothing. */
function edited(program: Program, random: Random): Program {
  const specs = program.specs.map((spec): Spec => {
    if (!random.chance(0.15)) return spec;
    return random.chance(0.7) ? { ...spec, code: spec.code + 1 + random.below(2) } : { ...spec, salt: random.below(3) };
  });
  const still = random.chance(0.15) ? program.fails : new Set<string>();
  return { specs, fails: still, day: random.chance(0.2) ? program.day + 1 : program.day };
}

interface Known {
  readonly spec: Spec;
  /** Everything that was written of it and of what comes before it. */
  readonly text: string;
  readonly of: readonly number[];
  readonly day: number;
  readonly value: number;
  /** The generation before has handed it on without coming to it, or was told to keep it. */
  readonly handedOn?: boolean;
}

/**
 * The oracle: in order, a job runs when it has no value, its code or text is another, it is never reused, it is asked
 * for or comes after one that is, something that it is ordered behind may run, or what it is given is not what it was
 * given. It stops where a job fails, and with it what comes after.
 */
function oracle(program: Program, known: ReadonlyMap<string, Known>, { from = [], skip = [] }: Selection) {
  const ran = new Set<string>();
  /** What may run by all that can be known beforehand: something of it or before it is not as it was. */
  const may = new Set<string>();
  const texts = new Map<string, string>();
  const forced = new Set<string>();
  const values = new Map<string, Known>();
  const lost = new Set<string>();
  for (const spec of program.specs) {
    const { id, reads, after, readsDay } = spec;
    const before = [...reads, ...after];
    const text = JSON.stringify([spec, before.map((one) => texts.get(one))]);
    texts.set(id, text);
    if (from.includes(id) || before.some((one) => forced.has(one))) forced.add(id);
    if (before.some((one) => lost.has(one))) {
      lost.add(id);
      continue;
    }
    const of = reads.map((one) => values.get(one)?.value ?? 0);
    const day = readsDay ? program.day : 0;
    const was = known.get(id);
    if (was !== undefined && skip.includes(id)) {
      values.set(id, was);
      continue;
    }
    const isOther = was === undefined || was.text !== text || was.day !== day || was.handedOn === true;
    if (isOther || forced.has(id) || spec.never || before.some((one) => may.has(one))) may.add(id);
    const isSame =
      was !== undefined &&
      was.spec.code === spec.code &&
      was.spec.salt === spec.salt &&
      JSON.stringify([was.of, was.day]) === JSON.stringify([of, day]);
    if (isSame && !spec.never && !forced.has(id) && !after.some((one) => may.has(one))) {
      values.set(id, { ...was, text });
      continue;
    }
    may.add(id);
    ran.add(id);
    if (program.fails.has(id)) lost.add(id);
    else values.set(id, { spec, text, of, day, value: madeBy(spec, of, program.day) });
  }
  return { ran, values };
}

/** A failure elsewhere may end an execution before a job is reached that could have run: such a job may be missing. */
function compared(ran: readonly string[], want: ReadonlySet<string>, status: string, plans: PlannedJobs['jobs']) {
  const told = (job: string) => `${job}: ${plans.find((plan) => plan.job === job)?.reason}`;
  const missing = status === 'SUCCEEDED' ? [...want].filter((job) => !ran.includes(job)) : [];
  return {
    tooMuch: ran.filter((job) => !want.has(job)).map(told),
    twice: ran.filter((job, at) => ran.indexOf(job) < at),
    missing,
  };
}

describe('a rerun from a job', () => {
  it('runs it and what comes after it, and nothing else, in 1,000 random graphs', { timeout: 120_000 }, () => {
    const graphs = draws(1_000);
    let ran = 0;
    for (let seed = 1; seed <= graphs; seed += 1) {
      const random = randomOf(seed + 33_000);
      const drawnNow = drawn(random);
      const program = { ...drawnNow, specs: drawnNow.specs.map((spec) => ({ ...spec, never: false })) };
      const artifact = artifactOf(program);
      const from = program.specs[random.below(program.specs.length)]?.id ?? '';
      const after = new Set([from]);
      for (const { id, reads, after: behind } of program.specs) {
        if ([...reads, ...behind].some((one) => after.has(one))) after.add(id);
      }
      const { jobs, missing } = planJobs({
        artifact,
        results: program.specs.map(({ id }) => ({
          job: id,
          input_hash: 'h',
          fingerprint: artifact.fingerprints?.[id],
        })) as never,
        statuses: new Map(program.specs.map(({ id }) => [id, 'completed'])),
        before: { day: program.day },
        now: { day: program.day },
        selection: { from: [from] },
      });
      const planned = jobs.filter(({ action }) => action === 'run').map(({ job }) => job);
      expect([seed, from, missing, planned.toSorted()]).toStrictEqual([seed, from, [], [...after].toSorted()]);
      ran += planned.length;
    }
    console.log(`${graphs} graphs: ${ran} jobs run, each of them the one that was named or after it, none left out`);
  });
});

/** Seeds of 200 graphs; a share of them where generated tests draw less. */
const batches = draws(20);

describe('reruns of 200 random graphs, with random failures and edits', () => {
  const counts = { generations: 0, jobs: 0, ran: 0, reused: 0, cutOff: 0 };

  it.each(Array.from({ length: batches }, (_, index) => index))('run what an oracle says, batch %i', async (batch) => {
    for (let seed = batch * 10; seed < batch * 10 + 10; seed += 1) {
      const random = randomOf(seed + 1);
      let program = drawn(random);
      let artifact = artifactOf(program);
      const table: Table = new Map();
      let last = await run(program, artifact, table, 1);
      let known: ReadonlyMap<string, Known> = oracle(program, new Map(), {}).values;
      const done = (job: string) => table.get(checkpointKey(job, 1)) !== undefined;
      known = new Map([...known].filter(([job]) => done(job)));
      for (let generation = 2; generation <= 3; generation += 1) {
        const before = program;
        program = edited(program, random);
        const next = artifactOf(program);
        const selection: Selection = random.chance(0.25)
          ? { from: [program.specs[random.below(program.specs.length)]?.id ?? ''] }
          : random.chance(0.2)
            ? { skip: [...known.keys()].filter(() => random.chance(0.2)) }
            : {};
        const results = resultsIn(table, generation - 1, artifact);
        const planned = planJobs({
          artifact: next,
          results,
          statuses: new Map(last.view.jobs.map(({ job, status }) => [job, status])),
          before: { day: before.day },
          now: { day: program.day },
          selection,
        });
        expect(planned.missing).toStrictEqual([]);
        putReused(table, planned, generation, results);
        last = await run(program, next, table, generation);
        const want = oracle(program, known, selection);
        const { ran, status } = last;
        expect([seed, generation, compared(ran, want.ran, status, planned.jobs)]).toStrictEqual([
          seed,
          generation,
          { tooMuch: [], twice: [], missing: [] },
        ]);
        // And exactly what was planned.
        const plans = new Map(planned.jobs.map((plan) => [plan.job, plan]));
        for (const job of ran) expect([seed, job, plans.get(job)?.action]).toStrictEqual([seed, job, 'run']);
        if (status === 'SUCCEEDED') {
          const certain = planned.jobs.filter(
            ({ action, unless_same_input }) => action === 'run' && !unless_same_input,
          );
          expect(certain.map(({ job }) => job).filter((job) => !ran.includes(job))).toStrictEqual([]);
          counts.cutOff += planned.jobs.filter((plan) => plan.unless_same_input && !ran.includes(plan.job)).length;
        }
        counts.generations += 1;
        counts.jobs += program.specs.length;
        counts.ran += ran.length;
        counts.reused += planned.reuse.filter(({ as }) => as === 'checkpoint').length;
        const recorded = (job: string) => table.get(checkpointKey(job, generation)) !== undefined;
        const carried = [...known].filter(([job]) => recorded(job));
        const fresh = [...want.values].filter(
          ([job]) => table.get(checkpointKey(job, generation))?.['record_type']?.S === 'checkpoint',
        );
        const isHandedOn = (job: string) =>
          table.get(checkpointKey(job, generation))?.['record_type']?.S === 'candidate' ||
          selection.skip?.includes(job) === true;
        known = new Map(
          [...carried, ...fresh].map(([job, one]) => [job, { ...one, handedOn: isHandedOn(job) }] as const),
        );
        artifact = next;
      }
    }
  });

  it('were many, and of every kind', () => {
    console.info(JSON.stringify(counts));
    expect(counts.generations).toBe(batches * 20);
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(batches);
  });
});
