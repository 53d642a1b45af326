/**
 * State machines as files: `.bunsui/machines/<name>.json` says what a machine is now, and each definition it ever had
 * stays under its hash, because executions end on the definition they began with.
 */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Definition } from '../asl/definition.ts';
import { validateDefinition } from '../asl/validate.ts';
import { BunsuiError } from '../errors.ts';
import { makeFolder, readIfThere, safeFileName, writeFileAtomic } from './durable-files.ts';
import { sha256 } from './signature.ts';

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
  /** As given: they are kept and shown, and change nothing here. */
  readonly loggingConfiguration?: unknown;
  readonly tracingConfiguration?: unknown;
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

/** Opens the machines of a state folder. */
export function openMachineStore(stateDir: string): MachineStore {
  const folder = join(stateDir, 'machines');
  const definitions = join(folder, 'definitions');
  const parsed = new Map<string, Definition>();
  const fileOf = (name: string) => join(folder, `${safeFileName(name)}.json`);

  const definitionText = async (hash: string): Promise<string> => {
    const text = await readIfThere(join(definitions, `${hash}.json`));
    if (text !== undefined && sha256(text) === hash) return text;
    throw new BunsuiError('SessionError', 'BS4003', `the definition ${hash} of a state machine is missing or damaged`, {
      hint: 'deploy the pipeline again',
    });
  };
  return {
    async find(name) {
      const text = await readIfThere(fileOf(name));
      return text === undefined ? undefined : (JSON.parse(text) as Machine);
    },
    async list() {
      const files = (await readdir(folder).catch(() => [])).filter((file) => /^[^.].*\.json$/.test(file));
      const texts = await Promise.all(files.map((file) => readIfThere(join(folder, file))));
      const machines = texts.flatMap((text) => (text === undefined ? [] : [JSON.parse(text) as Machine]));
      return machines.sort((a, b) => b.createdAtMs - a.createdAtMs || (a.name < b.name ? -1 : 1));
    },
    async saveDefinition(text) {
      const hash = sha256(text);
      const path = join(definitions, `${hash}.json`);
      const there = await stat(path).catch(() => undefined);
      if (there === undefined) {
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
