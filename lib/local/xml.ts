/**
 * The little XML that S3 and SNS speak: printing with everything escaped, and reading of the two request bodies that
 * clients send. No document type, no entities of the sender's, no nesting beyond a bound.
 */

/** A printed element; a type of its own, so that no unescaped text is taken for one. */
export interface Xml {
  readonly xml: string;
}

/** Prints an element. Text is escaped; what XML cannot hold at all becomes U+FFFD. */
export function element(name: string, content: string | number | boolean | readonly Xml[]): Xml {
  const inner = Array.isArray(content) ? content.map((child: Xml) => child.xml).join('') : escapeText(String(content));
  return { xml: `<${name}>${inner}</${name}>` };
}

/** A whole document. `namespace` goes on the root. */
export function xmlDocument(root: Xml, namespace?: string): string {
  const text = namespace === undefined ? root.xml : root.xml.replace(/^<([A-Za-z]+)/, `<$1 xmlns="${namespace}"`);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${text}`;
}

function escapeText(text: string): string {
  return text
    .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\r', '&#13;');
}

/** An element as read. `text` is its own text, without that of its children. */
export interface XmlElement {
  readonly name: string;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

/**
 * Reads a small document: elements, text and character references. Attributes are passed over.
 *
 * @returns `undefined` when it is not well-formed, has a document type, or nests deeper than 16.
 */
export function readXml(source: string): XmlElement | undefined {
  interface Open {
    readonly name: string;
    readonly children: XmlElement[];
    text: string;
  }
  const token =
    /<\?[^>]*\?>|<(\/?)([A-Za-z_][\w:.-]*)((?:\s+[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/gy;
  const open: Open[] = [{ name: '', children: [], text: '' }];
  while (token.lastIndex < source.length) {
    const at = token.exec(source);
    if (at === null) return undefined;
    const top = open.at(-1);
    if (top === undefined) return undefined;
    const [, closing, name, , empty, text] = at;
    if (text !== undefined) {
      top.text += unescapeText(text);
    } else if (name !== undefined && closing === '/') {
      if (top.name !== name || open.length < 2) return undefined;
      open.pop();
      open.at(-1)?.children.push(top);
    } else if (name !== undefined) {
      if (open.length > 16) return undefined;
      const child: Open = { name, children: [], text: '' };
      if (empty === '/') top.children.push(child);
      else open.push(child);
    }
  }
  const [root] = open;
  return open.length === 1 && root?.children.length === 1 ? root.children[0] : undefined;
}

const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescapeText(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|(\w+));/g, (whole, decimal, hex, name) => {
    if (name !== undefined) return named[name] ?? whole;
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd';
  });
}

/** The text of the first child of that name. */
export function childText(parent: XmlElement, name: string): string | undefined {
  return parent.children.find((child) => child.name === name)?.text;
}
