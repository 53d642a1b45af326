/**
 * A map over S3: a distributed Map, whose iterations are executions with variables and an input of their own. What they
 * read from outside is handed to them, as it is to child machines; what they give lies in S3. A state after the Map asks
 * for its totals, because the Map itself says only where the results lie.
 *
 * An execution for one record has as its input what the states of any iteration have. One for a batch has
 * `{ BatchInput, Items: [{ index, value }] }`, which its first state brings into that form.
 *
 * Results: `maps/{pipeline}/{execution}/{node}/{id of the run}/manifest.json`, unless the author names another place.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
 */
import { platformBucketPlaceholder } from '../ir/artifact.ts';
import type { Expression, Json } from '../ir/expressions.ts';
import { labelOf } from '../ir/map-s3.ts';
import type { MapS3Ir, ReaderIr } from '../ir/nodes.ts';
import { innerScopes, placedNodes, refsWithin } from '../ir/walk.ts';
import { mapResultsPrefix, reservedInputKey } from '../storage-layout.ts';
import { type Emitter, type Exit, type Frame, noOverrides, noteOrigin, type State } from './emit-context.ts';
import { handedOn, leaving } from './emit-exits.ts';
import { handedAt, rootIdentity } from './emit-shard.ts';
import { assigned, printScope, resultValue } from './emit-values.ts';
import { inputId } from './inline-bytes.ts';
import { print, type PrintScope, quoted, template, text } from './jsonata.ts';
import { batchState, totalsState } from './names.ts';
import { ownerOf, readByResult, readersTargets } from './reads.ts';

/** Values of nodes outside that are read within a map over S3. */
export function readFromOutside(node: MapS3Ir): readonly string[] {
  const inside = new Set(placedNodes(node.body).map((placed) => placed.node.id));
  const read = innerScopes(node).flatMap(({ scope }) => [
    ...scope.nodes.flatMap((inner) => [...readersTargets(inner)]),
    ...readByResult(scope),
  ]);
  return [...new Set(read)].filter((id) => !inside.has(ownerOf(id))).sort();
}

/** Emits a map over S3. Its value is the totals of its run. */
export function emitMapS3(emitter: Emitter, node: MapS3Ir, frame: Frame, exit: Exit): void {
  const { home, variable } = emitter;
  const { id, batch, tolerate } = node;
  const here = printScope(emitter, noOverrides, frame.known);
  const handed = handedAt(batch === undefined ? 'Execution.Input' : 'Execution.Input.BatchInput');
  const given = handOver(emitter, node, frame, here);
  const inner: Frame = {
    ...frame,
    ...{ depth: frame.depth + 1, maps: [id], listed: false, identity: handed.identity, states: {} },
  };
  const outside = [inputId, ...readFromOutside(node)].map((name) => [name, home.get(name)] as const);
  for (const [name, where] of outside)
    if (name === inputId) home.set(name, handed.input);
    else if (where !== undefined) home.set(name, handed.value(variable(name, 0)));
  const { result } = node.body;
  const which = { scope: node.body, name: id, readOutside: readByResult(node.body) };
  const entry = emitter.emitScope(emitter, which, inner, {
    next: undefined,
    assign: () => ({}),
    output: (overrides) => (result === undefined ? {} : assigned(resultValue(emitter, overrides, result))),
  });
  for (const [name, where] of outside)
    if (where === undefined) home.delete(name);
    else home.set(name, where);

  const own = { item: '$states.context.Map.Item.Value', index: '$states.context.Map.Item.Index' };
  const run = variable(`${id}.run`, frame.depth);
  const most = tolerate?.share === undefined ? undefined : Number((tolerate.share * 100).toFixed(6));
  frame.states[id] = {
    Type: 'Map',
    Label: labelOf(emitter.pipeline, node),
    ItemReader: readerOf(node.reader, here),
    ItemSelector:
      batch === undefined
        ? { ...iterationOf(node, own), [reservedInputKey]: given }
        : { index: quoted(own.index), value: quoted(own.item) },
    ...(batch === undefined
      ? {}
      : {
          ItemBatcher: {
            ...(batch.items === undefined ? {} : { MaxItemsPerBatch: batch.items }),
            ...(batch.bytes === undefined ? {} : { MaxInputBytesPerBatch: batch.bytes }),
            BatchInput: { [reservedInputKey]: given },
          },
        }),
    ...(node.concurrency === 0 ? {} : { MaxConcurrency: node.concurrency }),
    ...(tolerate?.count === undefined ? {} : { ToleratedFailureCount: tolerate.count }),
    ...(most === undefined ? {} : { ToleratedFailurePercentage: most }),
    ItemProcessor: {
      ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
      StartAt: batch === undefined ? (entry ?? '') : batchState(id),
      States: { ...(batch === undefined ? {} : { [batchState(id)]: unpacked(node, entry ?? '') }), ...inner.states },
    },
    ResultWriter: writerOf(emitter, node, frame, here),
    Assign: { [run]: quoted('$states.result') },
    Output: handedOn(frame),
    Next: totalsState(id),
  };
  noteOrigin(emitter, id, 'map', node);
  if (batch !== undefined) noteOrigin(emitter, batchState(id), 'start', node);
  frame.states[totalsState(id)] = {
    Type: 'Task',
    Resource: 'arn:aws:states:::aws-sdk:sfn:describeMapRun',
    Arguments: { MapRunArn: quoted(`$${run}.MapRunArn`) },
    Retry: [
      { ErrorEquals: ['States.ALL'], IntervalSeconds: 2, MaxAttempts: 6, BackoffRate: 2, JitterStrategy: 'FULL' },
    ],
    ...leaving(emitter, exit, frame, new Map([[id, totalsIn(run)]])),
  };
  noteOrigin(emitter, totalsState(id), 'totals', node);
  home.set(id, `$${variable(id, frame.depth)}`);
}

