/**
 * Manifests: objects that name the objects in which the items of a distributed Map are. S3 Inventory writes one as JSON,
 * with the columns of its lists; Athena's UNLOAD writes a list of addresses, `s3://BUCKET/KEY`.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
 */
import type { Json } from './definition.ts';
import { type ItemFormat, ItemsUnreadable } from './item-formats.ts';

/** An object that holds items, and how to read it. */
export interface DataFile {
  readonly bucket: string;
  readonly key: string;
  readonly format: ItemFormat;
}

/** The objects that an object names; undefined when it holds the items itself. @throws {ItemsUnreadable} */
export function dataFilesOf(text: string, format: ItemFormat): readonly DataFile[] | undefined {
  if (format.InputType === 'MANIFEST' || format.ManifestType === 'S3_INVENTORY') return inventoryFiles(text);
  return format.ManifestType === 'ATHENA_DATA' ? athenaFiles(text, format) : undefined;
}

function inventoryFiles(text: string): readonly DataFile[] {
  const manifest = objectIn(text);
  const { fileFormat, fileSchema, destinationBucket, files } = manifest;
  if (fileFormat !== 'CSV') {
    const found = JSON.stringify(fileFormat);
    throw new ItemsUnreadable(`The inventory must have the fileFormat CSV but has ${found}.`);
  }
  const bucket = typeof destinationBucket === 'string' ? destinationBucket.split(':').at(-1) : undefined;
  if (typeof fileSchema !== 'string' || bucket === undefined || !Array.isArray(files)) {
    throw new ItemsUnreadable('The manifest of an inventory must have fileSchema, destinationBucket and files.');
  }
  const CSVHeaders = fileSchema.split(',').map((column) => column.trim());
  const format: ItemFormat = { InputType: 'CSV', CSVHeaderLocation: 'GIVEN', CSVHeaders };
  return (files as readonly Json[]).map((file) => {
    const key = typeof file === 'object' && file !== null && 'key' in file ? file.key : undefined;
    if (typeof key !== 'string') throw new ItemsUnreadable('Each file of the manifest must have a key.');
    return { bucket, key, format };
  });
}

function objectIn(text: string): { readonly [field: string]: Json } {
  let manifest: Json;
  try {
    manifest = JSON.parse(text) as Json;
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new ItemsUnreadable(`The manifest is not valid JSON: ${why}`);
  }
  if (typeof manifest === 'object' && manifest !== null && !Array.isArray(manifest)) {
    return manifest as { readonly [field: string]: Json };
  }
  throw new ItemsUnreadable('The manifest must be a JSON object.');
}

function athenaFiles(text: string, { ManifestType: _, ...format }: ItemFormat): readonly DataFile[] {
  return text.split('\n').flatMap((line) => {
    const address = line.trim();
    if (address === '') return [];
    const [, bucket, key] = /^"?s3:\/\/([^/]+)\/(.+?)"?$/.exec(address) ?? [];
    if (bucket === undefined || key === undefined) {
      throw new ItemsUnreadable(`The manifest must hold addresses such as s3://bucket/key but holds: ${address}`);
    }
    return { bucket, key, format };
  });
}
