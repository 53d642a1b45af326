/** Compensation in the DSL: what a job is undone by, and the guard that undoes the jobs of a pipeline that has failed. */
import * as z from 'zod';
import type { SourcePosition } from '../errors.ts';
import { compensationScope, firstCompensated, type UndoTree, undoTree } from '../ir/compensation.ts';
import type { GuardIr, ScopeIr } from '../ir/nodes.ts';
import { placedNodes } from '../ir/walk.ts';
import { type Operation, operationOf } from './operations/kind.ts';
import { lambdaKind } from './operations/lambda.ts';
import { recordOperation } from './record-operation.ts';
import type { Recording } from './recording.ts';
import type { Schema } from './schemas.ts';

/** What a compensation is given: what its job was given, and what it gave. */
export interface Done<I extends Schema, O extends Schema> {
  readonly input: z.input<I>;
  readonly output: z.output<O>;
}

/** The operation, where its input takes what it is given; else what it would have to take. */
export type Undoes<I extends Schema, O extends Schema, U extends Schema> = Operation<U, Schema> &
  ([Done<I, O>] extends [z.input<U>] ? unknown : { readonly 'input must take': Done<I, O> });

/** The handler that finds out what has completed: `lib/wrapper/completed-jobs.ts`. */
const finderEntry = decodeURIComponent(
  new URL(`../wrapper/completed-jobs.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url).pathname,
);

const treeSchema = (tree: UndoTree): z.ZodType =>
  z.strictObject(
    Object.fromEntries(
      Object.entries(tree).map(([id, inner]) => [id, inner === 'job' ? z.string() : z.array(treeSchema(inner))]),
    ),
  );

/** Its own call may take as long as any function: it waits for functions that still run. */
const finderSeconds = 900;

/** The operation that finds out which jobs have completed, recorded. @returns its id, which nobody has taken */
function recordFinder(recording: Recording, tree: UndoTree, source: SourcePosition): string {
  const names = ['to-undo', ...Array.from(recording.operations, (_, index) => `to-undo-${index + 2}`)];
  const id = names.find((name) => !recording.operations.has(name)) ?? 'to-undo';
  const operation = operationOf(lambdaKind, id, {
    description: 'finds out which jobs have completed that are to be undone',
    input: z.object({ jobs: z.unknown() }),
    output: treeSchema(tree),
    timeout: finderSeconds,
    ...{ entry: finderEntry, memory: 256 },
  });
  recordOperation(recording, { ...operation, source }, ['operations', id], source);
  const recorded = recording.operations.get(id);
  if (recorded !== undefined && recorded.ir.kind === 'lambda')
    recording.operations.set(id, { ...recorded, ir: { ...recorded.ir, looksThroughJobs: true } as never });
  return id;
}

/** @returns what runs when the scope has failed; nothing where none of its jobs declares a compensation */
export function recordCompensation(
  recording: Recording,
  scope: ScopeIr,
  others: readonly ScopeIr[],
): Pick<GuardIr, 'source' | 'handler'> | undefined {
  const source = firstCompensated(scope);
  if (source === undefined) return undefined;
  const taken = new Set([scope, ...others].flatMap((one) => placedNodes(one).map(({ node }) => node.id)));
  const made = compensationScope(scope, {
    operation: recordFinder(recording, undoTree(scope), source),
    isTaken: (id) => taken.has(id),
  });
  return made && { source, handler: { on: 'failure', scope: made } };
}

/** Records the operation that undoes a job. */
export function recordUndo(
  recording: Recording,
  operation: Operation<Schema, Schema> | undefined,
  ...at: readonly [Parameters<typeof recordOperation>[2], Parameters<typeof recordOperation>[3]]
): { readonly compensate?: string } {
  if (operation === undefined) return {};
  recordOperation(recording, operation, ...at);
  return { compensate: operation.id };
}
