/** What a machine comes to in bytes where it runs: in UTF-8, with what a deployment puts in the place of placeholders. */
import type { PipelineArtifact } from '../ir/artifact.ts';
import { longestFunctionArn, longestMachineArn } from '../storage-layout.ts';

/** Within a text of the author's the quotation marks would be escaped: what this finds are fields. */
const placeholder = /"\$\{(operation|machine|table):([^"}]*)\}"/g;
/** Characters of the table's name: more only where CloudFormation makes it of a very long name of a stack. */
const longestTable = 64;

/** The bytes that the JSON of a machine, or of a part of it, has at most once it is deployed. */
export function deployedBytes(json: string, pipeline: string): number {
  let bytes = Buffer.byteLength(json);
  for (const [{ length }, kind, id = ''] of json.matchAll(placeholder)) {
    const longest =
      kind === 'operation' ? longestFunctionArn(pipeline, id) : kind === 'machine' ? longestMachineArn : longestTable;
    bytes += longest + 2 - length;
  }
  return bytes;
}

/** The bytes of the largest of a pipeline's machines. */
export function largestMachine({ definition, shards = [], pipeline }: Machines): number {
  return Math.max(...[definition, ...shards].map((machine) => deployedBytes(JSON.stringify(machine), pipeline.id)));
}

type Machines = Pick<PipelineArtifact, 'definition' | 'pipeline'> & {
  readonly shards?: readonly PipelineArtifact['definition'][];
};
