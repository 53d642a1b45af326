/** The graph as SVG: a box per job with sign, name and state, frames for branches, switches and maps. Each box links to details. */
import type { GraphBox, GraphScope } from '../graph/graph.ts';
import { nodesOf, scopesOf } from '../graph/graph.ts';
import type { GraphLayout, GroupNode, PlacedEdge, PlacedGroup, PlacedJob } from '../graph/layout.ts';
import { layoutGraph } from '../graph/layout.ts';
import { groupTitle } from '../graph/mermaid.ts';
import type { JobStatus } from '../sessions/status.ts';
import type { JobView } from '../sessions/view.ts';
import { countText, durationText } from './format.ts';
import type { Html } from './html.ts';
import { html } from './html.ts';
import type { JobRow, ReportModel } from './model.ts';
import { statusWord, worstStatus } from './model.ts';
import { cutNote } from './parts.ts';

/** Room for the graph on a wide page, in CSS pixels: a layout from left to right is taken when it fits. */
const pageWidth = 1140;
/** Beyond so many nodes only one direction is tried. */
const tryBoth = 120;
const margin = 8;
/** A graph of more nodes is a cloud that says nothing, and takes seconds to lay out. */
const drawnUpTo = 800;
/** The smallest scale at which a picture is still easy to read. */
const smallest = 0.8;
/** The scale at which colours can still be told, but names cannot. */
const overview = 0.25;
/** A taller picture gets a frame that scrolls. */
const tallest = 1400;

export function graphSection(model: ReportModel): Html {
  const total = nodesOf(model.graph).length;
  if (total > drawnUpTo) {
    return html`<section aria-labelledby="h-graph"><h2 id="h-graph">Graph</h2>${cutNote(`a graph of ${countText(total, 'node')} is not drawn here; the table of jobs has them`)}</section>`;
  }
  const plane = bestLayout(model);
  const width = Math.ceil(plane.width + 2 * margin);
  const height = Math.ceil(plane.height + 2 * margin);
  // Too wide a picture begins as an overview; the page's script adds buttons to come nearer.
  const scale = Math.min(1, Math.max(overview, pageWidth / width));
  return html`<section aria-labelledby="h-graph"><h2 id="h-graph">Graph</h2><div class="figure${height * scale > tallest && ' tall'}" tabindex="0" role="region" aria-label="Graph, scrollable"><svg class="graph" width="${Math.round(width * scale)}" height="${Math.round(height * scale)}" viewBox="${-margin} ${-margin} ${width} ${height}" role="group" aria-label="Graph of ${countText(total, 'node')}; the table of jobs below says the same"><defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0.5 0.8 7 4 0.5 7.2Z"/></marker></defs>${plane.groups.map((group) => frame(group, model))}${plane.edges.map((edge) => line(edge))}${plane.jobs.map((job) => box(job, model))}</svg></div><p class="legend"><span class="key solid">data</span> <span class="key dotted">order only</span> <span class="key dashed">runs on a condition</span></p></section>`;
}

/** From left to right where that fits the page and takes less height, else from top to bottom. */
function bestLayout(model: ReportModel): GraphLayout {
  const { graph } = model;
  const options = {
    jobSize: (job: GraphBox) => {
      const letters = Math.max(job.id.length * 8, stateOf(job, model).length * 6.6);
      return { width: Math.round(Math.min(260, Math.max(112, 48 + letters))), height: 44 };
    },
    frameTitle: (node: GroupNode, side?: string) => frameLabel(node, side, model),
  };
  const down = layoutGraph(graph, { ...options, direction: 'TB' });
  if (nodesOf(graph).length > tryBoth) return down;
  const across = layoutGraph(graph, { ...options, direction: 'LR' });
  return across.width <= pageWidth / smallest && across.height <= down.height ? across : down;
}

function stateOf(job: GraphBox, model: ReportModel): string {
  const views = model.byNode.get(job.id) ?? [];
  return views.length > 1 ? iterationsText(views) : stateText(views[0], model);
}

function box({ x, y, width, node }: PlacedJob, model: ReportModel): Html {
  const views = model.byNode.get(node.id) ?? [];
  const status = worstStatus(views.map((view) => view.status)) ?? 'pending';
  const icon = node.kind === 'job' && node.icon !== undefined ? `${node.icon} ` : '';
  const name = `${icon}${shorten(node.id, (width - 44) / 8 - icon.length)}`;
  const state = stateOf(node, model);
  const said = [name.endsWith(node.id) ? '' : node.id, node.condition === undefined ? '' : `runs if ${node.condition}`];
  const more = said.filter((text) => text !== '').join(', ');
  const row = targetRow(views, model);
  const inside = html`${more !== '' && html`<title>${more}</title>`}<rect width="${width}"/><use href="#i-${status}" x="10" y="14" width="16" height="16"/><text x="33" y="19">${name}</text><text class="sub" x="33" y="35">${state}</text>`;
  const attributes = html`class="n ${status}${node.condition !== undefined && ' cond'}" transform="translate(${x} ${y})"`;
  return row === undefined
    ? html`<g ${attributes}>${inside}</g>`
    : html`<a ${attributes} href="#${row.anchor}">${inside}</a>`;
}

