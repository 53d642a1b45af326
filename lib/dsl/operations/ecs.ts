/**
 * `ecs`: a container that runs on Fargate from start to end. Its input and output are objects in S3, whose places stand
 * in its environment; what it leaves is checked as any other output is.
 */
import * as z from 'zod';
import type { JsonOnly, Schema } from '../schemas.ts';
import { type Contract, kindInterface, type Operation, type OperationKind, operationOf } from './kind.ts';
import { filePath } from './settings.ts';

const words = z.array(z.string().max(4_096)).min(1, 'name a program').max(100);

const settings = z
  .strictObject({
    image: z.string().min(1).max(512).optional(),
    asset: filePath.optional(),
    cpu: z.int().default(256),
    memory: z.int().default(512),
    architecture: z.enum(['arm64', 'x86_64']).default('x86_64'),
    command: words.optional(),
    environment: z
      .record(
        z
          .string()
          .regex(
            /^(?!BUNSUI_|AWS_)[A-Za-z_][A-Za-z0-9_]*$/,
            'names of variables are letters, digits and _, and do not begin with BUNSUI_ or AWS_',
          ),
        z.string().max(4_096),
      )
      .default({}),
    storage: z.int().min(21).max(200).optional(),
    cluster: z
      .string()
      .regex(/^arn:aws[a-z-]*:ecs:[a-z0-9-]+:\d{12}:cluster\/[A-Za-z0-9_-]{1,255}$/, 'give the ARN of a cluster')
      .optional(),
    network: z
      .strictObject({
        subnets: z
          .array(z.string().regex(/^subnet-[0-9a-f]+$/, 'give ids of subnets: subnet-0a1b2c3d'))
          .min(1)
          .max(16),
        securityGroups: z
          .array(z.string().regex(/^sg-[0-9a-f]+$/, 'give ids of security groups: sg-0a1b2c3d'))
          .min(1)
          .max(5),
        publicIp: z.boolean().default(false),
      })
      .optional(),
    local: words.optional(),
  })
  .refine(({ image, asset }) => (image === undefined) !== (asset === undefined), {
    path: ['image'],
    error: 'give either an image by its address, or as `asset` the folder of its Dockerfile',
  });

/** What `ecs` is given. */
export interface EcsContract<I, O> extends Contract<I, O> {
  /** Address of an image: `public.ecr.aws/docker/library/python:3.13`. */
  readonly image?: string;
  /** Folder of a Dockerfile, relative to the file that declares the contract: built and pushed when it is deployed. */
  readonly asset?: string;
  /** 1,024 is one CPU. @default 256 */
  readonly cpu?: number;
  /** MiB. @default 512 */
  readonly memory?: number;
  /** @default "x86_64" */
  readonly architecture?: 'arm64' | 'x86_64';
  /** @default what the image says */
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** GiB of its own disk, 21 to 200. @default 20 */
  readonly storage?: number;
  /** ARN of a cluster. @default one of the pipeline's own */
  readonly cluster?: string;
  /** Where it stands. It must reach S3 and the registry. @default where the pipeline's functions stand */
  readonly network?: {
    readonly subnets: readonly string[];
    readonly securityGroups: readonly string[];
    /** @default false */
    readonly publicIp?: boolean;
  };
  /** A program with its arguments, which runs in the container's place on a laptop, in the folder of the contract's file. @default a job of it fails there */
  readonly local?: readonly string[];
}

export const ecsKind = {
  interface: kindInterface,
  kind: 'ecs',
  icon: '▣',
  summary: 'a container that runs on Fargate',
  settings,
  lower(given: z.output<typeof settings>, { resolve }) {
    const {
      image,
      asset = '',
      cpu,
      memory,
      architecture,
      command,
      environment,
      storage,
      cluster,
      network,
      local,
    } = given;
    return {
      container: {
        image: image === undefined ? { folder: resolve(asset) } : { address: image },
        cpu,
        memoryMiB: memory,
        architecture: architecture === 'arm64' ? 'ARM64' : 'X86_64',
        environment,
        ...(command === undefined ? {} : { command }),
        ...(storage === undefined ? {} : { storageGiB: storage }),
        ...(cluster === undefined ? {} : { cluster }),
        ...(network === undefined ? {} : { network }),
      },
      ...(local === undefined ? {} : { command: { words: local, folder: resolve('.') } }),
    };
  },
} satisfies OperationKind;

/**
 * Declares an operation that runs a container on Fargate.
 *
 * @example
 * export const train = ecs('train', {
 *   asset: './train',
 *   cpu: 1024,
 *   memory: 2048,
 *   input: z.object({ month: z.string() }),
 *   output: z.object({ model: z.string(), auc: z.number() }),
 *   timeout: '2h',
 *   local: ['python3', 'train/main.py'],
 * });
 */
export function ecs<I extends Schema, O extends Schema>(
  id: string,
  contract: EcsContract<I, O & JsonOnly<z.output<O>>>,
): Operation<I, O> {
  return operationOf(ecsKind, id, contract as EcsContract<I, O>);
}
