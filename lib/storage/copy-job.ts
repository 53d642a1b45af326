/** The handler of operations of kind `storageCopy`: bundled and deployed as an author's would be. */
import { copyInput, copyOutput, type CopySettings, copyVariable } from '../dsl/operations/storage-copy.ts';
import { storage } from '../storage.ts';
import { type HandlerContext, wrapHandler } from '../wrapper/wrap-handler.ts';
import { copyObjects } from './copy.ts';
import type { StorageOptions } from './store.ts';

const { operation, from, to, concurrency } = JSON.parse(process.env[copyVariable] ?? '{}') as CopySettings;

interface Given {
  readonly prefix: string;
  readonly fromCredentials?: string;
  readonly toCredentials?: string;
}

export const handler = wrapHandler(
  { id: operation, input: copyInput, output: copyOutput },
  async ({ prefix, fromCredentials, toCredentials }: Given, { log, signal }: HandlerContext) => {
    const options = (credentials: string | undefined): StorageOptions =>
      credentials === undefined ? { signal } : { signal, credentials };
    const source = storage(from, options(fromCredentials));
    const target = storage(to, options(toCredentials));
    const copied = await copyObjects(source, target, {
      ...(prefix === '' ? {} : { prefix }),
      concurrency,
      onCopied: (key, bytes) => log.debug('copied', { key, bytes }),
    });
    log.info('copied all', { from, to, prefix, ...copied });
    return copied;
  },
);
