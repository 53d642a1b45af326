/**
 * Redraws a block of lines in place at the bottom of a terminal, without flicker.
 */
import { stripVTControlCharacters } from 'node:util';
import type { Output } from '../terminal.ts';
import { textWidth } from '../text-width.ts';

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
// Terminals that know synchronized output show a redraw at once; the others ignore the pair.
const beginDraw = '\x1b[?2026h';
const endDraw = '\x1b[?2026l';

export interface Painter {
  /** Puts these lines in the place of the last ones. */
  draw(lines: readonly string[]): void;
  /** Writes text above the block, where it stays. */
  above(text: string): void;
  /** Leaves the block where it is, below it the cursor. Called again it does nothing. */
  stop(): void;
}

/**
 * Starts a block at the cursor. The cursor is hidden until `stop`, or until the process exits in whatever way it can
 * notice.
 */
export function startPainter(output: Output): Painter {
  let drawn: readonly string[] = [];
  let stopped = false;
  output.write(hideCursor);
  const onExit = () => output.write(showCursor);
  process.once('exit', onExit);

  // A terminal that became narrower has wrapped our lines: going up must count what they take now.
  const drawnRows = () => {
    const { columns } = output.size();
    return drawn.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(textWidth(stripVTControlCharacters(line)) / columns)),
      0,
    );
  };
  const backToTop = () => (drawn.length === 0 ? '\r' : `\r\x1b[${drawnRows()}A`);
  const block = (lines: readonly string[]) => lines.map((line) => `${line}\x1b[K\n`).join('');

  return {
    draw(lines) {
      const same = lines.length === drawn.length && lines.every((line, index) => line === drawn[index]);
      if (stopped || same) return;
      const text = `${backToTop()}${block(lines)}\x1b[J`;
      drawn = lines;
      output.write(`${beginDraw}${text}${endDraw}`);
    },
    above(text) {
      if (stopped) {
        output.write(text);
        return;
      }
      // Line by line over the old block: clearing the whole of it makes some terminals keep it in their history.
      const lines = block(text.replace(/\n$/, '').split('\n'));
      output.write(`${beginDraw}${backToTop()}${lines}${block(drawn)}\x1b[J${endDraw}`);
    },
    stop() {
      if (stopped) return;
      stopped = true;
      process.off('exit', onExit);
      output.write(showCursor);
    },
  };
}
