/** Items that a distributed Map finds in several objects: those of a manifest, and those of a listing. */
import { describe, expect, test } from 'vitest';
import type { Json } from '../../lib/asl/definition.ts';
import { memoryObjects, run } from './machine.ts';

const inventory = {
  sourceBucket: 'source',
  destinationBucket: 'arn:aws:s3:::lists',
  version: '2016-11-30',
  fileFormat: 'CSV',
  fileSchema: 'Bucket, Key, Size',
  files: [{ key: 'data/1.csv', size: 40, MD5checksum: 'x' }, { key: 'data/2.csv' }],
};
const objects = memoryObjects({
  'manifest.json': JSON.stringify(inventory),
  'orc.json': JSON.stringify({ ...inventory, fileFormat: 'ORC' }),
  'bare.json': JSON.stringify({ fileFormat: 'CSV' }),
  'nameless.json': JSON.stringify({ ...inventory, files: [{}] }),
  'list.json': '[]',
  'data/1.csv': '"source","a.txt","1"\n"source","b ""c"".txt","2"\n',
  'data/2.csv': '"source","d.txt","3"\n',
  'rows-manifest.csv': 's3://lists/rows/1.jsonl\ns3://lists/rows/2.jsonl\n',
  'bad-manifest.csv': 'rows/1.jsonl\n',
  'rows/1.jsonl': '{"n":1}\n{"n":2}\n',
  'rows/2.jsonl': '{"n":3}\n',
});

const machine = (ItemReader: object) => ({
  QueryLanguage: 'JSONPath',
  StartAt: 'm',
  States: {
    m: {
      Type: 'Map',
      ItemReader,
      ItemProcessor: {
        ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
        StartAt: 'p',
        States: { p: { Type: 'Pass', End: true } },
      },
      End: true,
    },
  },
});
const getObject = (Key: string, ReaderConfig: object) => ({
  Resource: 'arn:aws:states:::s3:getObject',
  Parameters: { Bucket: 'lists', Key },
  ReaderConfig,
});
const inventoried = [
  { Bucket: 'source', Key: 'a.txt', Size: '1' },
  { Bucket: 'source', Key: 'b "c".txt', Size: '2' },
  { Bucket: 'source', Key: 'd.txt', Size: '3' },
];

describe('items', () => {
  test.each<readonly [string, object, Json]>([
    ['of an S3 inventory', getObject('manifest.json', { InputType: 'MANIFEST' }), inventoried],
    [
      'of an S3 inventory that is called one',
      getObject('manifest.json', { InputType: 'MANIFEST', ManifestType: 'S3_INVENTORY' }),
      inventoried,
    ],
    [
      'of an S3 inventory, not all of them',
      getObject('manifest.json', { InputType: 'MANIFEST', MaxItems: 2 }),
      inventoried.slice(0, 2),
    ],
    [
      'of the files of an Athena query',
      getObject('rows-manifest.csv', { InputType: 'JSONL', ManifestType: 'ATHENA_DATA' }),
      [{ n: 1 }, { n: 2 }, { n: 3 }],
    ],
    [
      'in the objects of a listing',
      {
        Resource: 'arn:aws:states:::s3:listObjectsV2',
        Parameters: { Bucket: 'lists', Prefix: 'rows/' },
        ReaderConfig: { InputType: 'JSONL', Transformation: 'LOAD_AND_FLATTEN', MaxItems: 2 },
      },
      [{ n: 1 }, { n: 2 }],
    ],
  ])('%s', async (_, reader, expected) => {
    const { outcome } = await run(machine(reader), {}, undefined, objects);
    expect(JSON.parse(outcome.output ?? '')).toStrictEqual(expected);
  });

  test.each<readonly [string, object, string]>([
    [
      'of another format',
      getObject('orc.json', { InputType: 'MANIFEST' }),
      'must have the fileFormat CSV but has "ORC"',
    ],
    ['without columns', getObject('bare.json', { InputType: 'MANIFEST' }), 'must have fileSchema, destinationBucket'],
    [
      'without keys',
      getObject('nameless.json', { InputType: 'MANIFEST' }),
      'Each file of the manifest must have a key.',
    ],
    ['that is a list', getObject('list.json', { InputType: 'MANIFEST' }), 'The manifest must be a JSON object.'],
    ['that is no JSON', getObject('data/1.csv', { InputType: 'MANIFEST' }), 'The manifest is not valid JSON'],
    [
      'without addresses',
      getObject('bad-manifest.csv', { InputType: 'JSONL', ManifestType: 'ATHENA_DATA' }),
      'must hold addresses such as s3://bucket/key but holds: rows/1.jsonl',
    ],
  ])('of a manifest %s fail the run', async (_, reader, cause) => {
    const { outcome } = await run(machine(reader), {}, undefined, objects);
    expect(outcome).toStrictEqual({
      status: 'FAILED',
      error: 'States.ItemReaderFailed',
      cause: expect.stringContaining(cause),
    });
  });
});
