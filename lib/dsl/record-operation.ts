/** Records an operation: asks its kind what it becomes, and puts that into the pipeline as data. */
import type { SourcePosition } from '../errors.ts';
import type { OperationIr } from '../ir/nodes.ts';
import { factTarget, type JobFact } from '../ir/operations.ts';
import { type About, kindInterface, type Operation, type TaskParts } from './operations/kind.ts';
import { type Recording, read, retryOf, schemaOf, secondsOf } from './recording.ts';
import { type Ref, targetRef } from './refs.ts';
import type { Schema } from './schemas.ts';

type Path = readonly (string | number)[];

/** @param path of the job, where a mistake is about its using the operation */
export function recordOperation(
  recording: Recording,
  operation: Operation<Schema, Schema>,
  path: Path,
  source: SourcePosition,
): void {
  const known = recording.operations.get(operation.id);
  if (known?.operation === operation) return;
  const where = operation.source.line > 0 ? operation.source : source;
  if (known) {
    recording.report(
      'BS1103',
      `two operations are named "${operation.id}"`,
      path,
      where,
      `rename one of them; the other stands at ${known.ir.source.file}:${known.ir.source.line}`,
    );
    return;
  }
  recording.operations.set(operation.id, { operation, ir: lowered(recording, operation, where) });
}

function lowered(
  recording: Recording,
  { id, input, output, contract, definition }: Operation<Schema, Schema>,
  source: SourcePosition,
): OperationIr {
  const at = ['operations', id];
  const { description, retry, reuse, timeout, ...settings } = contract;
  const isKnown = isForThisDoor(recording, definition, id, source);
  const checked = isKnown ? checkedSettings(recording, definition, settings, at, source) : undefined;
  const base = {
    id,
    ...(description === undefined ? {} : { description }),
    source,
    input: schemaOf(recording, input, 'input', [...at, 'input'], source),
    output: schemaOf(recording, output, 'output', [...at, 'output'], source),
    ...(retry === undefined ? {} : { retry: retryOf(recording, retry, [...at, 'retry'], source) }),
    ...(reuse === undefined ? {} : { reuse }),
  };
  const seconds = timeout === undefined ? undefined : secondsOf(recording, timeout, [...at, 'timeout'], source);
  // What cannot be lowered is reported; nothing of the pipeline is compiled then.
  if (checked === undefined) return { ...base, ...nothing, kind: definition.kind };
  const made = definition.lower(checked as never, aboutOf(recording, id, source));
  if ('handler' in made) {
    const { entry, memoryMiB, environment, defaultTimeoutSeconds, statements = [] } = made.handler;
    return {
      ...{ ...base, kind: 'lambda', entry, timeoutSeconds: seconds ?? defaultTimeoutSeconds, memoryMiB, environment },
      ...(statements.length === 0 ? {} : { statements }),
    };
  }
  if ('container' in made) {
    const { container, command } = made;
    return {
      ...{ ...base, kind: definition.kind, icon: definition.icon, container },
      ...(seconds === undefined ? {} : { timeoutSeconds: seconds }),
      ...(command === undefined ? {} : { command }),
    };
  }
  const { resource, result = [], transient = [], statements, standIn, call } = made.task;
  return {
    ...base,
    kind: definition.kind,
    icon: definition.icon,
    task: { resource, arguments: argumentsOf(recording, made.task, at, source), result, transient },
    statements,
    ...(seconds === undefined ? {} : { timeoutSeconds: seconds }),
    ...(standIn === undefined ? {} : { standIn }),
    ...(call === undefined ? {} : { call }),
  };
}

const nothing = {
  icon: '?',
  task: { resource: '', arguments: { kind: 'literal', value: {} }, result: [], transient: [] },
  statements: [],
} as const;

function argumentsOf(recording: Recording, task: TaskParts, at: Path, source: SourcePosition) {
  return read(recording, task.arguments, [...at, 'arguments'], source);
}

/** A kind comes from a package of its own, and may have been made for another version. */
function isForThisDoor(
  recording: Recording,
  definition: Operation<Schema, Schema>['definition'],
  id: string,
  source: SourcePosition,
): boolean {
  if (definition.interface === kindInterface) return true;
  recording.report(
    'BS1141',
    `operation "${id}" is of kind "${definition.kind}", which was made for version ${definition.interface} of the interface for kinds, and this bunsui has version ${kindInterface}`,
    ['operations', id],
    source,
    definition.interface > kindInterface
      ? 'install a newer bunsui, or an older version of the package that the kind comes from'
      : 'install a newer version of the package that the kind comes from',
  );
  return false;
}

function checkedSettings(
  recording: Recording,
  { kind, settings: schema }: Operation<Schema, Schema>['definition'],
  settings: unknown,
  at: Path,
  source: SourcePosition,
): unknown {
  if (schema === undefined) return settings;
  const checked = (schema as StandardSchema)['~standard'].validate(settings);
  if (checked instanceof Promise) throw new TypeError(`the settings of kind "${kind}" are checked asynchronously`);
  if (checked.issues === undefined) return checked.value;
  for (const { message, path = [] } of checked.issues) {
    const within = path.map((part) => (typeof part === 'object' ? part.key : part) as string | number);
    const place = [...at, ...within];
    recording.report(
      'BS1140',
      `${place.join('.')}: ${message}`,
      place,
      source,
      `see what an operation of kind "${kind}" takes in docs/operations.md`,
    );
  }
  return undefined;
}

interface StandardSchema {
  readonly '~standard': {
    validate(value: unknown):
      | {
          readonly value?: unknown;
          readonly issues?: readonly {
            readonly message: string;
            readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[];
          }[];
        }
      | Promise<unknown>;
  };
}

function aboutOf({ owner }: Recording, id: string, source: SourcePosition): About {
  const fact = (name: JobFact) => targetRef(factTarget(name), owner);
  return {
    id,
    input: targetRef({ kind: 'input' }, owner) as About['input'],
    facts: {
      job: fact('job') as Ref<string>,
      execution: fact('execution') as Ref<string>,
      attempt: fact('attempt') as Ref<number>,
      unique: fact('unique') as Ref<string>,
    },
    resolve: (path) => resolvePath(path, source.file),
  };
}

/** A path is relative to the file that declares it. POSIX and Windows separators are both read. */
function resolvePath(path: string, declaredIn: string): string {
  if (/^(\/|[A-Za-z]:[\\/])/.test(path)) return path;
  const parts = declaredIn.split(/[\\/]/).slice(0, -1);
  for (const part of path.split(/[\\/]/)) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}
