/** What must hold of every simulated run: the contract, checked against the plan alone. */
import { isDeepStrictEqual } from 'node:util';
import { newExecution } from '../../lib/engine/execution.ts';
import { applyRecord } from '../../lib/engine/fold.ts';
import { attemptItems } from '../../lib/sessions/attempt-items.ts';
import { emptyFold, foldEvents, foldHistory, view } from '../../lib/sessions/fold.ts';
import { errorOfDoomed } from './plan.ts';
import { randomOf } from './random.ts';
import type { World } from './world.ts';

type Check = (world: World) => readonly string[];

/** Each check gives what is not as it must be. */
export const checks: { readonly [name: string]: Check } = {
  'nothing goes wrong but what is made to': ({ surprises }) => surprises,

  'no session stays unfinished': ({ outcome }) => (outcome === undefined ? ['it is stuck'] : []),

  'the end is the one the plan says': ({ outcome, expected }) => {
    if (outcome === undefined) return [];
    const { status, output, error } = outcome;
    const found = status === 'SUCCEEDED' ? `SUCCEEDED ${output}` : `${status} ${error}`;
    const wanted =
      expected.output === undefined ? `FAILED ${errorOfDoomed}` : `SUCCEEDED ${JSON.stringify({ n: expected.output })}`;
    return found === wanted ? [] : [`${found}, not ${wanted}`];
  },

  'jobs that the plan does not run do not run, and none is given what is not its input': ({ runs, expected }) =>
    runs.flatMap(({ job, of }) => {
      const plan = expected.jobs.get(job);
      if (plan === undefined) return [`${job} runs`];
      return isDeepStrictEqual(plan.of, of) ? [] : [`${job} is given ${of.join()}, not ${plan.of.join()}`];
    }),

  'a session that succeeds has completed every job of the plan, and no other': ({ outcome, expected, checkpoints }) => {
    if (outcome?.status !== 'SUCCEEDED') return [];
    const found = [...checkpoints.keys()].sort().join();
    const wanted = [...expected.jobs.keys()].sort().join();
    return found === wanted ? [] : [`completed: ${found}, not ${wanted}`];
  },

  'a job begins after what comes before it has completed': ({ runs }) =>
    runs.flatMap(({ job, early }) => early.map((one) => `${job} runs before ${one} has completed`)),

  'a completed job is not run again': ({ runs }) =>
    runs.flatMap(({ job, attempt, completedBefore }) => (completedBefore ? [`${job} ${attempt} runs again`] : [])),

  'each run has an attempt number of its own': ({ runs }) => {
    const keys = runs
      .filter(({ again }) => !again)
      .map(({ job, redrive, attempt }) => `${job} ${redrive === 0 ? '' : `redrive ${redrive} `}${attempt}`);
    return keys.filter((key, index) => keys.indexOf(key) !== index).map((key) => `${key} runs twice`);
  },

  'each attempt has exactly one record, which is final': ({ artifact, events, runs, outcome, identity }) => {
    if (outcome === undefined) return [];
    const seen = foldHistory(artifact, events);
    const wrong: string[] = [];
    for (const { job, kind, attempts, status } of seen.jobs) {
      const numbers = attempts.map(({ number }) => number);
      if (numbers.some((number, index) => number !== index + 1)) wrong.push(`${job}: attempts ${numbers.join()}`);
      const open = attempts.filter(({ endedAt, status: one }) => endedAt === undefined || one === 'running');
      wrong.push(...open.map(({ number }) => `${job} ${number} has no end`));
      const completed = attempts.filter(({ status: one }) => one === 'completed').length;
      if (kind === 'job' && completed !== (status === 'completed' ? 1 : 0)) {
        wrong.push(`${job}: ${status} with ${completed} completed attempts`);
      }
      if (['pending', 'running', 'retrying'].includes(status)) wrong.push(`${job} is ${status} at the end`);
    }
    const known = new Set(seen.jobs.flatMap(({ job, attempts }) => attempts.map(({ number }) => `${job} ${number}`)));
    const ran = runs.filter(({ redrive }) => redrive === 0).map(({ job, attempt }) => `${job} ${attempt}`);
    for (const { job, attempts } of seen.jobs) {
      const times = runs.filter((run) => run.job === job && !run.again).length;
      if (times > attempts.length) wrong.push(`${job} ran ${times} times, and ${attempts.length} are on record`);
    }
    wrong.push(...ran.filter((one) => !known.has(one)).map((one) => `${one} ran, and is on no record`));
    const session = { session_id: 's', pipeline_id: 'simulated', generation: 1 };
    const keys = attemptItems(seen, session, identity.executionArn).map(({ job_timestamp: key }) => key);
    wrong.push(...keys.filter((key, index) => keys.indexOf(key) !== index).map((key) => `${key} is there twice`));
    const wanted = outcome.status === 'SUCCEEDED' ? 'completed' : 'failed';
    if (seen.status !== wanted) wrong.push(`the session is ${seen.status}, not ${wanted}`);
    return wrong;
  },

  'events in any order, some twice, give the same session': ({ artifact, events, seed }) => {
    const random = randomOf(seed);
    const order = [...events, ...events.filter(() => random.chance(0.3))]
      .map((event) => [random(), event] as const)
      .sort(([a], [b]) => a - b)
      .map(([, event]) => event);
    const same = isDeepStrictEqual(view(foldEvents(emptyFold(artifact), order)), foldHistory(artifact, events));
    return same ? [] : ['it is another'];
  },

  'what was shown is what the journal holds': ({ journal, events, outcome, identity }) => {
    if (outcome === undefined) return [];
    const execution = newExecution(identity);
    for (const record of journal) applyRecord(execution, record);
    const same = isDeepStrictEqual(
      JSON.parse(JSON.stringify([execution.events, execution.outcome])),
      JSON.parse(JSON.stringify([events, outcome])),
    );
    return same ? [] : ['it is not'];
  },
};

/** Everything that does not hold of a run. */
export function problemsOf(world: World): readonly string[] {
  return Object.entries(checks).flatMap(([name, check]) => check(world).map((found) => `${name}: ${found}`));
}

/** How often a run has met what it is for. */
export function happenings({ trace, outcome, program }: World): { readonly [name: string]: number } {
  const count = (pattern: RegExp) => trace.filter((line) => pattern.test(line)).length;
  const nodes = JSON.stringify(program.plans);
  return {
    runs: count(/ runs, /),
    crashes: count(/ crash (before|after|at)/),
    'disk errors': count(/ crash by the disk/),
    'failures of tables': count(/ a table fails/),
    'answers of tables lost': count(/ a table's answer is lost/),
    'answers of functions lost': count(/ the answer is lost/),
    'calls that came twice': count(/ is called twice/),
    'waits at gates': count(/: waits$/),
    maps: nodes.split('"map"').length - 1,
    branches: nodes.split('"branch"').length - 1,
    stops: count(/ stop$/),
    'ends for want of time': count(/ ends TIMED_OUT$/),
    redrives: count(/ redrive$/),
    'failed sessions': outcome?.status === 'FAILED' ? 1 : 0,
  };
}
