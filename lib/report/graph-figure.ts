/** The section with the graph. Each box links to details. */
import { arrow, figure, figureLayout, type Look } from '../graph/figure.ts';
import { foldGraph } from '../graph/fold.ts';
import { nodesOf, type PipelineGraph } from '../graph/graph.ts';
import type { GraphLayout } from '../graph/layout.ts';
import { type Html, html } from '../html.ts';
import { countText } from './format.ts';
import { sessionLook, urgentNodes } from './graph-look.ts';
import type { ReportModel } from './model.ts';
import { cutNote } from './parts.ts';

/** Room for the graph on a wide page, in CSS pixels: a layout from left to right is taken when it fits. */
const pageWidth = 1140;
const margin = 8;
/** The smallest scale at which a picture is still easy to read. */
const smallest = 0.8;
/** The scale at which colours can still be told, but names cannot. */
const overview = 0.25;
/** A taller picture gets a frame that scrolls. */
const tallest = 1400;

export function graphSection(model: ReportModel): Html {
  const total = nodesOf(model.graph).length;
  const graph = foldGraph(model.graph, urgentNodes(model));
  const look = sessionLook(model);
  const plane = bestLayout(graph, look);
  const width = Math.ceil(plane.width + 2 * margin);
  const height = Math.ceil(plane.height + 2 * margin);
  // Too wide a picture begins as an overview; the page's script adds buttons to come nearer.
  const scale = Math.min(1, Math.max(overview, pageWidth / width));
  return html`<section aria-labelledby="h-graph"><h2 id="h-graph">Graph</h2><div class="figure${height * scale > tallest && ' tall'}" tabindex="0" role="region" aria-label="Graph, scrollable"><svg class="graph" width="${Math.round(width * scale)}" height="${Math.round(height * scale)}" viewBox="${-margin} ${-margin} ${width} ${height}" role="group" aria-label="Graph of ${countText(total, 'node')}; the table of jobs below says the same"><defs>${arrow}</defs>${figure(plane, look)}</svg></div>${graph !== model.graph && cutNote(`boxes with double sides stand for several of the ${countText(total, 'node')}; the table of jobs has them all`)}<p class="legend"><span class="key solid">data</span> <span class="key dotted">order only</span> <span class="key dashed">runs on a condition</span></p></section>`;
}

/** From left to right where that fits the page and takes less height, else from top to bottom. */
function bestLayout(graph: PipelineGraph, look: Look): GraphLayout {
  const down = figureLayout(graph, 'TB', look);
  const across = figureLayout(graph, 'LR', look);
  return across.width <= pageWidth / smallest && across.height <= down.height ? across : down;
}
