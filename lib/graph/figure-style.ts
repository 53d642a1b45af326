/** The look of a drawn graph, for light and dark, with colours given by name: a page has them as variables. */
import { type NodeStatus, nodeStatuses } from './status.ts';

/** Where a status shows: pending and skipped have the colours of what is idle. */
const toneOf = (status: NodeStatus) =>
  status === 'pending' || status === 'skipped' ? 'idle' : status === 'waiting' ? 'retrying' : status;

/** Every colour that the drawing asks for. */
export const colours = {
  light: {
    bg: '#f7f8fa',
    panel: '#fff',
    line: '#dde1e8',
    text: '#171b24',
    dim: '#565f6f',
    link: '#1d4fc4',
    completed: '#14703a',
    failed: '#b42121',
    timeout: '#a8430c',
    running: '#1d4fc4',
    retrying: '#8a5606',
    cancelled: '#4d5563',
    idle: '#656e7d',
    'completed-bg': '#e7f5ec',
    'failed-bg': '#fdecec',
    'timeout-bg': '#fdf0e6',
    'running-bg': '#e9effd',
    'retrying-bg': '#fcf3dc',
    'cancelled-bg': '#eceef2',
    'idle-bg': '#f2f4f7',
    edge: '#97a1b1',
    frame0: 'rgb(100 116 139 / 6%)',
    frame1: 'rgb(100 116 139 / 9%)',
  },
  dark: {
    bg: '#0f1319',
    panel: '#171c24',
    line: '#2b323d',
    text: '#e7eaf0',
    dim: '#9ea8b8',
    link: '#8fb4ff',
    completed: '#62d08c',
    failed: '#ff9088',
    timeout: '#ffab70',
    running: '#8fb4ff',
    retrying: '#eec35c',
    cancelled: '#b2bac7',
    idle: '#98a2b2',
    'completed-bg': '#14291d',
    'failed-bg': '#331a1b',
    'timeout-bg': '#322015',
    'running-bg': '#18243f',
    'retrying-bg': '#2c2410',
    'cancelled-bg': '#242a34',
    'idle-bg': '#1c222b',
    edge: '#66707f',
    frame0: 'rgb(148 163 184 / 7%)',
    frame1: 'rgb(148 163 184 / 10%)',
  },
} as const;

export type ColourName = keyof typeof colours.light;

/** Colours as declarations of a style sheet's variables: `--bg: #f7f8fa; …`. */
export function colourVariables(scheme: keyof typeof colours): string {
  return Object.entries(colours[scheme])
    .map(([name, value]) => `--${name}: ${value};`)
    .join(' ');
}

/** The rules of the drawing. @param colour writes a colour: `var(--bg)`, or itself where nothing knows variables */
export function figureRules(colour: (name: ColourName) => string): string {
  const shown = nodeStatuses.filter((status) => status !== 'pending' && status !== 'skipped');
  return `.graph text { fill: ${colour('text')}; font-weight: 580; }
.graph .sub { fill: ${colour('dim')}; font-size: 11.5px; font-weight: 450; font-variant-numeric: tabular-nums; }
.n .s { fill: ${colour('panel')}; stroke: ${colour('edge')}; stroke-width: 1.3; }
.n use { color: ${colour('idle')}; fill: none; stroke: currentColor; stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round; }
${shown.map((status) => `.n.${status} .s { fill: ${colour(`${toneOf(status)}-bg`)}; stroke: ${colour(toneOf(status))}; } .n.${status} use { color: ${colour(toneOf(status))}; }`).join('\n')}
.n.skipped text { fill: ${colour('dim')}; font-weight: 450; }
.n.cond .s { stroke-dasharray: 5 3.5; }
a.n:hover .s { stroke-width: 2; } a.n.sel .s, a.n:focus-visible .s { stroke-width: 2.6; }
a.n:hover { text-decoration: none; }
.f rect { fill: ${colour('frame0')}; stroke: ${colour('line')}; } .f.d1 rect { fill: ${colour('frame1')}; }
.f text { font-size: 12px; font-weight: 560; fill: ${colour('dim')}; } .f a text { fill: ${colour('link')}; }
.f.side rect { stroke-dasharray: 3 3; } .f.sel > rect { stroke: ${colour('link')}; stroke-width: 2; }
.f.failed > rect { stroke: ${colour('failed')}; } .f.timeout > rect { stroke: ${colour('timeout')}; }
.e { fill: none; stroke: ${colour('edge')}; stroke-width: 1.4; marker-end: url(#arrow); } .e.o { stroke-dasharray: 2 4; }
#arrow path { fill: ${colour('edge')}; }`;
}
