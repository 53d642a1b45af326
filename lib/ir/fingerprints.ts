/**
 * Fingerprints: what a job's result depends on, as one hash per job. Two runs of a job with the same fingerprint and
 * the same values of the pipeline's input may share a result.
 *
 * It covers the operation's contract, the code of its handler, the expressions of the job and of the branches and maps
 * around it, and the fingerprints of everything that ends before it. It does not cover names of jobs, places in files,
 * comments, order of fields, and how often and how long is tried (retry, timeout, memory, concurrency, schedules).
 */
import type { PipelineArtifact } from './artifact.ts';
import type { Expression, Json, RefExpression } from './expressions.ts';
import type { MapS3Ir, NodeIr, OperationIr, PipelineIr, ScopeIr } from './nodes.ts';
import { isContainer, isLambda } from './operations.ts';
import { innerScopes, inOrder, ownExpressions } from './walk.ts';

/** Raised when a fingerprint comes to stand for something else than before. */
const fingerprintVersion = 2;
const digits = 32;

/** Fingerprints of a job, 32 hexadecimal digits each. */
export interface Fingerprint {
  /** Everything the result depends on. */
  readonly all: string;
  /** The job alone: contract, code, expressions. Where only `all` differs, something before the job has changed. */
  readonly own: string;
}

export interface FingerprintOptions {
  /** Hexadecimal SHA-256 of a text. */
  readonly sha256: (text: string) => string;
  /** Hash of what the handler of an operation does, by the operation's id. */
  readonly code: ReadonlyMap<string, string>;
  /** Versions of the pipelines that are called, by their ids. @default none is called */
  readonly called?: ReadonlyMap<string, string>;
}

/** What is around a node: the conditions and lists that decide whether and for what it runs. */
interface Around {
  readonly hash: string;
  /** Maps, from the outside in. */
  readonly maps: readonly string[];
}

/** The fingerprints of all jobs, by id; those inside of branches and maps too. */
export function fingerprintsOf(pipeline: PipelineIr, options: FingerprintOptions): ReadonlyMap<string, Fingerprint> {
  const hash = (value: Json): string => options.sha256(JSON.stringify(sorted(value))).slice(0, digits);
  const jobs = new Map<string, Fingerprint>();
  /** By node: what who reads it or waits for it depends on. */
  const known = new Map<string, string>();

  const targetOf = ({ target, path }: RefExpression, { maps }: Around): Json => {
    switch (target.kind) {
      case 'input':
        return ['input', defaultsOf(pipeline.input as Json, path)];
      case 'node':
        return ['node', known.get(target.id) ?? ''];
      case 'failure':
        return ['failure', known.get(target.id) ?? ''];
      case 'item':
      case 'index':
      case 'state':
        return [target.kind, maps.indexOf(target.map)];
    }
  };
  const expressionsOf = (
    expressions: readonly (readonly [place: string, expression: Expression])[],
    around: Around,
  ) => {
    const targets: Json[] = [];
    const numbers = new Map<string, number>();
    const numberOf = (ref: RefExpression): number => {
      const key = JSON.stringify([ref.target, ref.target.kind === 'input' ? ref.path : null]);
      const number = numbers.get(key) ?? targets.length;
      if (number === targets.length) targets.push(targetOf(ref, around));
      numbers.set(key, number);
      return number;
    };
    const shapes = expressions.map(([place, expression]): Json => [place, shapeOfExpression(expression, numberOf)]);
    return { shapes, targets };
  };

  const visit = (node: NodeIr, around: Around): void => {
    const after = node.after.map((id) => known.get(id) ?? '').sort();
    const written = ownExpressions(node).map(({ place, expression }) => [place, expression] as const);
    // The condition of a loop looks at what its body gives.
    const here = node.kind === 'loop' ? { ...around, maps: [...around.maps, node.id] } : around;
    const { shapes, targets } = expressionsOf(written, here);
    if (node.kind === 'job') {
      const operation = pipeline.operations[node.operation];
      const code = options.code.get(node.operation) ?? '';
      const child = operation !== undefined && 'call' in operation ? operation.call?.pipeline : undefined;
      const version = child === undefined ? [] : [options.called?.get(child) ?? ''];
      const contract = operation === undefined ? null : contractOf(operation);
      const own = hash([fingerprintVersion, contract, code, shapes, ...version]);
      const all = hash([own, targets, after, around.hash]);
      jobs.set(node.id, { all, own });
      known.set(node.id, all);
      return;
    }
    if (node.kind === 'approval') {
      const { form, onReject, onTimeout } = node;
      const own = hash([fingerprintVersion, 'approval', form as Json, onReject, onTimeout, shapes]);
      const all = hash([own, targets, after, around.hash]);
      jobs.set(node.id, { all, own });
      known.set(node.id, all);
      return;
    }
    const records = node.kind === 'mapS3' ? [recordsOf(node)] : [];
    const condition = hash([node.kind, shapes, targets, after, around.hash, ...records]);
    const sides = innerScopes(node).map(({ part, scope }): Json => {
      const maps = part === 'body' ? [...around.maps, node.id] : around.maps;
      const inside: Around = { hash: hash([condition, part]), maps };
      visitScope(scope, inside);
      const result = expressionsOf(scope.result ? [['result', scope.result]] : [], inside);
      const nodes = scope.nodes.map(({ id }) => known.get(id) ?? '').sort();
      return [part, result.shapes, result.targets, nodes];
    });
    known.set(node.id, hash([condition, sides]));
  };
  const visitScope = (scope: ScopeIr, around: Around): void => {
    for (const node of inOrder(scope)) visit(node, around);
  };
  visitScope(pipeline.body, { hash: '', maps: [] });
  return jobs;
}

