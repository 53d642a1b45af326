/** Graphs of many jobs, of the kinds that people have. */
import type { NodeIr, PipelineIr } from '../../lib/ir/nodes.ts';
import { branch, job, literal, map, pipeline } from './sample.ts';

const many = <T>(count: number, make: (index: number) => T) => Array.from({ length: count }, (_, index) => make(index));

/** One job, many beside each other that wait for it, and one after all of them. */
export function fan(jobs: number): PipelineIr {
  const middle = many(jobs - 2, (index) => job(`load-${index}`, ['list']));
  return pipeline([job('list'), ...middle, job('publish', [], { after: middle.map(({ id }) => id) })]);
}

/** Rows of five jobs each, side by side, between a beginning and an end. */
export function lanes(jobs: number): PipelineIr {
  const steps = ['extract', 'clean', 'join', 'check', 'load'];
  const rows = many(Math.floor((jobs - 2) / steps.length), (row) =>
    steps.map((step, at) => job(`${step}-${row}`, [at === 0 ? 'list' : `${steps[at - 1]}-${row}`])),
  );
  return pipeline([job('list'), ...rows.flat(), job('publish', [], { after: rows.map((_, row) => `load-${row}`) })]);
}

/** Stages of twenty jobs, each of which reads three of the stage before, in no order that anything could be nested by. */
export function tangle(jobs: number): PipelineIr {
  const width = 20;
  return pipeline(
    many(jobs, (index) => {
      const [stage, at] = [Math.floor(index / width), index % width];
      const reads = stage === 0 ? [] : [at, at * 7 + 3, at * 3 + 11].map((one) => `s${stage - 1}-t${one % width}`);
      return job(`s${stage}-t${at}`, [...new Set(reads)]);
    }),
  );
}

/** Groups of ten jobs, each after the one before. */
export function groups(jobs: number): PipelineIr {
  return pipeline(
    many(Math.floor(jobs / 10), (index): NodeIr => {
      const inside = many(10, (at) => job(`g${index}-j${at}`, at === 0 ? [] : [`g${index}-j${at - 1}`]));
      const after = index === 0 ? [] : [`group-${index - 1}`];
      if (index % 2 === 0) return { ...map(`group-${index}`, literal([]), inside), after };
      return { ...branch(`group-${index}`, literal(true), inside), after };
    }),
  );
}

/** A long row of jobs. */
export function row(jobs: number): PipelineIr {
  return pipeline(many(jobs, (index) => job(`step-${index}`, index === 0 ? [] : [`step-${index - 1}`])));
}

export const large: { readonly [name: string]: (jobs: number) => PipelineIr } = { fan, lanes, tangle, groups, row };
