/**
 * A graph as SVG: a box for each job with its sign, name and state, frames for what holds others. The one drawing of
 * the project: the report puts it into its page, `svg.ts` into a file. Shapes tell kinds: a job is a box, an approval a
 * slanted one, a wait a rounded one, nodes that are folded together a stack.
 */
import { type Html, html } from '../html.ts';
import { conditionOf, type GraphBox, type GraphFrame, type PipelineGraph } from './graph.ts';
import {
  type Direction,
  type GraphLayout,
  layoutGraph,
  type PlacedEdge,
  type PlacedGroup,
  type PlacedJob,
} from './layout.ts';
import type { NodeStatus } from './status.ts';
import { boxNote, boxTitle, groupTitle } from './titles.ts';

/** How a box looks. */
export interface BoxLook {
  /** Shown by sign and colour. @default the picture is of no session */
  readonly status?: NodeStatus;
  /** The second line: what there is to say beside its name. */
  readonly note: string;
  /** Id of the element that a click leads to. */
  readonly anchor?: string;
}

/** How a frame looks. */
export interface FrameLook {
  readonly status?: NodeStatus;
  readonly title: string;
  readonly anchor?: string;
}

/** How everything of a graph looks. */
export interface Look {
  box(node: GraphBox): BoxLook;
  /** @param side set for the frame of one side of a branch, switch or guard */
  frame(node: GraphFrame, side?: string): FrameLook;
}

/** The picture of a pipeline that nothing is known of but what was written. */
export const plainLook: Look = {
  box: (node) => ({ note: boxNote(node) }),
  frame: (node, side) => ({ title: side ?? groupTitle(node) }),
};

const boxHeight = 44;
/** Left of the text: with a sign, and without. */
const indents = { sign: 33, plain: 14 };

/** Where everything stands. */
export function figureLayout(graph: PipelineGraph, direction: Direction, look: Look): GraphLayout {
  return layoutGraph(graph, {
    direction,
    jobSize: (node) => {
      const { note, status } = look.box(node);
      const letters = Math.max([...boxTitle(node)].length * 8, [...note].length * 6.6);
      const rim = (status === undefined ? indents.plain : indents.sign) + (node.kind === 'approval' ? 21 : 15);
      return { width: Math.round(Math.min(260, Math.max(112, rim + letters))), height: boxHeight };
    },
    frameTitle: (node, side) => look.frame(node, side).title,
  });
}

/** What belongs into `<defs>`: the end of a line. */
export const arrow: Html = html`<marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0.5 0.8 7 4 0.5 7.2Z"/></marker>`;

/** The inside of an `<svg class="graph">`; signs are symbols named `i-{status}`. */
export function figure(plane: GraphLayout, look: Look): Html {
  return html`${plane.groups.map((group) => frame(group, look))}${plane.edges.map(line)}${plane.jobs.map((job) => box(job, look))}`;
}

function box({ x, y, width, node }: PlacedJob, look: Look): Html {
  const { status, note, anchor } = look.box(node);
  const left = status === undefined ? indents.plain : indents.sign;
  const [title, says] = [boxTitle(node), note];
  const name = shorten(title, (width - left - 11) / 8);
  const said = shorten(says, (width - left - 8) / 6.2);
  const condition = conditionOf(node);
  const hidden = [
    name === title && name.endsWith(node.id) ? '' : node.kind === 'fold' ? title : node.id,
    said === says ? '' : says,
    condition === undefined || says.includes(condition) ? '' : `runs if ${condition}`,
  ];
  const more = hidden.filter((text) => text !== '').join(', ');
  const sign = status !== undefined && html`<use href="#i-${status}" x="10" y="14" width="16" height="16"/>`;
  const inside = html`${more !== '' && html`<title>${more}</title>`}${shape(node, width)}${sign}<text x="${left}" y="19">${name}</text><text class="sub" x="${left}" y="35">${said}</text>`;
  const attributes = html`class="n${status !== undefined && ` ${status}`}${condition !== undefined && ' cond'}" transform="translate(${x} ${y})"`;
  return anchor === undefined
    ? html`<g ${attributes}>${inside}</g>`
    : html`<a ${attributes} href="#${anchor}">${inside}</a>`;
}

function shape(node: GraphBox, width: number): Html {
  switch (node.kind) {
    case 'job':
      return html`<rect class="s" width="${width}" height="${boxHeight}" rx="8"/>`;
    case 'wait':
      return html`<rect class="s" width="${width}" height="${boxHeight}" rx="${boxHeight / 2}"/>`;
    case 'approval':
      return html`<path class="s" d="M9 0H${width}L${width - 9} ${boxHeight}H0Z"/>`;
    case 'fold':
      return html`<rect class="s" x="6" y="6" width="${width}" height="${boxHeight}" rx="8"/><rect class="s" x="3" y="3" width="${width}" height="${boxHeight}" rx="8"/><rect class="s" width="${width}" height="${boxHeight}" rx="8"/>`;
  }
}

/** A text of at most so many letters, with a mark where it is cut. */
export function shorten(text: string, letters: number): string {
  const signs = [...text];
  return signs.length <= letters ? text : `${signs.slice(0, Math.max(1, Math.floor(letters) - 1)).join('')}…`;
}

function frame({ x, y, width, height, node, side, empty, depth }: PlacedGroup, look: Look): Html {
  const { status, title, anchor } = look.frame(node, side);
  const shown = shorten(title, (width - 24) / 7);
  const text = html`<text x="12" y="17">${shown}</text>`;
  const note = empty && html`<text class="sub" x="12" y="${height - 12}">nothing runs</text>`;
  const link = anchor === undefined ? text : html`<a href="#${anchor}">${text}</a>`;
  return html`<g class="f d${depth % 2}${side !== undefined && ' side'}${status !== undefined && ` ${status}`}" transform="translate(${x} ${y})">${shown !== title && html`<title>${title}</title>`}<rect width="${width}" height="${height}" rx="10"/>${link}${note}</g>`;
}

/** A line that bends softly: straight to the first bend, then through the middles between bends. */
function line({ points, kind }: PlacedEdge): Html {
  const [first, ...rest] = points;
  const last = rest.pop();
  if (first === undefined || last === undefined) return html``;
  const bends = rest.map((bend, index) => {
    const next = rest[index + 1] ?? last;
    const end = index === rest.length - 1 ? last : { x: (bend.x + next.x) / 2, y: (bend.y + next.y) / 2 };
    return `Q${Math.round(bend.x)} ${Math.round(bend.y)} ${Math.round(end.x)} ${Math.round(end.y)}`;
  });
  const path = bends.length === 0 ? `L${Math.round(last.x)} ${Math.round(last.y)}` : bends.join('');
  return html`<path class="e${kind === 'order' && ' o'}" d="M${Math.round(first.x)} ${Math.round(first.y)}${path}"/>`;
}
