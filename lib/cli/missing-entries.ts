/** Handlers that are not there: found where a pipeline is loaded, before anything is compiled or bundled. */
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import type { Diagnostic } from '../errors.ts';
import type { OperationIr, PipelineIr } from '../ir/nodes.ts';
import { isContainer, isLambda } from '../ir/operations.ts';
import { nearName } from './suggest.ts';

const sourceFile = /\.[cm]?[jt]sx?$/;

/** What stands at a path. */
function kindOf(path: string): 'file' | 'folder' | undefined {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'file';
  } catch {
    // Not there, not readable, or no path at all: no handler can be read from it.
    return undefined;
  }
}

/** A path as a contract writes it: from the file that declares it. */
function asWritten(path: string, from: string): string {
  const near = relative(dirname(from), path);
  return near.startsWith('.') ? near : `./${near}`;
}

function hintFor(path: string, { source }: OperationIr): string {
  const folder = dirname(path);
  if (kindOf(folder) !== 'folder') return `there is no folder "${asWritten(folder, source.file)}"`;
  const files = readdirSync(folder).filter((name) => sourceFile.test(name));
  const near = nearName(basename(path), files);
  if (near !== undefined) return `did you mean "${asWritten(join(folder, near), source.file)}"?`;
  const paths = files.map((name) => asWritten(join(folder, name), source.file));
  const shown = paths.slice(0, 8).join(', ');
  const rest = paths.length > 8 ? ` and ${paths.length - 8} more` : '';
  return paths.length === 0
    ? 'write the file, with "export const handler = …"'
    : `write the file, or name one of ${shown}${rest}`;
}

/** Files that an operation names, by what they are. */
function filesOf(operation: OperationIr): readonly (readonly [what: string, file: string])[] {
  if (isLambda(operation)) return [['entry', operation.entry]];
  if (isContainer(operation)) return [];
  return operation.standIn === undefined ? [] : [['local', operation.standIn]];
}

/** A mistake for each operation that names a file which is none, at the place of its contract. */
export function missingEntries(pipeline: PipelineIr): readonly Diagnostic[] {
  return Object.values(pipeline.operations).flatMap((operation) =>
    filesOf(operation).flatMap(([what, file]): readonly Diagnostic[] => {
      const { id, source } = operation;
      const kind = kindOf(file);
      if (kind === 'file') return [];
      const path = asWritten(file, source.file);
      const name = what === 'entry' ? 'entry' : 'stand-in';
      return [
        {
          code: 'BS1115',
          severity: 'error',
          message:
            kind === 'folder'
              ? `the ${name} of operation "${id}" is a folder: "${path}"`
              : `the ${name} file of operation "${id}" does not exist: "${path}"`,
          path: [pipeline.id, 'operations', id, what],
          source,
          hint: kind === 'folder' ? 'name the file that exports the handler' : hintFor(file, operation),
        },
      ];
    }),
  );
}
