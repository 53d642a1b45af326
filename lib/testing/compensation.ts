/** Compensation in memory, for runs in virtual time: what functions leave on record that are to be undone. */
import type { Json } from '../ir/expressions.ts';
import type { PipelineIr } from '../ir/nodes.ts';
import { isLambda } from '../ir/operations.ts';
import { completedTree } from '../wrapper/completed-jobs.ts';
import type { UndoTree } from '../ir/compensation.ts';

/** Whether it is the operation that finds out what has completed: nobody writes a function for it. */
export function isFinder({ operations }: PipelineIr, operation: string): boolean {
  const found = operations[operation];
  return found !== undefined && isLambda(found) && found.looksThroughJobs === true;
}

/** What of the envelope concerns compensation. */
export interface Undoing {
  readonly execution: string;
  readonly job: string;
  readonly undoable?: true;
  readonly compensates?: string;
}

export interface CompensationInMemory {
  begin(called: Undoing): void;
  /** @param done absent where it has failed */
  end(called: Undoing, done?: { readonly input: Json; readonly output: Json }): void;
  /** What a compensation is given; `undefined` of a job that is none. */
  given(called: Undoing): Json | undefined;
  /** What has completed, once nothing that is to be undone still runs. */
  find(execution: string, tree: UndoTree, sleep: (milliseconds: number) => Promise<void>): Promise<unknown>;
}

const pollMs = 1_000;

export function compensationInMemory(): CompensationInMemory {
  const done = new Map<string, { readonly job: string; readonly execution: string; readonly value: Json }>();
  const running = new Map<string, number>();
  const count = (execution: string, more: number) => running.set(execution, (running.get(execution) ?? 0) + more);
  const key = (execution: string, job: string) => `${execution} ${job}`;
  return {
    begin: ({ undoable, execution }) => {
      if (undoable) count(execution, 1);
    },
    end({ undoable, execution, job }, value) {
      if (!undoable) return;
      count(execution, -1);
      if (value !== undefined) done.set(key(execution, job), { execution, job, value: { ...value } });
    },
    given: ({ execution, compensates }) =>
      compensates === undefined ? undefined : (done.get(key(execution, compensates))?.value ?? null),
    async find(execution, tree, sleep) {
      while ((running.get(execution) ?? 0) > 0) await sleep(pollMs);
      return completedTree(
        tree,
        [...done.values()].filter((one) => one.execution === execution).map(({ job }) => job),
      );
    },
  };
}
