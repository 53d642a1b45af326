/** A graph as an SVG file of its own: light or dark as its reader likes it, no fonts, scripts or links of its own. */
import { html, trustedMarkup } from '../html.ts';
import { arrow, figure, figureLayout, type Look, plainLook } from './figure.ts';
import { type ColourName, colours, figureRules } from './figure-style.ts';
import type { PipelineGraph } from './graph.ts';
import type { Direction } from './layout.ts';
import { nodeStatuses, statusSigns } from './status.ts';

export interface SvgOptions {
  /** @default 'TB' */
  readonly direction?: Direction;
  /** @default that of a pipeline of which no session is shown */
  readonly look?: Look;
  /** What the picture shows, for who cannot see it. @default the pipeline's id */
  readonly title?: string;
}

const margin = 16;
const emptySize = 120;

/** Colours by themselves, not as variables: many viewers of SVG know none. */
const rules = (scheme: keyof typeof colours) =>
  `${figureRules((name: ColourName) => colours[scheme][name])}\n.paper { fill: ${colours[scheme].bg}; }`;

/** The graph as an SVG document, ending in a newline. */
export function toSvg(graph: PipelineGraph, options: SvgOptions = {}): string {
  const { direction = 'TB', look = plainLook, title = graph.id } = options;
  const plane = figureLayout(graph, direction, look);
  const width = Math.ceil(plane.width + 2 * margin) || emptySize;
  const height = Math.ceil(plane.height + 2 * margin) || emptySize;
  const used = new Set(plane.jobs.map(({ node }) => look.box(node).status));
  const symbols = nodeStatuses
    .filter((status) => used.has(status))
    .map((status) => trustedMarkup(`<symbol id="i-${status}" viewBox="0 0 16 16">${statusSigns[status]}</symbol>`));
  const style = trustedMarkup(
    `<style>.graph { font: 13px system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', sans-serif; }\n${rules('light')}\n@media (prefers-color-scheme: dark) {\n${rules('dark')}\n}</style>`,
  );
  const page = html`<svg xmlns="http://www.w3.org/2000/svg" class="graph" width="${width}" height="${height}" viewBox="${-margin} ${-margin} ${width} ${height}" role="img"><title>${title}</title>${style}<defs>${arrow}${symbols}</defs><rect class="paper" x="${-margin}" y="${-margin}" width="${width}" height="${height}"/>${figure(plane, look)}</svg>
`;
  return page.markup;
}
