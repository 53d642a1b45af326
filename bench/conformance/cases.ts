/** Recorded answers of AWS Step Functions: their shape, and reading a folder of them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from '../../lib/engine/ports.ts';

export type JsonObject = { readonly [key: string]: Json };

export interface RecordedTask {
  readonly state: string;
  readonly resourceType?: string;
  readonly submitted?: Json;
  readonly result: { readonly output?: Json; readonly error?: string; readonly cause?: Json; readonly event?: string };
}
export interface Row {
  readonly definition: Json;
  readonly input: Json;
  readonly expected: { readonly status: string; readonly output?: Json };
}
export interface Case {
  readonly id: string;
  readonly kind: string;
  readonly category: string;
  readonly definition: Json;
  readonly opaque?: readonly string[];
  readonly clock?: string;
  readonly input?: Json;
  readonly api?: string;
  readonly arguments?: JsonObject;
  readonly hasRole?: boolean;
  /** Of a case of validation, whether its definition is what was refused. */
  readonly definitionFault?: boolean;
  readonly type?: string;
  readonly queryLanguage?: string;
  /** Empty: there is no task at all. */
  readonly services?: readonly string[];
  readonly source: { readonly provenance: string; readonly file?: string };
  readonly resources?: {
    readonly s3Objects?: readonly { readonly key: string; readonly body: string }[];
    readonly lambdas?: readonly {
      readonly name: string;
      readonly arn: string;
      readonly behaviour: {
        readonly does: string;
        readonly value?: Json;
        readonly errorType?: string;
        readonly errorMessage?: string;
      };
    }[];
  };
  readonly execution?: { readonly arn: string; readonly name: string; readonly stateMachineArn: string };
  readonly tasks?: readonly RecordedTask[];
  readonly rows?: readonly Row[];
  readonly expected: {
    readonly status?: string;
    readonly output?: Json;
    readonly error?: Json;
    readonly cause?: Json;
    readonly events?: readonly JsonObject[];
    readonly unordered?: string;
    readonly response?: JsonObject;
    readonly accepted?: boolean;
    readonly variableReferences?: JsonObject;
  };
}
/** All cases of a folder, in the order of its files. Throws when it cannot be read. */
export function readCases(directory: string): readonly Case[] {
  const files = readdirSync(directory).filter((file) => file.endsWith('.json'));
  return files.sort().flatMap((file) => JSON.parse(readFileSync(join(directory, file), 'utf8')) as Case[]);
}
