/** The check of maps over S3: what Step Functions would refuse, and what their records cannot be. */
import type { Diagnostic } from '../errors.ts';
import type { Expression } from './expressions.ts';
import { mistake, type Path } from './mistake.ts';
import { csvDelimiters, type JsonSchema, type MapS3Ir, type PipelineIr, recordFormats } from './nodes.ts';
import { alternatives } from './shapes.ts';
import { innerScopes, placedNodes, type PlacedNode } from './walk.ts';

/** @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
const bucketName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const longestKey = 1_024;
/** @see https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html */
const mostBatchBytes = 262_144;
const mostRecords = 100_000_000;

/** What is known of one node without what stands around it. */
export function checkMapS3({ id: pipeline }: PipelineIr, node: MapS3Ir): readonly Diagnostic[] {
  const { id, source, reader, batch, tolerate, results, concurrency } = node;
  const wrong = (place: string, found: string, hint: string) =>
    mistake('BS1127', `mapS3 "${id}" ${found}`, [pipeline, id, ...place.split('.')], source, hint);
  const isCount = (value: number, most: number) => Number.isInteger(value) && value >= 1 && value <= most;
  const rules: readonly (readonly [fine: boolean, place: string, found: string, hint: string])[] = [
    [
      recordFormats.includes(reader.format),
      'format',
      `reads ${JSON.stringify(reader.format)}`,
      `give one of ${recordFormats.map((one) => `"${one}"`).join(', ')}`,
    ],
    [
      reader.format !== 'objects' || reader.by === 'prefix',
      'key',
      'lists objects by a key',
      'give { prefix }: a listing has a beginning of keys',
    ],
    [
      reader.format !== 'manifest' || reader.by === 'key',
      'prefix',
      'reads a manifest by a prefix',
      'give { key }: that of the manifest.json of an inventory',
    ],
    [
      reader.limit === undefined || isCount(reader.limit, mostRecords),
      'limit',
      `reads at most ${reader.limit} records`,
      `give a whole number from 1 to ${mostRecords}, or leave limit out for all`,
    ],
    [
      reader.delimiter === undefined || csvDelimiters.includes(reader.delimiter),
      'delimiter',
      `has its columns apart by ${JSON.stringify(reader.delimiter)}`,
      `give one of ${csvDelimiters.map((one) => `"${one}"`).join(', ')}`,
    ],
    [
      reader.columns === undefined ||
        (reader.columns.length > 0 && new Set(reader.columns).size === reader.columns.length),
      'columns',
      'has no columns, or two of one name',
      'name each column once, in the order of the file',
    ],
    [
      reader.pointer === undefined || reader.pointer === '' || reader.pointer.startsWith('/'),
      'pointer',
      `looks for its list at ${JSON.stringify(reader.pointer)}`,
      'write a pointer as "/data/rows"',
    ],
    [
      Number.isInteger(concurrency) && concurrency >= 0 && concurrency <= 10_000,
      'concurrency',
      `runs ${concurrency} at once`,
      'give a whole number from 1 to 10000, or leave it out for as many as Step Functions runs',
    ],
    [
      batch === undefined || batch.items !== undefined || batch.bytes !== undefined,
      'batch',
      'has batches of no size',
      'give { items }, { bytes } or both',
    ],
    [
      batch?.items === undefined || isCount(batch.items, mostRecords),
      'batch.items',
      `has batches of ${batch?.items} records`,
      'give a whole number from 1',
    ],
    [
      batch?.bytes === undefined || isCount(batch.bytes, mostBatchBytes),
      'batch.bytes',
      `has batches of ${batch?.bytes} bytes`,
      `give a whole number from 1 to ${mostBatchBytes}: an execution is given no more`,
    ],
    [
      tolerate === undefined || tolerate.count !== undefined || tolerate.share !== undefined,
      'tolerate',
      'tolerates nothing in particular',
      'give { count }, { share } or both, or leave tolerate out: then the first failure fails it',
    ],
    [
      tolerate?.count === undefined || (Number.isInteger(tolerate.count) && tolerate.count >= 0),
      'tolerate.count',
      `tolerates ${tolerate?.count} failures`,
      'give a whole number from 0',
    ],
    [
      tolerate?.share === undefined || (tolerate.share >= 0 && tolerate.share <= 1),
      'tolerate.share',
      `tolerates a share of ${tolerate?.share}`,
      'give a number from 0 to 1: 0.01 is one of a hundred',
    ],
  ];
  return [
    ...rules.filter(([fine]) => !fine).map(([, place, found, hint]) => wrong(place, found, hint)),
    ...bucketMistakes(wrong, reader.bucket, reader.buckets, 'bucket'),
    ...bucketMistakes(wrong, results?.bucket, results?.buckets, 'results.bucket'),
    ...keyMistakes(wrong, reader.at, reader.by, reader.by === 'key'),
    ...keyMistakes(wrong, results?.prefix, 'results.prefix', false),
    ...recordMistakes(wrong, node),
  ];
}

type Wrong = (place: string, found: string, hint: string) => Diagnostic;

