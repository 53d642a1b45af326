/** From what an author's file exports to what is deployed, with the compiler that the command line uses. */
import { createHash } from 'node:crypto';
import { compilePipeline } from '../compiler/compile.ts';
import type { Diagnostic } from '../errors.ts';
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { PipelineIr } from '../ir/nodes.ts';

/** What a pipeline file exports by default: what `pipeline(…)` returns. */
export interface PipelineDefinition {
  readonly ir: PipelineIr;
  /** Mistakes found while the pipeline was recorded. @default none */
  readonly diagnostics?: readonly Diagnostic[];
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

function isMistake({ severity }: Diagnostic): boolean {
  return severity === 'error';
}
