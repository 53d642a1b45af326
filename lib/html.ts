/**
 * HTML by tagged template: what is written in the template is markup, what is put in is text. Values may stand in
 * element content and in double-quoted attributes; nowhere else (no tag or attribute names, no URLs, no scripts).
 */

/** Markup that needs no more escaping. Only `html` and `trustedMarkup` make it. */
export interface Html {
  readonly markup: string;
}

export type HtmlValue = Html | string | number | undefined | false | readonly HtmlValue[];

/** Markup from a template; every value in it is escaped unless it is `Html`. `undefined` and `false` leave nothing. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return { markup: parts.map((part, index) => part + (index < values.length ? markupOf(values[index]) : '')).join('') };
}

/** Markup of our own that never holds data: style sheets, scripts, icons. */
export function trustedMarkup(markup: string): Html {
  return { markup };
}

function markupOf(value: HtmlValue): string {
  if (value === undefined || value === false) return '';
  if (typeof value === 'string') return escapeText(value);
  if (typeof value === 'number') return escapeText(String(value));
  if ('markup' in value) return value.markup;
  return value.map(markupOf).join('');
}

/** The characters that end text or an attribute, as entities; characters that act unseen, as visible signs. */
export function escapeText(text: string): string {
  return visibleText(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&#34;')
    .replaceAll("'", '&#39;');
}

/** Control characters but tab and newline; marks that turn or hide text; halves of surrogate pairs. */
const unseen =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu;

/**
 * Text in which nothing acts unseen: an escape character shows as `␛`, a right-to-left override as `⟨U+202E⟩`. Terminal
 * sequences and bidirectional marks of a log cannot make a reader see something else than what is there.
 */
export function visibleText(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll(unseen, (sign) => {
    const code = sign.codePointAt(0) ?? 0xfffd;
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    if (code === 0x7f) return '␡';
    return `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
  });
}

/** JSON that may stand inside a script element: no tag can begin in it, and nothing in it acts unseen. */
export function scriptJson(value: unknown): Html {
  const escaped = JSON.stringify(value)
    .replaceAll(/[<>&\u007f-\u009f]/g, codeEscape)
    .replaceAll(unseen, codeEscape);
  return { markup: escaped };
}

function codeEscape(signs: string): string {
  return Array.from(
    { length: signs.length },
    (_, index) => `\\u${signs.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('');
}
