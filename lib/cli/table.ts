/**
 * Tables that fit the terminal: columns as wide as their content, the widest ones cut until the line fits.
 */
import { sized, textWidth } from './text-width.ts';
import type { Paint } from './terminal.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** Never narrower than this when a line has to be cut. @default 8 */
  readonly atLeast?: number;
  /** Colours a cell after it was fitted. */
  readonly paint?: (cell: string, row: number) => string;
}

const gap = '  ';

function widthsOf(columns: readonly Column[], rows: readonly (readonly string[])[], available: number): number[] {
  const widths = columns.map((column, index) =>
    Math.max(textWidth(column.title), ...rows.map((row) => textWidth(row[index] ?? ''))),
  );
  const floors = columns.map((column, index) => Math.min(widths[index] ?? 0, column.atLeast ?? 8));
  let excess = widths.reduce((sum, width) => sum + width, 0) + gap.length * (columns.length - 1) - available;
  while (excess > 0) {
    let widest = -1;
    widths.forEach((width, index) => {
      if (width > (floors[index] ?? 0) && (widest < 0 || width > (widths[widest] ?? 0))) widest = index;
    });
    if (widest < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
  return widths;
}

/**
 * Lines of a table, its titles first. Cells are harmless text of one line.
 *
 * @param available columns of the terminal; `Infinity` cuts nothing.
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  available: number,
  titlePaint: Paint,
): readonly string[] {
  const widths = widthsOf(columns, rows, available);
  const line = (cells: readonly string[], paints: readonly (Paint | undefined)[]) =>
    columns
      .map((column, index) => {
        const isLast = index === columns.length - 1 && column.align !== 'right';
        const fitted = sized(cells[index] ?? '', widths[index] ?? 0, column.align);
        const cell = isLast ? fitted.trimEnd() : fitted;
        return paints[index]?.(cell) ?? cell;
      })
      .join(gap)
      .trimEnd();
  return [
    titlePaint(
      line(
        columns.map(({ title }) => title),
        [],
      ),
    ),
    ...rows.map((cells, row) => {
      const paints = columns.map(({ paint }) => (paint === undefined ? undefined : (cell: string) => paint(cell, row)));
      return line(cells, paints);
    }),
  ];
}
