/** How the graph of a session looks: what has become of each node, by sign, colour and a few words. */
import type { FrameLook, Look } from '../graph/figure.ts';
import type { GraphBox, GraphFrame, GraphScope } from '../graph/graph.ts';
import { nodesOf, scopesOf } from '../graph/graph.ts';
import { worstStatus } from '../graph/status.ts';
import { boxNote, groupTitle } from '../graph/titles.ts';
import type { JobStatus } from '../sessions/status.ts';
import type { JobView } from '../sessions/view.ts';
import { countText, durationText } from './format.ts';
import type { JobRow, ReportModel } from './model.ts';
import { statusWord } from './model.ts';

/** The look of a session's graph. Boxes and frames lead to the rows of the page, where it has them. */
export function sessionLook(model: ReportModel): Look {
  return {
    box(node) {
      const views = viewsOf(node, model);
      const row = targetRow(views, model);
      return {
        status: worstStatus(views.map(({ status }) => status)) ?? 'pending',
        note: noteOf(node, views, model),
        ...(row === undefined ? {} : { anchor: row.anchor }),
      };
    },
    frame: (node, side) => (side === undefined ? groupLook(node, model) : sideLook(node, side, model)),
  };
}

function viewsOf(node: GraphBox, { byNode }: ReportModel): readonly JobView[] {
  const ids = node.kind === 'fold' ? node.nodes : [node.id];
  return ids.flatMap((id) => byNode.get(id) ?? []);
}

/** What a click on a node shows: its job, of several the most urgent one that is on the page. */
function targetRow(views: readonly JobView[], model: ReportModel): JobRow | undefined {
  const rows = views.flatMap((view) => model.rowOf.get(view.job) ?? []);
  const worst = worstStatus(rows.map(({ view }) => view.status));
  return rows.find(({ view }) => view.status === worst);
}

function noteOf(node: GraphBox, views: readonly JobView[], model: ReportModel): string {
  if (node.kind !== 'fold') return views.length > 1 ? iterationsText(views) : stateText(views[0], model);
  return views.length === 0 ? boxNote(node) : iterationsText(views.filter(({ kind }) => kind === 'job'));
}

function stateText(view: JobView | undefined, model: ReportModel): string {
  const status = view?.status ?? 'pending';
  if (view?.startedAt === undefined || status === 'skipped' || status === 'pending') return statusWord(model, status);
  const tries = view.attempts.length > 1 ? ` · ${view.attempts.length} tries` : '';
  const took = durationText((view.endedAt ?? model.endedAt ?? model.now) - view.startedAt);
  return `${status === 'completed' ? '' : `${status} · `}${took}${tries}`;
}

function iterationsText(views: readonly JobView[]): string {
  const done = views.filter(({ status }) => status === 'completed').length;
  const failed = views.filter(({ status }) => status === 'failed' || status === 'timeout').length;
  return `${done} of ${views.length}${failed === 0 ? '' : ` · ${failed} failed`}`;
}

function groupLook(node: GraphFrame, model: ReportModel): FrameLook {
  const status = groupStatus(node, model);
  const row = model.rowOf.get(node.id);
  return {
    title: groupLabel(node, model),
    ...(status === undefined ? {} : { status }),
    ...(row === undefined ? {} : { anchor: row.anchor }),
  };
}

function groupStatus(node: GraphFrame, model: ReportModel): JobStatus | undefined {
  if (node.kind === 'map' || node.kind === 'mapS3' || node.kind === 'loop')
    return model.byNode.get(node.id)?.[0]?.status;
  return sideStatus(jobsOf({ nodes: [node], edges: [] }, model));
}

function groupLabel(node: GraphFrame, model: ReportModel): string {
  const counts = model.byNode.get(node.id)?.[0]?.iterations;
  if (counts === undefined) return groupTitle(node);
  if (node.kind === 'loop') return `${node.id}: ${countText(counts.completed, 'round')}`;
  return `${node.id}: ${counts.completed} of ${counts.total} done${counts.failed === 0 ? '' : ` · ${counts.failed} failed`}`;
}

function sideLook(node: GraphFrame, side: string, model: ReportModel): FrameLook {
  const scope = scopesOf(node).find((one) => one.side === side)?.scope;
  const jobs = scope === undefined ? [] : jobsOf(scope, model);
  const status = sideStatus(jobs);
  return { title: sideLabel(side, jobs), ...(status === undefined ? {} : { status }) };
}

function sideStatus(jobs: readonly JobView[]): JobStatus | undefined {
  return worstStatus(jobs.map(({ status }) => status));
}

function jobsOf(scope: GraphScope, model: ReportModel): readonly JobView[] {
  return nodesOf(scope).flatMap((node) =>
    node.kind === 'fold' ? viewsOf(node, model) : (model.byNode.get(node.id) ?? []),
  );
}

/** Taken is a side of which something began, or of which some jobs were passed by and others not. */
function sideLabel(side: string, jobs: readonly JobView[]): string {
  const skipped = jobs.filter(({ status }) => status === 'skipped').length;
  if (jobs.length > 0 && skipped === jobs.length) return `${side} · not taken`;
  // What only waits, or was cancelled before it began, stands behind a condition that nobody looked at.
  return skipped > 0 || jobs.some(({ startedAt }) => startedAt !== undefined) ? `${side} · taken` : side;
}

/** So many nodes are shown by themselves in a large graph because of what has become of them. */
const mostUrgent = 12;

/** Ids of the nodes that somebody wants to see, however large the graph is: where something failed or waits for a person. */
export function urgentNodes({ byNode }: ReportModel): readonly string[] {
  return (['failed', 'timeout', 'waiting', 'retrying'] as const)
    .flatMap((status) => [...byNode].filter(([, views]) => views.some((view) => view.status === status)))
    .map(([id]) => id)
    .slice(0, mostUrgent);
}
