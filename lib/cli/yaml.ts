/**
 * JSON as YAML 1.2, for people. Of all that YAML has only block maps, block lists and plain or JSON-quoted scalars are
 * used: every reader of YAML gives back the same value.
 */

/** Text that no reader takes for anything but itself. */
const plain = /^[A-Za-z_/][A-Za-z0-9_/.+@-]*(?: [A-Za-z0-9_/.+@-]+)*$/;
/** Words that readers of YAML 1.1 take for booleans and the like. */
const words = /^(?:true|false|yes|no|on|off|null|y|n|\.inf|\.nan)$/i;

/** What JSON leaves as it is, but readers of YAML refuse, or terminals act on. YAML knows no surrogates. */
const unsafe =
  /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]|[\u{e0000}-\u{e007f}]/gu;
const escaped = (character: string) => {
  const code = character.codePointAt(0) ?? 0;
  return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
};
const quoted = (text: string) => JSON.stringify(text.toWellFormed()).replace(unsafe, escaped);
const scalar = (text: string) => (plain.test(text) && !words.test(text) ? text : quoted(text));

const isEmpty = (value: object) => Object.keys(value).length === 0;

/** The lines of a value. Fields that are undefined are left out. */
function linesOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [scalar(value)];
  if (typeof value !== 'object' || value === null) return [JSON.stringify(value) ?? 'null'];
  if (isEmpty(value)) return [Array.isArray(value) ? '[]' : '{}'];
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown) => linesOf(item).map((line, index) => `${index === 0 ? '- ' : '  '}${line}`));
  }
  return Object.entries(value).flatMap(([key, field]: [string, unknown]) => {
    if (field === undefined) return [];
    const inner = linesOf(field);
    const isBlock = typeof field === 'object' && field !== null && !isEmpty(field);
    return isBlock ? [`${scalar(key)}:`, ...inner.map((line) => `  ${line}`)] : [`${scalar(key)}: ${inner[0] ?? ''}`];
  });
}

/** One document, line feed at its end included. */
export function yamlDocument(value: unknown): string {
  return `${linesOf(value).join('\n')}\n`;
}

/** One item of a list, line feed at its end included: a list that nobody holds whole is written so. */
export function yamlItem(value: unknown): string {
  return yamlDocument([value]);
}
