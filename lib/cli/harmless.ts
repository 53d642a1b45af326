/**
 * Text that came from data, handlers or files, made fit for a terminal: it can move no cursor, change no title,
 * reverse no line and start no new one.
 */
import { stripVTControlCharacters } from 'node:util';

/** Marks and isolates that reorder text, and characters that take no room but hide things. */
const deceiving =
  /[\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;
const plain = /^[\x20-\x7e]*$/;
const controls = /[\u0000-\u001f\u007f-\u009f]/g;
const controlsInLines = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (character === '\n') return '\\n';
  if (character === '\r') return '\\r';
  if (character === '\t') return '\\t';
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
}

/**
 * One line of text: escape sequences (colours, cursor moves, titles) are taken out, every other control, bidi or
 * invisible character is shown as an escape (`\r`, `\x07`, `\u{202e}`).
 */
export function harmlessLine(text: string): string {
  if (plain.test(text)) return text;
  return stripVTControlCharacters(text).toWellFormed().replace(controls, escaped).replace(deceiving, escaped);
}

const hiding = /[\u007f-\u009f]/g;

const inJson = (text: string) =>
  [...Array(text.length).keys()].map((at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');

/** JSON that says the same, in which nothing acts on a terminal: what JSON leaves as it is, is escaped too. */
export function harmlessJson(json: string): string {
  return plain.test(json) ? json : json.replace(hiding, inJson).replace(deceiving, inJson);
}

/** Text of several lines: as `harmlessLine`, but line feeds and tabs stay. CRLF counts as one line feed. */
export function harmlessText(text: string): string {
  return stripVTControlCharacters(text.replaceAll('\r\n', '\n'))
    .toWellFormed()
    .replace(controlsInLines, escaped)
    .replace(deceiving, escaped);
}
