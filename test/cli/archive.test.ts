/** A job that copies between stores, on the command line: from the local S3 to a server that speaks Azure's protocol. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BlobServiceClient } from '@azure/storage-blob';
import { expect, it, onTestFinished } from 'vitest';
import { azurite } from '../storage/servers.ts';
import { bunsui } from './command-line.ts';

const archive = fileURLToPath(new URL('./archive/archive.ts', import.meta.url));
const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

it('copies with a secret that nothing tells', { timeout: 400_000 }, async ({ skip }) => {
  const server = await azurite();
  if (!('port' in server)) return skip(server.why);
  onTestFinished(() => server.stop());
  const folder = mkdtempSync(join(tmpdir(), 'bunsui-archive-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const connection = `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${key};BlobEndpoint=http://127.0.0.1:${server.port}/devstoreaccount1;`;
  const container = await BlobServiceClient.fromConnectionString(connection).createContainer('archive');
  writeFileSync(join(folder, '.bunsui-secrets'), `archive/connection=${connection}\n`, { mode: 0o600 });

  const ran = await bunsui(['run', archive, '-p', 'objects=7', '--json'], { cwd: folder });
  expect([ran.code, ran.err]).toStrictEqual([0, expect.any(String)]);
  const shown = JSON.parse((await bunsui(['session', 'show', 'latest', '--json'], { cwd: folder })).out);
  expect(shown.output).toStrictEqual({ objects: 7, bytes: 56 });

  const blobs: string[] = [];
  for await (const { name } of container.containerClient.listBlobsFlat()) blobs.push(name);
  expect(blobs).toStrictEqual(Array.from({ length: 7 }, (_, index) => `shop/monday/${index}.txt`));
  const third = await container.containerClient.getBlobClient('shop/monday/3.txt').downloadToBuffer();
  expect(third.toString()).toBe('object 3');

  // The key of the emulator stands in Azure's SDK, which the bundle has.
  const state = join(folder, '.bunsui');
  const files = readdirSync(state, { recursive: true, encoding: 'utf8' }).map((name) => join(state, name));
  const leaking = files.filter(
    (file) => !file.endsWith('.mjs') && statSync(file).isFile() && readFileSync(file).includes(key),
  );
  expect([leaking, `${ran.out}${ran.err}`.includes(key)]).toStrictEqual([[], false]);
});
