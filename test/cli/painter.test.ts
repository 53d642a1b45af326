import { afterEach, expect, it } from 'vitest';
import { startPainter } from '../../lib/cli/screen/painter.ts';
import { recordedOutput } from './outputs.ts';

/** A terminal without wrapping: what stands on its lines after the text was written to it. */
function screenAfter(text: string): { readonly lines: readonly string[]; readonly cursorShown: boolean } {
  const lines: string[] = [''];
  let row = 0;
  let column = 0;
  let cursorShown = true;
  for (const [token] of text.matchAll(/\x1b\[\??\d*[A-Za-z]|\n|\r|[^\x1b\n\r]+/g)) {
    const up = /^\x1b\[(\d+)A$/.exec(token)?.[1];
    if (token === '\n') {
      row += 1;
      column = 0;
      lines[row] ??= '';
    } else if (token === '\r') column = 0;
    else if (up !== undefined) row = Math.max(0, row - Number(up));
    else if (token === '\x1b[K') lines[row] = (lines[row] ?? '').slice(0, column);
    else if (token === '\x1b[J') lines.splice(row, lines.length, (lines[row] ?? '').slice(0, column));
    else if (token === '\x1b[?25l') cursorShown = false;
    else if (token === '\x1b[?25h') cursorShown = true;
    else if (!token.startsWith('\x1b')) {
      lines[row] =
        (lines[row] ?? '').slice(0, column).padEnd(column) + token + (lines[row] ?? '').slice(column + token.length);
      column += token.length;
    }
  }
  return { lines, cursorShown };
}

const before = process.listenerCount('exit');
afterEach(() => {
  expect(process.listenerCount('exit')).toBe(before);
});

it('draws in place, also when the block becomes shorter, and leaves the last one standing', () => {
  const output = recordedOutput();
  const painter = startPainter(output);
  painter.draw(['one', 'two', 'three']);
  expect(screenAfter(output.text())).toStrictEqual({ lines: ['one', 'two', 'three', ''], cursorShown: false });
  painter.draw(['1', 'zwei']);
  painter.stop();
  painter.stop();
  painter.draw(['too late']);
  expect(screenAfter(output.text())).toStrictEqual({ lines: ['1', 'zwei', ''], cursorShown: true });
});

it('writes nothing when nothing has changed', () => {
  const output = recordedOutput();
  const painter = startPainter(output);
  painter.draw(['same']);
  const drawn = output.text();
  painter.draw(['same']);
  painter.stop();
  expect(output.text()).toBe(`${drawn}\x1b[?25h`);
});

it('puts remarks above the block, and below it once it has stopped', () => {
  const output = recordedOutput();
  const painter = startPainter(output);
  painter.draw(['one', 'two']);
  painter.above('remark\n');
  painter.draw(['one', 'three']);
  painter.stop();
  painter.above('last\n');
  expect(screenAfter(output.text()).lines).toStrictEqual(['remark', 'one', 'three', 'last', '']);
});

it('goes up over lines that a narrower terminal has wrapped', () => {
  const wide = recordedOutput({ columns: 20 });
  let columns = 20;
  const painter = startPainter({ ...wide, size: () => ({ columns, rows: 24 }) });
  painter.draw(['0123456789', 'short']);
  const drawn = wide.text().length;
  columns = 6;
  painter.draw(['01234', 'short']);
  painter.stop();
  expect(wide.text().slice(drawn)).toMatch(/^\x1b\[\?2026h\r\x1b\[3A01234\x1b\[K\n/);
});
