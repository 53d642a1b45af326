import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { escapeText, html, scriptJson, trustedMarkup, visibleText } from '../lib/html.ts';
import { payloads } from './report/payloads.ts';

describe('html', () => {
  test('escapes values, keeps markup, joins lists and leaves out what is absent', () => {
    const items = ['a<b', 'c'].map((item) => html`<li>${item}</li>`);
    expect(html`<ul title="${'"x"'}">${items}${undefined}${false}${0}</ul>`.markup).toBe(
      '<ul title="&#34;x&#34;"><li>a&lt;b</li><li>c</li>0</ul>',
    );
    expect(html`${trustedMarkup('<b>')}`.markup).toBe('<b>');
  });

  test('no text leaves its element or its attribute', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...payloads)), (text) => {
        expect(html`<p title="${text}">${text}</p>`.markup).toMatch(/^<p title="[^"<>']*">[^<>"']*<\/p>$/);
      }),
      { numRuns: 500 },
    );
  });

  test('what a reader sees is the text, when it holds nothing unseen', () => {
    const decode = (markup: string) =>
      markup.replaceAll(/&(?:#(\d+)|(amp|lt|gt));/g, (_, code: string | undefined, name: string | undefined) =>
        code === undefined ? ({ amp: '&', lt: '<', gt: '>' }[name ?? ''] ?? '') : String.fromCodePoint(Number(code)),
      );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => {
        expect(decode(escapeText(text))).toBe(text);
      }),
    );
  });
});

describe('visibleText', () => {
  test.each([
    ['\u001b[31mred\u0007', '␛[31mred␇'],
    ['a\u202Eb\u2066c', 'a⟨U+202E⟩b⟨U+2066⟩c'],
    ['zero\u200bwidth\ufeff', 'zero⟨U+200B⟩width⟨U+FEFF⟩'],
    ['line\r\nline\rback', 'line\nline␍back'],
    ['tab\tstays\n', 'tab\tstays\n'],
    ['\u0085\u007f', '⟨U+0085⟩␡'],
    ['half \ud800 pair \udc00', 'half ⟨U+D800⟩ pair ⟨U+DC00⟩'],
    ['whole 😀 日本 é', 'whole 😀 日本 é'],
    ['tag \u{e0041}', 'tag ⟨U+E0041⟩'],
  ])('%j shows as %j', (text, shown) => {
    expect(visibleText(text)).toBe(shown);
  });
});

describe('scriptJson', () => {
  test('reads back as it was, begins no tag and holds nothing unseen', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.constantFrom(...payloads)), (value) => {
        const { markup } = scriptJson(value);
        expect(JSON.parse(markup)).toStrictEqual(JSON.parse(JSON.stringify(value)));
        expect(markup).not.toMatch(/[<>&\u2028\u2029\u202e\u0000]/);
      }),
      { numRuns: 300 },
    );
  });
});
