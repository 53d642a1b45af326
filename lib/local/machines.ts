/**
 * State machines as files: `.bunsui/machines/<name>.json` says what a machine is now, and each definition it ever had
 * stays under its hash, because executions end on the definition they began with.
 */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Definition } from '../asl/definition.ts';
import { type MachineType, validateDefinition } from '../asl/validate.ts';
import { BunsuiError } from '../errors.ts';
import { damagedFile, makeFolder, parseStored, readIfThere, safeFileName, writeFileAtomic } from './durable-files.ts';
import { sha256 } from '../request-signature.ts';

/** What a machine was when it was published. */
export interface MachineVersion {
  readonly arn: string;
  readonly definition: string;
  readonly roleArn: string;
  readonly revisionId: string;
  readonly createdAtMs: number;
  readonly description?: string;
}

/** A version that an alias names, and its share of the starts in per cent. */
export interface AliasRoute {
  readonly stateMachineVersionArn: string;
  readonly weight: number;
}

export interface MachineAlias {
  readonly name: string;
  readonly description?: string;
  readonly routes: readonly AliasRoute[];
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** A state machine. Times in milliseconds since the epoch. */
export interface Machine {
  readonly name: string;
  readonly arn: string;
  readonly roleArn: string;
  /** SHA-256 of the definition's text. */
  readonly definition: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  readonly revisionId: string;
  /** @default "STANDARD" */
  readonly type?: MachineType;
  /** The newest first. */
  readonly versions?: readonly MachineVersion[];
  /** Numbers of versions are not used again. */
  readonly lastVersion?: number;
  readonly aliases?: readonly MachineAlias[];
  /** As given, and checked. */
  readonly loggingConfiguration?: LoggingConfiguration;
  /** As given: it is kept and shown, and changes nothing here. */
  readonly tracingConfiguration?: unknown;
}

/** @see https://docs.aws.amazon.com/step-functions/latest/apireference/API_LoggingConfiguration.html */
export interface LoggingConfiguration {
  readonly level?: 'ALL' | 'ERROR' | 'FATAL' | 'OFF';
  readonly includeExecutionData?: boolean;
  readonly destinations?: readonly {
    readonly cloudWatchLogsLogGroup?: { readonly logGroupArn?: string };
  }[];
}

export interface MachineStore {
  find(name: string): Promise<Machine | undefined>;
  list(): Promise<readonly Machine[]>;
  /** Keeps a definition. @returns its hash. */
  saveDefinition(text: string): Promise<string>;
  save(machine: Machine): Promise<void>;
  remove(name: string): Promise<void>;
  definitionText(hash: string): Promise<string>;
  /** The definition, checked. */
  definition(hash: string): Promise<Definition>;
}

function parseMachine(path: string, text: string): Machine {
  return parseStored(path, text, 'move the file away and deploy the pipeline again') as Machine;
}

/** Opens the machines of a state folder. */
export function openMachineStore(stateDir: string): MachineStore {
  const folder = join(stateDir, 'machines');
  const definitions = join(folder, 'definitions');
  const parsed = new Map<string, Definition>();
  const fileOf = (name: string) => join(folder, `${safeFileName(name)}.json`);

  const definitionText = async (hash: string): Promise<string> => {
    const path = join(definitions, `${hash}.json`);
    const text = await readIfThere(path);
    if (text !== undefined && sha256(text) === hash) return text;
    const why = text === undefined ? 'the definition of a state machine is missing' : 'its checksum does not match';
    throw damagedFile(path, why, 'restore the file from a backup, or deploy the pipeline again as it was');
  };
  return {
    async find(name) {
      const text = await readIfThere(fileOf(name));
      return text === undefined ? undefined : parseMachine(fileOf(name), text);
    },
    async list() {
      const files = (await readdir(folder).catch(() => [])).filter((file) => /^[^.].*\.json$/.test(file));
      const paths = files.map((file) => join(folder, file));
      const texts = await Promise.all(paths.map(async (path) => [path, await readIfThere(path)] as const));
      const machines = texts.flatMap(([path, text]) => (text === undefined ? [] : [parseMachine(path, text)]));
      return machines.sort((a, b) => b.createdAtMs - a.createdAtMs || (a.name < b.name ? -1 : 1));
    },
    async saveDefinition(text) {
      const hash = sha256(text);
      const path = join(definitions, `${hash}.json`);
      const there = await stat(path).catch(() => undefined);
      if (there?.size !== Buffer.byteLength(text)) {
        await makeFolder(definitions);
        await writeFileAtomic(path, text);
      }
      return hash;
    },
    save: (machine) => writeFileAtomic(fileOf(machine.name), JSON.stringify(machine)),
    remove: (name) => rm(fileOf(name), { force: true }),
    definitionText,
    async definition(hash) {
      const known = parsed.get(hash);
      if (known !== undefined) return known;
      const result = validateDefinition(JSON.parse(await definitionText(hash)));
      if (!result.ok) {
        const [first] = result.diagnostics;
        throw new BunsuiError(
          'SessionError',
          'BS4003',
          `a stored definition is not valid any more: ${first?.message} at ${first?.location}`,
        );
      }
      // The definitions that are in use are few; a bound keeps it that way.
      if (parsed.size >= 64) parsed.clear();
      parsed.set(hash, result.definition);
      return result.definition;
    },
  };
}
