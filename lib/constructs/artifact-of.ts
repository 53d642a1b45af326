/** From what an author's file exports to what is deployed, with the compiler that the command line uses. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { compilePipeline } from '../compiler/compile.ts';
import type { Diagnostic } from '../errors.ts';
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { withFingerprints } from '../ir/fingerprints.ts';
import type { PipelineIr } from '../ir/nodes.ts';
import { lambdasOf } from '../ir/operations.ts';

/** What a pipeline file exports by default: what `pipeline(…)` returns. */
export interface PipelineDefinition {
  readonly ir: PipelineIr;
  /** Mistakes found while the pipeline was recorded. @default none */
  readonly diagnostics?: readonly Diagnostic[];
  /** The pipelines that it calls, by their ids. @default none */
  readonly calls?: { readonly [pipeline: string]: PipelineDefinition };
}

/** A definition compiled: what is deployed, and what its author should know (such as barriers that were added). */
export interface CompiledDefinition {
  readonly artifact: PipelineArtifact;
  readonly notes: readonly Diagnostic[];
}

/** One line: code, message, place, what to do. */
export function diagnosticLine({ code, message, source, hint }: Diagnostic): string {
  const where = source === undefined ? '' : ` (${source.file}:${source.line}:${source.column})`;
  return `${code}: ${message}${where}${hint === undefined ? '' : `; ${hint}`}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * Compiles a definition.
 *
 * @throws {BunsuiError} with the code of the first mistake; the message lists every mistake with its place.
 */
export function artifactOf(definition: PipelineDefinition): CompiledDefinition {
  const recorded = definition.diagnostics ?? [];
  const compiled = recorded.some(isMistake)
    ? { ok: false as const, diagnostics: recorded }
    : compilePipeline(definition.ir, { sha256 });
  if (compiled.ok) return { artifact: compiled.artifact, notes: [...recorded, ...compiled.diagnostics] };
  const mistakes = compiled.diagnostics.filter(isMistake);
  throw new BunsuiError(
    'PipelineError',
    mistakes[0]?.code ?? 'BS1002',
    [`pipeline ${definition.ir.id} cannot be compiled:`, ...mistakes.map(diagnosticLine)].join('\n  '),
    { context: { diagnostics: mistakes } },
  );
}

/** The module of the code hashes, as a program of its own loads it: constructs are made at once, and esbuild is not. */
const codeHashModule = new URL(
  import.meta.url.endsWith('.ts') ? '../code-hash.ts' : '../code-hash.js',
  import.meta.url,
);
const program = `
import { readFileSync } from 'node:fs';
const { codeHashes } = await import(${JSON.stringify(codeHashModule.href)});
const operations = new Map(JSON.parse(readFileSync(0, 'utf8')));
const answer = await codeHashes([...operations.keys()], operations).then(
  (hashes) => ({ hashes: [...hashes] }),
  (error) => {
    if (error.code !== 'BS4004') throw error;
    return { mistake: { message: error.message, context: error.context, hint: error.hint } };
  },
);
process.stdout.write(JSON.stringify(answer));`;

interface Answer {
  readonly hashes?: readonly (readonly [entry: string, hash: string])[];
  readonly mistake?: {
    readonly message: string;
    readonly context: Readonly<Record<string, unknown>>;
    readonly hint?: string;
  };
}

/** As CDK does with what it bundles: files are looked at once per synthesis. */
const looked = new Map<string, string>();

/** @throws {BunsuiError} BS4004 with every mistake, when a handler cannot be bundled */
function lookAt(entries: string): string {
  const { status, stdout, stderr, error } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    input: entries,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw error ?? new Error(`handlers could not be looked at: ${stderr.trim()}`);
  const { mistake } = JSON.parse(stdout) as Answer;
  if (mistake !== undefined) throw new BunsuiError('PipelineError', 'BS4004', mistake.message, mistake);
  return stdout;
}

/**
 * The artifact with what the results of its jobs depend on. Handlers are looked at by a process of a moment.
 *
 * @param calls the pipelines that it calls: their versions count
 */
export function fingerprinted(artifact: PipelineArtifact, calls: PipelineDefinition['calls'] = {}): PipelineArtifact {
  const called = new Map(
    Object.entries(calls).map(([id, one]) => [id, fingerprinted(artifactOf(one).artifact, one.calls).version]),
  );
  const operations = lambdasOf(artifact.pipeline);
  const users = Object.groupBy(operations, ({ entry }) => entry);
  const entries = JSON.stringify(Object.entries(users).map(([entry, of = []]) => [entry, of.map(({ id }) => id)]));
  const text = looked.get(entries) ?? lookAt(entries);
  looked.set(entries, text);
  const { hashes = [] } = JSON.parse(text) as Answer;
  const found = new Map(hashes);
  const code = new Map(operations.map(({ id, entry }) => [id, found.get(entry) ?? '']));
  return withFingerprints(artifact, { sha256, code, called });
}

function isMistake({ severity }: Diagnostic): boolean {
  return severity === 'error';
}
