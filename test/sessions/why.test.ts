import { describe, expect, it } from 'vitest';
import { diffSessions } from '../../lib/sessions/diff.ts';
import { foldHistory } from '../../lib/sessions/fold.ts';
import type { SessionView } from '../../lib/sessions/view.ts';
import { whyJob } from '../../lib/sessions/why.ts';
import type { RefExpression } from '../../lib/ir/expressions.ts';
import type { NodeIr } from '../../lib/ir/nodes.ts';
import { artifact as plain, failureHistory, historyOf, successHistory } from './history-fixture.ts';

const out = (id: string): RefExpression => ({ kind: 'ref', target: { kind: 'node', id }, path: ['x'] });
/** The pipeline of the history, with what its nodes read of each other. */
const connected = (node: NodeIr): NodeIr => {
  if (node.kind === 'map') return { ...node, items: out('load') };
  if (node.kind === 'branch') return { ...node, after: ['convert', 'check'] };
  if (node.kind === 'job' && node.id === 'check') return { ...node, input: out('load'), when: out('load') };
  return node.id === 'close' ? { ...node, after: ['any'] } : node;
};
const { pipeline } = plain;
const artifact = {
  ...plain,
  pipeline: { ...pipeline, body: { ...pipeline.body, nodes: pipeline.body.nodes.map(connected) } },
};
const success = foldHistory(artifact, successHistory());
const failure = foldHistory(artifact, failureHistory());
const reasons = (view: SessionView, job: string, more = {}) => whyJob({ artifact, view, job, ...more })?.reasons;

describe('why a job is as it is', () => {
  it('tells what it waited for, and how many tries it took', () => {
    expect(reasons(success, 'load')).toStrictEqual([
      'it completed at its first try',
      'it began with the session: nothing comes before it',
    ]);
    expect(reasons(success, 'convert[1]/one')).toStrictEqual([
      'it completed at try 2: before, Flaky',
      'it began when load had ended, the last of what comes before it',
    ]);
    expect(
      whyJob({ artifact, view: success, job: 'publish' })?.before.map(({ id, status }) => [id, status]),
    ).toStrictEqual([
      ['check', 'skipped'],
      ['convert', 'completed'],
    ]);
  });

  it('tells why one was skipped: by its own condition, or by the branch around it', () => {
    expect(reasons(success, 'check')).toStrictEqual(['its condition ("when") was not true']);
    expect(reasons(success, 'alarm')).toStrictEqual(['it is on the yes side of any, which took the other']);
  });

  it('tells why one failed, was stopped, or never began', () => {
    expect(reasons(failure, 'convert[0]/two')?.[0]).toBe('it failed with Broken at its only try');
    expect(reasons(failure, 'convert[1]/one')).toStrictEqual(['it was stopped: convert[0]/two failed while it ran']);
    expect(reasons(failure, 'close')).toStrictEqual(['it never began: convert[0]/two failed before']);
  });

  it('tells what one waits for', () => {
    const h = historyOf();
    h.schedule('load', h.entered('Task', 'load', 0), 0);
    const running = foldHistory(artifact, h.events);
    expect(reasons(running, 'check')).toStrictEqual(['it waits for load (running)']);
    expect(reasons(running, 'load')?.[0]).toBe('it runs');
  });

  it('tells what a rerun has decided, and that a result was reused', () => {
    const plan = [{ job: 'load', action: 'reuse', reason: 'its result is valid' }] as const;
    expect(reasons(success, 'load', { plan, reused: new Map([['load', 1]]) })).toStrictEqual([
      'it did not run: it gave its result of generation 1',
      'the rerun decided: reuse, its result is valid',
    ]);
  });

  it('knows no job that the session has not', () => {
    expect(whyJob({ artifact, view: success, job: 'nobody' })).toBeUndefined();
  });
});

describe('the difference between two sessions', () => {
  const side = (view: SessionView, version = 'v') => ({ session: 's', pipeline: 'flow', version, view });

  it('is nothing between one and itself', () => {
    const { facts, input, output, jobs } = diffSessions(side(success), side(success));
    expect([facts, input, output, jobs.filter(({ a, b }) => a?.status !== b?.status)]).toStrictEqual([[], [], [], []]);
  });

  it('is told place by place', () => {
    const a = {
      ...success,
      input: { day: 'mon', list: [1, 2], deep: { x: 1, y: 2 }, gone: true },
      output: { rows: 3 },
    };
    const b = { ...success, input: { day: 'tue', list: [1], deep: { x: 1, y: 3 }, more: null }, output: [3] };
    const { input, output } = diffSessions(side(a), side(b, 'w'));
    expect(input).toStrictEqual([
      { path: 'day', a: 'mon', b: 'tue' },
      { path: 'list[1]', a: 2 },
      { path: 'deep.y', a: 2, b: 3 },
      { path: 'gone', a: true },
      { path: 'more', b: null },
    ]);
    expect(output).toStrictEqual([{ path: '', a: { rows: 3 }, b: [3] }]);
  });

  it('is told job by job: statuses, tries, durations, other outputs, and jobs that one has not', () => {
    const [first] = success.jobs;
    if (first === undefined) throw new Error('no job');
    const other = { ...success, jobs: [{ ...first, output: 'other' }, ...success.jobs.slice(1, 2)] };
    const { jobs, facts } = diffSessions(side(failure), side(other));
    expect(jobs[0]).toStrictEqual({
      job: 'load',
      a: { status: 'completed', attempts: 1, duration_ms: 4_000 },
      b: { status: 'completed', attempts: 1, duration_ms: 4_000 },
      other_output: true,
    });
    expect(jobs.at(-1)?.b).toBeUndefined();
    expect(facts.find(({ path }) => path === 'status')).toStrictEqual({ path: 'status', a: 'failed', b: 'completed' });
  });
});