/** The totals in the answer of the state that asks for them, as JSONata. */
function totalsIn(run: string): string {
  const counts = '$states.result.ItemCounts';
  const place = `$${run}.ResultWriterDetails`;
  const results = `{"bucket": ${place}.Bucket, "key": ${place}.Key}`;
  return `{"total": ${counts}.Total, "succeeded": ${counts}.Succeeded, "failed": ${counts}.Total - ${counts}.Succeeded, "results": ${results}}`;
}

/** What the executions are handed of the pipeline: whose they are, values of nodes, fields of the input. */
function handOver(emitter: Emitter, node: MapS3Ir, frame: Frame, here: PrintScope): Json {
  const { home, variable } = emitter;
  const values = readFromOutside(node).flatMap((id) => {
    const where = home.get(id);
    return where === undefined ? [] : [`${text(variable(id, 0))}: ${where}`];
  });
  const fields = inputReadWithin(node);
  const refTo = (path: readonly (string | number)[]): Expression => ({ kind: 'ref', target: { kind: 'input' }, path });
  const input = fields.includes(undefined)
    ? refTo([])
    : ({ kind: 'object', fields: Object.fromEntries(fields.map((field = '') => [field, refTo([field])])) } as const);
  return quoted(
    `{"root": ${rootIdentity(frame.identity)}, "values": {${values.join(', ')}}, "input": ${print(here, input)}}`,
  );
}

/** Fields of the pipeline's input that are read within a map over S3; undefined stands for all of it. */
function inputReadWithin(node: MapS3Ir): readonly (string | undefined)[] {
  const inside = innerScopes(node).flatMap(({ scope }) => scope.nodes.flatMap(refsWithin));
  const read = inside.filter(({ target }) => target.kind === 'input').map(({ path: [first] }) => first);
  return [...new Set(read.map((field) => (field === undefined ? undefined : String(field))))].sort();
}

/** What travels as the input of an execution's states. */
function iterationOf(node: MapS3Ir, own: { readonly item: string; readonly index: string }): State {
  const used = new Set(
    refsWithin(node).flatMap(({ target }) => ('map' in target ? [`${target.kind} ${target.map}`] : [])),
  );
  return {
    path: quoted(`${text(`${node.id}[`)} & $string(${own.index}) & "]"`),
    ...(used.has(`item ${node.id}`) ? { items: { [node.id]: quoted(own.item) } } : {}),
    ...(used.has(`index ${node.id}`) ? { indexes: { [node.id]: quoted(own.index) } } : {}),
  };
}

/** The first state of an execution for a batch: its records as a list, and the path of the first one. */
function unpacked(node: MapS3Ir, next: string): State {
  const own = { item: '[$states.input.Items.value]', index: '$states.input.Items[0].index' };
  return { Type: 'Pass', Output: iterationOf(node, own), Next: next };
}

function readerOf(reader: ReaderIr, here: PrintScope): Json {
  const { format, bucket, at, by, limit, columns, delimiter, pointer } = reader;
  const Bucket = bucket === undefined ? platformBucketPlaceholder : template(here, bucket);
  const file: State =
    format === 'objects'
      ? {}
      : {
          InputType: format.toUpperCase(),
          ...(by === 'prefix' ? { Transformation: 'LOAD_AND_FLATTEN' } : {}),
          ...(format === 'manifest' ? { ManifestType: 'S3_INVENTORY' } : {}),
          ...(format === 'csv' ? { CSVHeaderLocation: columns === undefined ? 'FIRST_ROW' : 'GIVEN' } : {}),
          ...(columns === undefined ? {} : { CSVHeaders: columns }),
          ...(delimiter === undefined ? {} : { CSVDelimiter: delimiter }),
          ...(pointer === undefined || pointer === '' ? {} : { ItemsPointer: pointer }),
        };
  const config: State = { ...file, ...(limit === undefined ? {} : { MaxItems: limit }) };
  return {
    Resource: `arn:aws:states:::s3:${by === 'prefix' ? 'listObjectsV2' : 'getObject'}`,
    ...(Object.keys(config).length === 0 ? {} : { ReaderConfig: config }),
    Arguments: { Bucket, [by === 'prefix' ? 'Prefix' : 'Key']: template(here, at) },
  };
}

/** Outputs as they are, a line each; what has failed is described with its error and input. */
function writerOf({ pipeline }: Emitter, { id, results }: MapS3Ir, { identity }: Frame, here: PrintScope): Json {
  const own = `${text(mapResultsPrefix(pipeline.id))} & $split($states.context.${identity.execution}, ":")[-1] & ${text(`/${id}`)}`;
  return {
    Resource: 'arn:aws:states:::s3:putObject',
    WriterConfig: { Transformation: 'COMPACT', OutputType: 'JSONL' },
    Arguments:
      results === undefined
        ? { Bucket: platformBucketPlaceholder, Prefix: quoted(own) }
        : { Bucket: template(here, results.bucket), Prefix: template(here, results.prefix) },
  };
}
