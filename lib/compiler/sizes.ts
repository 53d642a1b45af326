/** What machines and values come to in bytes where they run: in UTF-8, with what a deployment puts in the place of placeholders. */
import type { Expression } from '../ir/expressions.ts';
import { longestFunctionArn, longestMachineArn } from '../storage-layout.ts';

/** Within a text of the author's the quotation marks would be escaped: what this finds are fields. */
const placeholder = /"\$\{(operation|machine|pipeline|table):([^"}]*)\}"/g;
/** Characters of the table's name: more only where CloudFormation makes it of a very long name of a stack. */
const longestTable = 64;

/**
 * The bytes that the JSON of a machine, or of a part of it, has at most once it is deployed: in ASCII, with `${` of texts
 * escaped, as `constructs/place-functions.ts` writes it for CloudFormation, which hands it on as it is.
 */
export function deployedBytes(json: string, pipeline: string): number {
  let bytes = asciiBytes(json);
  let texts = 0;
  for (let at = json.indexOf('${'); at >= 0; at = json.indexOf('${', at + 2)) texts += 1;
  // A machine names the same few again and again.
  const longer = new Map<string, number>();
  for (const [found, kind, id = ''] of texts === 0 ? [] : json.matchAll(placeholder)) {
    const more = longer.get(found) ?? longestFor(kind, id, pipeline) + 2 - found.length;
    longer.set(found, more);
    bytes += more;
    texts -= 1;
  }
  return bytes + texts * ('\\u0024{'.length - 2);
}

/** With `\uXXXX` for whatever is not ASCII. */
function asciiBytes(json: string): number {
  // Most have nothing else, and that is found out fast.
  if (Buffer.byteLength(json) === json.length) return json.length;
  let bytes = json.length;
  for (let at = 0; at < json.length; at += 1) if (json.charCodeAt(at) > 0x7f) bytes += '\\uffff'.length - 1;
  return bytes;
}

function longestFor(kind: string | undefined, id: string, pipeline: string): number {
  if (kind === 'operation') return longestFunctionArn(pipeline, id);
  return kind === 'machine' || kind === 'pipeline' ? longestMachineArn : longestTable;
}

/** The bytes that an expression's value has at least: of its constants, and of the structure around them. */
export function constantBytes(expression: Expression): number {
  switch (expression.kind) {
    case 'literal':
      return Buffer.byteLength(JSON.stringify(expression.value));
    case 'array':
      return 1 + expression.items.reduce((sum, item) => sum + constantBytes(item) + 1, 0);
    case 'object':
      // A field whose value is absent is left out.
      return Object.entries(expression.fields).reduce((sum, [name, field]) => {
        const inner = constantBytes(field);
        return inner === 0 ? sum : sum + Buffer.byteLength(JSON.stringify(name)) + inner + 2;
      }, 1);
    case 'ref':
    case 'call':
      return 0;
  }
}
