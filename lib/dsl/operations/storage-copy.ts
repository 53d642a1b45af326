/**
 * `storageCopy`: copies objects from one store to another: S3, Google Cloud Storage, Azure Blob Storage. bunsui has the
 * handler; the addresses stand in the contract, so that the function is allowed these and nothing else.
 */
import * as z from 'zod';
import type { StatementIr } from '../../ir/nodes.ts';
import {
  type Contract,
  type HandlerParts,
  kindInterface,
  type Operation,
  type OperationKind,
  operationOf,
} from './kind.ts';

/** What a job that copies is given. Credentials as `bunsui/storage` takes them; what S3 asks for is the function's role. */
export const copyInput = z.object({
  /** What the keys begin with that are copied. */
  prefix: z.string().default(''),
  fromCredentials: z.string().optional(),
  toCredentials: z.string().optional(),
});
export const copyOutput = z.object({ objects: z.int(), bytes: z.int() });

/** The variable that tells the handler what it copies: a `CopySettings` as JSON. */
export const copyVariable = 'BUNSUI_STORAGE_COPY';

const address = z.string().regex(/^(s3|gs|az):\/\/[a-z0-9$][a-z0-9._-]*(\/[^?#\\*]*)?$/, {
  error: 'give the address of a store: s3://bucket/prefix, gs://bucket/prefix or az://container/prefix',
});
const settings = z.strictObject({
  from: address,
  to: address,
  concurrency: z.int().min(1).max(64).default(4),
  memory: z.int().min(128).max(10_240).default(512),
});

/** What the handler is told. */
export interface CopySettings {
  readonly operation: string;
  readonly from: string;
  readonly to: string;
  readonly concurrency: number;
}

/** What `storageCopy` is given. */
export interface StorageCopyContract
  extends Pick<Contract<unknown, unknown>, 'description' | 'retry' | 'reuse' | 'timeout'> {
  /** `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`. */
  readonly from: string;
  readonly to: string;
  /** Objects at once, 1 to 64. @default 4 */
  readonly concurrency?: number;
  /** Memory of the function in MiB. @default 512 */
  readonly memory?: number;
}

const wildcard = 'objects are made after the policy: the prefix of their keys is as narrow as it can name them';

/** What the function does with a store in S3. */
function statements(store: string, does: 'reads' | 'writes'): readonly StatementIr[] {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)\/?(.*?)\/?$/.exec(store) ?? [];
  if (bucket === undefined) return [];
  const arn = `arn:\${AWS::Partition}:s3:::${bucket}`;
  const keys = prefix === '' ? '*' : `${prefix}/*`;
  const objects = { resources: [`${arn}/${keys}`], wildcard };
  if (does === 'writes') return [{ actions: ['s3:PutObject', 's3:AbortMultipartUpload'], ...objects }];
  const conditions = { StringLike: { 's3:prefix': [keys] } };
  return [
    { actions: ['s3:ListBucket'], resources: [arn], conditions },
    { actions: ['s3:GetObject'], ...objects },
  ];
}

/** The handler's own file, beside this one: its source where this is source. */
function handlerFile(): string {
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const { pathname } = new URL(`../../storage/copy-job.${ending}`, import.meta.url);
  return decodeURIComponent(pathname).replace(/^\/(?=[A-Za-z]:)/, '');
}

export const storageCopyKind = {
  interface: kindInterface,
  kind: 'storageCopy',
  icon: '⇉',
  summary: 'copies objects between S3, Google Cloud Storage and Azure Blob Storage',
  settings,
  lower({ from, to, concurrency, memory }: z.output<typeof settings>, { id }): { readonly handler: HandlerParts } {
    const told: CopySettings = { operation: id, from, to, concurrency };
    return {
      handler: {
        entry: handlerFile(),
        memoryMiB: memory,
        environment: { [copyVariable]: JSON.stringify(told) },
        // The longest that a function may take: how much there is, nobody knows.
        defaultTimeoutSeconds: 900,
        statements: [...statements(from, 'reads'), ...statements(to, 'writes')],
      },
    };
  },
} satisfies OperationKind;

/**
 * Declares an operation that copies all objects of a store, or those whose keys begin with the `prefix` that the job
 * gives, to another one, by the same keys. What it copies over is replaced; it fails with the first object that cannot be
 * copied, and tried again it copies all anew. A rerun never takes an earlier copy for a new one.
 *
 * @example
 * export const archive = storageCopy('archive', { from: 's3://lake/exports', to: 'gs://archive' });
 * p.job('archive', archive, { prefix: tpl`${input.day}/`, toCredentials: secret('archive/key') });
 */
export function storageCopy(id: string, contract: StorageCopyContract): Operation<typeof copyInput, typeof copyOutput> {
  const whole = { reuse: 'never', ...contract, input: copyInput, output: copyOutput } as const;
  return operationOf(storageCopyKind, id, whole);
}
