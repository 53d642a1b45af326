/** The look of the page: light, dark and print; one accent, colour only where it says a state. */
import { colourVariables, figureRules } from '../graph/figure-style.ts';

export const style = `:root {
  color-scheme: light dark;
  ${colourVariables('light')} --sunk: #f2f4f7; --shadow: 0 1px 2px rgb(16 24 40 / 6%);
  --mono: ui-monospace, 'SF Mono', 'Cascadia Code', Menlo, Consolas, 'DejaVu Sans Mono', monospace;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    ${colourVariables('dark')} --sunk: #11161d; --shadow: none;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--text); font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', sans-serif; overflow-wrap: anywhere; -webkit-text-size-adjust: 100%; }
.wrap, main { max-width: 1200px; margin: 0 auto; padding: 0 20px; }
main { padding-bottom: 64px; }
.sheet { position: absolute; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 12px; top: 12px; background: var(--panel); padding: 6px 12px; z-index: 9; }
h1, h2, h3, p, dl, ol, ul, pre, figure { margin: 0; padding: 0; }
ol, ul { list-style: none; }
h1 { font-size: 27px; line-height: 1.2; letter-spacing: -.018em; font-weight: 680; }
h2 { font-size: 17px; line-height: 1.3; letter-spacing: -.008em; font-weight: 650; margin: 34px 0 12px; }
h3 { font-size: 13px; font-weight: 620; margin: 18px 0 6px; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 4px; }
code, pre, .log { font-family: var(--mono); font-size: 12.5px; }
.dim { color: var(--dim); }
.num { text-align: right; font-variant-numeric: tabular-nums; }
.ic { width: 16px; height: 16px; flex: none; fill: none; stroke: currentColor; stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round; }
.st { display: inline-flex; align-items: center; gap: 4px; padding: 1px 9px 1px 5px; border-radius: 99px; font-size: 12.5px; font-weight: 580; white-space: nowrap; color: var(--idle); background: var(--idle-bg); }
.st .ic { width: 14px; height: 14px; }
.completed { --c: var(--completed); --cb: var(--completed-bg); } .failed { --c: var(--failed); --cb: var(--failed-bg); } .timeout { --c: var(--timeout); --cb: var(--timeout-bg); }
.running { --c: var(--running); --cb: var(--running-bg); } .retrying, .waiting { --c: var(--retrying); --cb: var(--retrying-bg); } .cancelled { --c: var(--cancelled); --cb: var(--cancelled-bg); }
.pending, .skipped, .queued, .created, .paused { --c: var(--idle); --cb: var(--idle-bg); }
.st { color: var(--c); background: var(--cb); }
.top { background: var(--panel); border-bottom: 1px solid var(--line); border-top: 4px solid var(--c); padding: 22px 0 20px; }
.eyebrow { font-size: 12px; color: var(--dim); letter-spacing: .02em; }
.title { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 14px; margin-top: 2px; }
.title .st { font-size: 14px; padding: 3px 12px 3px 8px; }
.sid { margin-top: 4px; font-size: 13.5px; }
.about { margin-top: 8px; max-width: 72ch; color: var(--dim); }
.facts { display: flex; flex-wrap: wrap; gap: 12px 34px; margin-top: 16px; }
.facts dt { font-size: 12px; color: var(--dim); }
.facts dd { margin: 1px 0 0; font-variant-numeric: tabular-nums; font-weight: 520; }
.facts dd .dim { font-weight: 400; }
.facts.big { gap: 16px 44px; margin-top: 4px; }
.facts.big dd.t { font-size: 15px; font-weight: 560; line-height: 1.85; letter-spacing: 0; }
.facts.big dd:not(.t) { font-size: 21px; line-height: 1.3; font-weight: 620; letter-spacing: -.012em; }
.counts { display: inline-flex; flex-wrap: wrap; gap: 5px; }
.panel { background: var(--panel); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); padding: 18px 22px 22px; margin-top: 24px; }
.panel > h2 { margin: 0 0 10px; }
.panel.bad { border-left: 4px solid var(--failed); }
.panel.bad > h2 a { color: inherit; text-decoration: underline; text-decoration-color: var(--failed); text-underline-offset: 4px; text-decoration-thickness: 2px; }
.error { color: var(--failed); }
.error strong { font-family: var(--mono); font-size: 13.5px; font-weight: 640; }
.msg pre { background: var(--failed-bg); border-color: transparent; font-size: 13px; }
pre, .log { background: var(--sunk); border: 1px solid var(--line); border-radius: 8px; padding: 10px 13px; margin-top: 6px; overflow: auto; max-height: 380px; line-height: 1.55; white-space: pre-wrap; tab-size: 2; }
.log li { display: flex; gap: 10px; }
.log time, .log i { color: var(--dim); font-style: normal; flex: none; }
.log b { font-weight: 500; color: var(--dim); flex: none; min-width: 4.4em; }
.log .err b, .log .err span { color: var(--failed); } .log .warn b { color: var(--retrying); }
.log span { min-width: 0; white-space: pre-wrap; }
details > summary { cursor: pointer; }
.panel details { margin-top: 12px; font-size: 14px; }
.cut { color: var(--dim); font-size: 13px; margin-top: 6px; }
.cmds li { display: flex; align-items: center; gap: 8px; margin-top: 6px; }
.cmd { background: var(--sunk); border: 1px solid var(--line); border-radius: 6px; padding: 3px 9px; }
.copy { flex: none; white-space: nowrap; font: inherit; font-size: 12.5px; color: var(--text); background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 2px 10px; cursor: pointer; }
.copy:hover { background: var(--sunk); }
.cut .copy { margin-left: 6px; }
.figure { position: relative; background: var(--panel); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); overflow: auto; padding: 14px; text-align: center; }
.figure.tall { max-height: 86vh; }
.graph { display: inline-block; vertical-align: top; font-size: 13px; }
${figureRules((name) => `var(--${name})`)}
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin-top: 9px; font-size: 12.5px; color: var(--dim); }
.key::before { content: ''; display: inline-block; width: 22px; border-top: 2px solid var(--edge); vertical-align: middle; margin-right: 7px; }
.key.dotted::before { border-top-style: dotted; } .key.dashed::before { height: 11px; border: 1.5px dashed var(--edge); border-radius: 3px; }
.key.crit::before { border-top: 4px solid var(--text); } .key.wait::before { border-top: 1.5px dashed var(--idle); }
.zoom { margin-left: auto; display: inline-flex; gap: 5px; } .legend .copy { min-width: 30px; }
.gantt { position: relative; background: var(--panel); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); padding: 10px 16px 12px; overflow: hidden auto; max-height: min(78vh, 900px); }
.plane { position: relative; } .gantt ol { position: relative; padding-top: 24px; }
.axis { position: absolute; top: 0; bottom: 0; left: 236px; right: 84px; }
.axis svg { display: block; overflow: visible; width: 100%; height: 100%; }
.axis line { stroke: var(--line); } .axis text { fill: var(--dim); font-size: 11.5px; font-variant-numeric: tabular-nums; }
.gantt li a { display: grid; grid-template-columns: 224px 1fr 72px; gap: 12px; align-items: center; padding: 3px 0; color: inherit; border-radius: 6px; }
.gantt li a:hover, .gantt li.sel a { background: var(--frame1); text-decoration: none; }
.gantt .nm { display: flex; align-items: center; gap: 7px; min-width: 0; font-size: 13.5px; }
.gantt .nm .ic { color: var(--c); width: 15px; height: 15px; }
.gantt .nm span { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.gantt .it .nm { padding-left: 16px; color: var(--dim); }
.gantt .crit .nm span { font-weight: 650; color: var(--text); }
.gantt .du { font-size: 12.5px; color: var(--dim); text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.bar { display: block; overflow: visible; width: 100%; height: 18px; }
.b { y: 3px; height: 12px; rx: 3px; fill: var(--c); stroke: var(--c); stroke-width: 1.5; } .crit .b { stroke: var(--text); }
.b.map { fill: var(--cb); } .w { stroke: var(--idle); stroke-width: 1.5; stroke-dasharray: 3 3; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th, td { text-align: left; padding: 6px 12px; border-bottom: 1px solid var(--line); vertical-align: top; }
td.num, th.num { text-align: right; }
thead th { font-size: 12px; font-weight: 560; color: var(--dim); white-space: nowrap; }
.jobs { background: var(--panel); border: 1px solid var(--line); }
.jobs th[scope=row] { font-weight: 560; min-width: 9.5em; }
.jobs tbody tr:last-child > * { border-bottom: 0; }
.jobs tr.sel, .jobs tbody tr:hover { background: var(--frame0); }
.jobs .it th[scope=row] { padding-left: 30px; font-weight: 450; } .more td { color: var(--dim); padding-left: 30px; }
.data { width: auto; min-width: 40%; margin-top: 4px; }
.data th, .data td { padding: 4px 14px 4px 0; }
.bar-head { display: flex; flex-wrap: wrap; align-items: baseline; justify-content: space-between; gap: 0 20px; }
.filter { font-size: 13px; color: var(--dim); } .filter[hidden] { display: none; }
.filter input { font: inherit; color: var(--text); background: var(--panel); border: 1px solid var(--edge); border-radius: 7px; padding: 4px 10px; margin-left: 6px; width: 190px; }
.job { background: var(--panel); border: 1px solid var(--line); border-bottom-width: 0; }
.job:first-of-type { border-radius: 10px 10px 0 0; } .job:last-of-type { border-radius: 0 0 10px 10px; border-bottom-width: 1px; }
.job > summary { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 12px; padding: 8px 16px; }
.job > summary::before { content: ''; border: solid transparent; border-width: 4px 0 4px 6px; border-left-color: var(--dim); flex: none; }
.job[open] > summary::before { transform: rotate(90deg); }
.job > summary::-webkit-details-marker { display: none; }
.job > summary .nm { font-weight: 580; } .job > summary .du { margin-left: auto; color: var(--dim); font-size: 13px; font-variant-numeric: tabular-nums; }
.job .body { padding: 0 18px 20px; }
.job .facts { margin-top: 6px; }
.job.sel > summary { background: var(--frame0); }
.js .details { margin: 0; } .js .details > h2, .js .job:not(.sel) { display: none; }
.job.drawer { position: fixed; top: 0; right: 0; bottom: 0; width: min(580px, 100vw); overflow: auto; z-index: 5; border-radius: 0; border-width: 0 0 0 1px; box-shadow: -12px 0 36px rgb(0 0 0 / 16%); }
.job.drawer > summary { position: sticky; top: 0; background: var(--panel); border-bottom: 1px solid var(--line); padding: 14px 18px; font-size: 16px; }
.job.drawer > summary::before { display: none; }
.job.drawer > summary::after { content: 'Close'; font-size: 12.5px; border: 1px solid var(--line); border-radius: 6px; padding: 2px 10px; margin-left: 4px; }
.job.drawer .body { padding-top: 10px; }
footer { max-width: 1200px; margin: 0 auto; padding: 0 20px 40px; color: var(--dim); font-size: 12.5px; }
@media (max-width: 720px) {
  .wrap, main, footer { padding-left: 14px; padding-right: 14px; }
  h1 { font-size: 23px; } .facts { gap: 10px 24px; } .opt { display: none; } .panel { padding: 16px; }
  th, td { padding: 6px 8px; } .jobs .it th[scope=row] { padding-left: 18px; } .figure { padding: 10px; text-align: left; }
  .gantt { padding: 8px 12px; } .axis { left: 0; right: 0; }
  .gantt li a { grid-template-columns: 1fr auto; gap: 0 10px; } .gantt .nm { grid-area: 1 / 1; } .gantt .du { grid-area: 1 / 2; } .gantt .bar { grid-area: 2 / 1 / 3 / 3; }
  .log li { flex-wrap: wrap; gap: 0 10px; } .log span { flex-basis: 100%; } .cmds li { align-items: flex-start; } .cmd { min-width: 0; }
  .filter input { width: 150px; }
}
@media print {
  :root { --bg: #fff; --panel: #fff; --sunk: #fff; --text: #000; --dim: #444; --line: #ccc; --shadow: none; color-scheme: light; }
  body { font-size: 10.5pt; } .copy, .filter, .skip, .zoom { display: none; }
  .figure, .gantt, pre, .log { max-height: none; overflow: visible; } .graph { max-width: 100%; height: auto; }
  .job.drawer { position: static; width: auto; box-shadow: none; } .st, .n rect, .b { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  h2, h3 { break-after: avoid; } tr, .gantt li, .n { break-inside: avoid; } details.job:not([open]) { display: none; } .js .job[open] { display: block; }
}
`;

/** SHA-256 of the style sheet, base64: what the page's policy allows. A test computes it again. */
export const styleHash = 'sha256-Jba3yRXSGEyYBwoPbXBgDqGudQKaoR7+mMLlTmEKvtU=';