/** The state machine is allowed the buckets that are named, and no others. */
function bucketMistakes(
  wrong: Wrong,
  bucket: Expression | undefined,
  buckets: readonly string[] | undefined,
  place: string,
): readonly Diagnostic[] {
  const bad = (buckets ?? []).find((name) => !bucketName.test(name));
  if (bad !== undefined)
    return [
      wrong(`${place}s`, `names the bucket ${JSON.stringify(bad)}`, 'write names of buckets as S3 has them, no ARNs'),
    ];
  if (bucket === undefined) return [];
  if (bucket.kind !== 'literal')
    return buckets !== undefined && buckets.length > 0
      ? []
      : [
          wrong(
            place,
            'learns the name of its bucket only when it runs',
            `say which it may be, { ${place.split('.').at(-1)}s: ["…"] }: the state machine is allowed these and no others`,
          ),
        ];
  return typeof bucket.value === 'string' && bucketName.test(bucket.value)
    ? []
    : [wrong(place, `names the bucket ${JSON.stringify(bucket.value)}`, 'write the name as S3 has it, no ARN')];
}

function keyMistakes(
  wrong: Wrong,
  at: Expression | undefined,
  place: string,
  isNeeded: boolean,
): readonly Diagnostic[] {
  if (at?.kind !== 'literal' || typeof at.value !== 'string') return [];
  if (isNeeded && at.value === '') return [wrong(place, 'reads an object without a key', 'give the key of an object')];
  const bytes = new TextEncoder().encode(at.value).length;
  if (bytes > longestKey)
    return [wrong(place, `has a ${place} of ${bytes} bytes`, `S3 takes ${longestKey} bytes in a key`)];
  // It becomes part of a policy, where these would stand for any text.
  return /[*?]|\$\{/.test(at.value)
    ? [
        wrong(
          place,
          `has the ${place} ${JSON.stringify(at.value)}`,
          'keys are no patterns: "*", "?" and "${" are not allowed',
        ),
      ]
    : [];
}

const allText = (schema: JsonSchema): boolean => alternatives(schema).every(({ type }) => type === 'string');

function recordMistakes(wrong: Wrong, node: MapS3Ir): readonly Diagnostic[] {
  const { reader, item, batch } = node;
  const forms = alternatives(item);
  if (batch !== undefined && forms.some(({ type }) => type === 'array'))
    return [
      wrong('item', 'has batches of records that are lists', 'take records that are objects or values, or no batches'),
    ];
  if (reader.format !== 'csv') return [];
  if (forms.some(({ type }) => type !== undefined && type !== 'object'))
    return [wrong('item', 'reads rows of CSV, which are objects', 'give z.object({ column: z.string() })')];
  const other = forms
    .flatMap(({ properties = {}, $defs }) =>
      Object.entries(properties as { readonly [name: string]: JsonSchema }).map(
        ([name, schema]) => [name, $defs === undefined ? schema : { ...schema, $defs }] as const,
      ),
    )
    .find(([, schema]) => !allText(schema));
  if (other !== undefined)
    return [
      wrong(
        `item.${other[0]}`,
        `reads CSV, whose fields are text, and "${other[0]}" is not`,
        `write ${other[0]}: z.string(), and z.coerce.number() or the like in the input of the operation`,
      ),
    ];
  const { columns } = reader;
  const missing = forms
    .flatMap(({ required }) => (Array.isArray(required) ? (required as readonly string[]) : []))
    .find((name) => columns !== undefined && !columns.includes(name));
  return missing === undefined
    ? []
    : [wrong('columns', `has records with "${missing}", which is none of its columns`, `add "${missing}" to columns`)];
}

/** What may not stand around a map over S3, nor in it. */
export function checkMapS3Place(pipeline: PipelineIr, { node, scope }: PlacedNode): readonly Diagnostic[] {
  if (node.kind !== 'mapS3') return [];
  const path: Path = [pipeline.id, node.id];
  const around = scope.find(({ part }) => part === 'body');
  const inside = innerScopes(node).flatMap(({ scope: inner }) => placedNodes(inner));
  const approval = inside.find((one) => one.node.kind === 'approval')?.node;
  return [
    ...(around === undefined
      ? []
      : [
          mistake(
            'BS1127',
            `mapS3 "${node.id}" stands in "${around.node}", which repeats it`,
            path,
            node.source,
            'write it beside the map or loop: its records may come from many objects, { prefix } reads them all',
          ),
        ]),
    ...(inside.length === 0
      ? [
          mistake(
            'BS1127',
            `mapS3 "${node.id}" does nothing with its records`,
            path,
            node.source,
            'write a job in its body: (record, q) => q.job(…)',
          ),
        ]
      : []),
    ...(approval === undefined
      ? []
      : [
          mistake(
            'BS1127',
            `"${approval.id}" asks a person, for every record of mapS3 "${node.id}"`,
            [pipeline.id, approval.id],
            approval.source,
            'ask once, before or after the map',
          ),
        ]),
  ];
}
