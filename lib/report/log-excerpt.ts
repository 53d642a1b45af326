/** Log lines on the page: time, level, message and the author's own fields, within a budget of bytes. */
import type { Html } from '../html.ts';
import { escapeText, html } from '../html.ts';
import { wrapperFields } from '../sessions/log-lines.ts';
import type { LogLine } from '../sessions/report-data.ts';
import { clipText, utf8Bytes } from './format.ts';
import { fieldText } from './handler-output.ts';

const lineBudget = 2_000;
/** What a line's tags cost. */
const lineOverhead = 90;

/** The last lines that fit the budget. How many are missing is for the caller to say: `fittingLines` gives the number. */
export function logExcerpt(lines: readonly LogLine[], budget: number): Html {
  const shown = lines.slice(lines.length - fittingLines(lines, budget));
  const several = new Set(shown.map(({ attempt }) => attempt)).size > 1;
  return html`<ol class="log"${shown.length > 8 && html` tabindex="0" aria-label="log lines"`}>${shown.map((line) => html`<li${levelClass(line.level)}><time>${String(line.timestamp).slice(11, 23)}</time>${several && html`<i>#${line.attempt}</i>`}<b>${line.level}</b><span>${lineText(line)}</span></li>`)}</ol>`;
}

/** How many of the last lines fit the budget; at least one. */
export function fittingLines(lines: readonly LogLine[], budget: number): number {
  let spent = 0;
  let count = 0;
  while (count < lines.length) {
    const line = lines[lines.length - 1 - count];
    spent += lineOverhead + (line === undefined ? 0 : utf8Bytes(escapeText(lineText(line))));
    if (spent > budget && count > 0) break;
    count += 1;
  }
  return count;
}

function lineText(line: LogLine): string {
  const extra = Object.entries(line).filter(([name]) => !wrapperFields.has(name));
  const fields = extra.map(([name, value]) => `${name}=${fieldText(value)}`);
  const { text, wholeBytes } = clipText([line.message, ...fields].join('  '), lineBudget);
  return wholeBytes === undefined ? text : `${text}… (line of ${wholeBytes} bytes)`;
}

function levelClass(level: LogLine['level']): Html | undefined {
  if (level === 'ERROR' || level === 'CRITICAL') return html` class="err"`;
  return level === 'WARNING' ? html` class="warn"` : undefined;
}