/**
 * The artifact with its fingerprints, and with a version that also stands for the code and for the versions of what is
 * called: the same definition with other handlers is another version. One that comes from the record of a version stays that version.
 */
export function withFingerprints(artifact: PipelineArtifact, options: FingerprintOptions): PipelineArtifact {
  const { pipeline, version } = artifact;
  const code = Object.keys(pipeline.operations)
    .sort()
    .map((id) => options.code.get(id) ?? '');
  const called = [...(options.called ?? [])].sort();
  const content = JSON.stringify([version, code, ...(called.length === 0 ? [] : [called])]);
  return {
    ...artifact,
    version: artifact.fingerprints ? version : options.sha256(content).slice(0, version.length),
    fingerprints: Object.fromEntries(fingerprintsOf(pipeline, options)),
  };
}

/** How a map over S3 reads its records. */
function recordsOf({ reader: { bucket: _, at: __, ...reader }, item, batch = {} }: MapS3Ir): Json {
  return [reader as unknown as Json, item as Json, batch];
}

/** What callers and operation agree on, and what a handler finds around it or a service is called with. */
function contractOf(operation: OperationIr): Json {
  const { id, kind, input, output } = operation;
  const common = { id, kind, input: input as Json, output: output as Json };
  if (isLambda(operation)) return { ...common, environment: operation.environment };
  if (isContainer(operation)) {
    const {
      cluster: _,
      network: __,
      cpu: ___,
      memoryMiB: ____,
      storageGiB: _____,
      image,
      ...container
    } = operation.container;
    // Where it is built from its folder, the code says what is in it.
    return { ...common, container, ...('address' in image ? { image: image.address } : {}) };
  }
  const { resource, arguments: given, result } = operation.task;
  return { ...common, resource, given: given as unknown as Json, result };
}

/** Values that are put in place of absent ones: those of the way to a value of the input, and all inside of it. */
function defaultsOf(input: Json, path: readonly (string | number)[]): Json {
  const defaults: Json[] = [];
  let schema = fieldsOf(input);
  for (const step of path) {
    const properties = fieldsOf(schema['properties']);
    // Lists, alternatives and references are not told apart: what is inside of them counts as a whole.
    if (!Object.hasOwn(properties, step)) break;
    defaults.push(schema['default'] ?? null);
    schema = fieldsOf(properties[step]);
  }
  defaults.push(defaultsWithin(schema));
  if (JSON.stringify(schema).includes('"$ref":')) defaults.push(defaultsWithin(input));
  return defaults;
}

/** The defaults of a schema, each at its place; null where there is none. */
function defaultsWithin(schema: Json | undefined): Json {
  const inner = Object.entries(fieldsOf(schema)).flatMap(([key, value]): readonly Json[] => {
    const found = key === 'default' ? value : defaultsWithin(value);
    return found === null && key !== 'default' ? [] : [[key, found]];
  });
  return inner.length === 0 ? null : Object.fromEntries(inner as (readonly [string, Json])[]);
}

/** The fields of an object, or the items of a list. */
function fieldsOf(value: Json | undefined): { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null ? (value as { readonly [name: string]: Json }) : {};
}

/** An expression with numbers in place of what its refs point at. */
function shapeOfExpression(expression: Expression, numberOf: (ref: RefExpression) => number): Json {
  switch (expression.kind) {
    case 'literal':
      return { literal: expression.value };
    case 'ref':
      return { ref: numberOf(expression), path: expression.path };
    case 'call':
      return { call: expression.name, of: expression.arguments.map((value) => shapeOfExpression(value, numberOf)) };
    case 'array':
      return { array: expression.items.map((value) => shapeOfExpression(value, numberOf)) };
    case 'object':
      return {
        object: Object.entries(expression.fields)
          .sort(byName)
          .map(([name, value]) => [name, shapeOfExpression(value, numberOf)]),
      };
  }
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

/** JSON with its keys in order. */
function sorted(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(
    Object.entries(value)
      .sort(byName)
      .map(([name, field]) => [name, sorted(field as Json)]),
  );
}
