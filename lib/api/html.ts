/**
 * HTML made of texts that are escaped: what is not HTML already becomes text. Unlike the template of reports it shows no
 * character as another: what a form sends back is what it was given.
 */

export interface Html {
  readonly html: string;
}

type Part = Html | string | number | false | undefined | readonly Part[];

const entities: { readonly [character: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function written(part: Part): string {
  if (part === false || part === undefined) return '';
  if (typeof part === 'string' || typeof part === 'number') {
    return String(part).replaceAll(/[&<>"']/g, (character) => entities[character] ?? character);
  }
  return 'html' in part ? part.html : part.map(written).join('');
}

export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { html: texts.map((text, index) => `${index === 0 ? '' : written(parts[index - 1])}${text}`).join('') };
}
