/** What a machine comes to in bytes where it runs: in UTF-8, with what a deployment puts in the place of placeholders. */
import { longestFunctionArn, longestMachineArn } from '../storage-layout.ts';

/** Within a text of the author's the quotation marks would be escaped: what this finds are fields. */
const placeholder = /"\$\{(operation|machine|table):([^"}]*)\}"/g;
/** Characters of the table's name: more only where CloudFormation makes it of a very long name of a stack. */
const longestTable = 64;

/** The bytes that the JSON of a machine, or of a part of it, has at most once it is deployed. */
export function deployedBytes(json: string, pipeline: string): number {
  let bytes = Buffer.byteLength(json);
  // Most states hold none.
  if (!json.includes('"${')) return bytes;
  for (const [{ length }, kind, id = ''] of json.matchAll(placeholder)) {
    const longest =
      kind === 'operation' ? longestFunctionArn(pipeline, id) : kind === 'machine' ? longestMachineArn : longestTable;
    bytes += longest + 2 - length;
  }
  return bytes;
}
