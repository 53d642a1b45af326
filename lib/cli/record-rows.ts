/** Failed records of maps over S3 in what is shown of a session: most have no such map, and load nothing for it. */
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { RecordDeps } from '../sessions/failed-records.ts';
import type { SessionView } from '../sessions/view.ts';

/** The view with a row for each record that has failed, and the totals of runs that have. */
export async function withRecordRows(
  clients: () => Promise<RecordDeps>,
  artifact: PipelineArtifact,
  view: SessionView,
  executionArn: string | undefined,
): Promise<SessionView> {
  if (view.jobs.every(({ run }) => run === undefined)) return view;
  const { withFailedRecords } = await import('../sessions/failed-records.ts');
  return withFailedRecords(await clients(), artifact, view, executionArn);
}
