/**
 * Makes `lib/local/service-models.json.gz`: what the services answer that tasks call through `aws-sdk`, from the models
 * that botocore carries (Apache-2.0). TestState checks mocked answers against it.
 *
 *   node bench/service-models.ts BOTOCORE_DATA_FOLDER
 *
 * The file at hand is made of botocore 1.43.11 (`pip install botocore==1.43.11`), and comes out the same again, to the
 * byte once it is unpacked. With another version, change it here and in NOTICE.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { ModelShape, ServiceModel } from '../lib/asl/service-model.ts';

/** Services that pipelines call; botocore's names of them. */
const services = [
  ...['athena', 'batch', 'bedrock-runtime', 'cloudformation', 'cloudwatch', 'codebuild', 'comprehend', 'databrew'],
  ...['dynamodb', 'ecs', 'emr', 'emr-serverless', 'events', 'firehose', 'glue', 'kinesis', 'kms', 'lambda', 'logs'],
  ...['rds-data', 'redshift-data', 's3', 'scheduler', 'secretsmanager', 'sesv2', 'sns', 'sqs', 'ssm', 'stepfunctions'],
  ...['sts', 'textract', 'timestream-query', 'transcribe', 'translate'],
];

interface RawShape {
  readonly type: string;
  readonly members?: { readonly [name: string]: { readonly shape: string } };
  readonly member?: { readonly shape: string };
  readonly value?: { readonly shape: string };
  readonly required?: readonly string[];
  readonly min?: number;
  readonly max?: number;
}
interface RawModel {
  readonly metadata: { readonly serviceId: string };
  readonly operations: { readonly [name: string]: { readonly output?: { readonly shape: string } } };
  readonly shapes: { readonly [name: string]: RawShape };
}

const types: { readonly [botocore: string]: ModelShape['type'] } = {
  structure: 'object',
  map: 'map',
  list: 'list',
  boolean: 'boolean',
  string: 'string',
  character: 'string',
  blob: 'string',
  integer: 'number',
  long: 'number',
  float: 'number',
  double: 'number',
  timestamp: 'time',
};

function typeOf(raw: RawShape): ModelShape['type'] {
  const type = types[raw.type];
  if (type === undefined) throw new Error(`botocore has a type that is not known here: ${raw.type}`);
  return type;
}

function compact(raw: RawShape): ModelShape {
  const { min, max, required = [], members, member, value } = raw;
  const inner = member ?? value;
  return {
    type: typeOf(raw),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(required.length === 0 ? {} : { required }),
    ...(inner === undefined ? {} : { of: inner.shape }),
    ...(members === undefined
      ? {}
      : { fields: Object.fromEntries(Object.entries(members).map(([name, { shape }]) => [name, shape])) }),
  };
}

function modelOf({ operations, shapes }: RawModel): ServiceModel {
  const kept: { [name: string]: ModelShape } = {};
  const keep = (name: string): void => {
    const raw = shapes[name];
    if (raw === undefined || kept[name] !== undefined) return;
    const shape = compact(raw);
    kept[name] = shape;
    for (const used of [...Object.values(shape.fields ?? {}), ...(shape.of === undefined ? [] : [shape.of])])
      keep(used);
  };
  const outputs = Object.entries(operations).flatMap(([name, { output }]) =>
    output === undefined ? [] : [[name, output.shape] as const],
  );
  for (const [, shape] of outputs) keep(shape);
  return { outputs: Object.fromEntries(outputs), shapes: kept };
}

function readModel(folder: string): RawModel {
  const file = join(folder, readdirSync(folder).sort().at(-1) ?? '', 'service-2.json');
  const packed = `${file}.gz`;
  const text = existsSync(packed) ? gunzipSync(readFileSync(packed)) : readFileSync(file);
  return JSON.parse(text.toString('utf8')) as RawModel;
}

const [data] = process.argv.slice(2);
if (data === undefined) {
  console.error(
    'service-models: name the folder of botocore, as in: service-models /usr/lib/python3/dist-packages/botocore/data',
  );
  process.exit(2);
}
const models = services.map((service) => {
  const model = readModel(join(data, service));
  return [model.metadata.serviceId.replaceAll(/\W/g, '').toLowerCase(), modelOf(model)] as const;
});
const target = fileURLToPath(new URL('../lib/local/service-models.json.gz', import.meta.url));
writeFileSync(target, gzipSync(JSON.stringify(Object.fromEntries(models)), { level: 9 }));
console.log(`${target}: ${models.length} services`);
