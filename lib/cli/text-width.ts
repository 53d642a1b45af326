/**
 * Columns that text takes on a terminal, and cutting and padding by columns.
 */

/** Characters that take no column: combining marks, joiners, variation selectors. */
const zeroWidth = /\p{Mn}|\p{Me}|\u200d|[\ufe00-\ufe0f]/u;
/** Characters that take two: East Asian wide and full-width forms, and pictographs shown as emoji. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const plainAscii = /^[\x20-\x7e]*$/;

function characterWidth(character: string): number {
  if (zeroWidth.test(character)) return 0;
  return wide.test(character) ? 2 : 1;
}

/** Columns of harmless text (no control characters, no escape sequences). */
export function textWidth(text: string): number {
  if (plainAscii.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** Cuts text to at most `columns`, ending in `…` (or `mark`) when something was cut away. */
export function cut(text: string, columns: number, mark = '…'): string {
  if (textWidth(text) <= columns) return text;
  const room = columns - textWidth(mark);
  if (room <= 0) return mark.slice(0, Math.max(0, columns));
  let kept = '';
  let width = 0;
  for (const character of text) {
    const next = characterWidth(character);
    if (width + next > room) break;
    kept += character;
    width += next;
  }
  return kept + mark;
}

/** Cuts or pads text to exactly `columns`. */
export function sized(text: string, columns: number, align: 'left' | 'right' = 'left'): string {
  const shown = cut(text, columns);
  const padding = ' '.repeat(Math.max(0, columns - textWidth(shown)));
  return align === 'left' ? shown + padding : padding + shown;
}
