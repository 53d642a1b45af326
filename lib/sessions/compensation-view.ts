/** What has become of a session's compensation (lib/ir/compensation.ts). Pure. */
import type { JobView } from './view.ts';

/** What was undone, and what stands although it was to be undone: paths of the jobs that had done it. */
export interface CompensationView {
  readonly undone: readonly string[];
  readonly failed: readonly string[];
}

/** @returns nothing where there was nothing to undo */
export function compensationOf(jobs: readonly JobView[]): CompensationView | undefined {
  const of = (...statuses: readonly string[]) =>
    jobs.flatMap(({ compensates, status }) =>
      compensates !== undefined && statuses.includes(status) ? [compensates] : [],
    );
  const undone = of('completed');
  const failed = of('failed', 'timeout', 'cancelled');
  return undone.length + failed.length === 0 ? undefined : { undone, failed };
}

const shownPaths = 5;

/** For a person. */
export function compensationText({ undone, failed }: CompensationView): string {
  const list = (paths: readonly string[]) =>
    `${paths.slice(0, shownPaths).join(', ')}${paths.length > shownPaths ? ` and ${paths.length - shownPaths} more` : ''}`;
  return [
    ...(undone.length === 0 ? [] : [`undone: ${list(undone)}`]),
    ...(failed.length === 0 ? [] : [`not undone, because their compensations failed: ${list(failed)}`]),
  ].join('; ');
}