function shorten(text: string, letters: number): string {
  const signs = [...text];
  return signs.length <= letters ? text : `${signs.slice(0, Math.max(1, Math.floor(letters) - 1)).join('')}…`;
}

/** What a click on a node shows: its job, of several the most urgent one that is on the page. */
function targetRow(views: readonly JobView[], model: ReportModel): JobRow | undefined {
  const rows = views.flatMap((view) => model.rowOf.get(view.job) ?? []);
  const worst = worstStatus(rows.map(({ view }) => view.status));
  return rows.find(({ view }) => view.status === worst);
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

function frame({ x, y, width, height, node, side, empty, depth }: PlacedGroup, model: ReportModel): Html {
  const status = frameStatus(node, side, model);
  const label = frameLabel(node, side, model);
  const shown = shorten(label, (width - 24) / 7);
  const row = side === undefined ? model.rowOf.get(node.id) : undefined;
  const text = html`<text x="12" y="17">${shown}</text>`;
  const note = empty && html`<text class="sub" x="12" y="${height - 12}">nothing runs</text>`;
  const link = row === undefined ? text : html`<a href="#${row.anchor}">${text}</a>`;
  return html`<g class="f d${depth % 2}${side !== undefined && ' side'} ${status}" transform="translate(${x} ${y})">${shown !== label && html`<title>${label}</title>`}<rect width="${width}" height="${height}" rx="10"/>${link}${note}</g>`;
}

function frameStatus(node: GroupNode, side: string | undefined, model: ReportModel): JobStatus | undefined {
  return side === undefined ? groupStatus(node, model) : sideStatus(sideScope(node, side), model);
}

function frameLabel(node: GroupNode, side: string | undefined, model: ReportModel): string {
  return side === undefined ? groupLabel(node, model) : sideLabel(side, jobsOf(sideScope(node, side), model));
}

function sideScope(node: GroupNode, side: string): GraphScope | undefined {
  return scopesOf(node).find((one) => one.side === side)?.scope;
}

function groupStatus(node: GroupNode, model: ReportModel): JobStatus | undefined {
  if (node.kind === 'map' || node.kind === 'mapS3' || node.kind === 'loop')
    return model.byNode.get(node.id)?.[0]?.status;
  return sideStatus({ nodes: [node], edges: [] }, model);
}

function sideStatus(scope: GraphScope | undefined, model: ReportModel): JobStatus | undefined {
  return worstStatus(jobsOf(scope, model).map(({ status }) => status));
}

function jobsOf(scope: GraphScope | undefined, model: ReportModel): readonly JobView[] {
  return scope === undefined ? [] : nodesOf(scope).flatMap(({ id }) => model.byNode.get(id) ?? []);
}

function groupLabel(node: GroupNode, model: ReportModel): string {
  const counts = model.byNode.get(node.id)?.[0]?.iterations;
  if (counts === undefined) return groupTitle(node);
  if (node.kind === 'loop') return `${node.id}: ${countText(counts.completed, 'round')}`;
  return `${node.id}: ${counts.completed} of ${counts.total} done${counts.failed === 0 ? '' : ` · ${counts.failed} failed`}`;
}

/** Taken is a side of which something began, or of which some jobs were passed by and others not. */
function sideLabel(side: string, jobs: readonly JobView[]): string {
  const skipped = jobs.filter(({ status }) => status === 'skipped').length;
  if (jobs.length > 0 && skipped === jobs.length) return `${side} · not taken`;
  // What only waits, or was cancelled before it began, stands behind a condition that nobody looked at.
  return skipped > 0 || jobs.some(({ startedAt }) => startedAt !== undefined) ? `${side} · taken` : side;
}

/** A line that bends softly: straight to the first bend, then through the middles between bends. */
function line({ points, kind }: PlacedEdge): Html {
  const [first, ...rest] = points;
  const last = rest.pop();
  if (first === undefined || last === undefined) return html``;
  const bends = rest.map((bend, index) => {
    const next = rest[index + 1] ?? last;
    const end = index === rest.length - 1 ? last : { x: (bend.x + next.x) / 2, y: (bend.y + next.y) / 2 };
    return `Q${whole(bend.x)} ${whole(bend.y)} ${whole(end.x)} ${whole(end.y)}`;
  });
  const path = bends.length === 0 ? `L${whole(last.x)} ${whole(last.y)}` : bends.join('');
  return html`<path class="e${kind === 'order' ? ' o' : ''}" d="M${whole(first.x)} ${whole(first.y)}${path}"/>`;
}

function whole(value: number): number {
  return Math.round(value);
}
