/**
 * A pipeline file, loaded, checked and compiled; its mistakes are printed all at once.
 */
import { createHash } from 'node:crypto';
import type { Diagnostic } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { PipelineIr } from '../ir/nodes.ts';
import type { CommandContext } from './context.ts';
import { countDiagnostics, diagnosticLines } from './diagnostics.ts';
import { jsonDiagnostic } from './errors-shown.ts';
import { harmlessLine } from './harmless.ts';
import { loadPipeline } from './load-pipeline.ts';
import { missingEntries } from './missing-entries.ts';

interface Loaded {
  readonly ir: PipelineIr;
  readonly diagnostics: readonly Diagnostic[];
}

interface Options {
  /** Diagnostics are printed on stdout too, as JSON Lines. */
  readonly json: boolean;
  /** Print what is only worth knowing, too. @default false */
  readonly notes?: boolean;
  /** Codes of notes that the command says in its own way. */
  readonly said?: readonly string[];
  /** Where the text goes. @default stderr */
  readonly print?: (text: string) => void;
}

const printer = ({ terminal: { err } }: CommandContext, { print }: Options) =>
  print ?? ((text: string) => err.write(`${text}\n`));

/** The file's pipeline with all that can be known without compiling it. */
async function load(context: CommandContext, file: string, options: Options): Promise<Loaded> {
  const { ir, diagnostics } = await loadPipeline(file, context.cwd, printer(context, options));
  return { ir, diagnostics: [...diagnostics, ...missingEntries(ir)] };
}

/**
 * Prints diagnostics and says whether there is an error among them.
 *
 * @param where what the count of them is followed by: `in pipeline.ts`.
 */
export function reportDiagnostics(
  context: CommandContext,
  where: string,
  all: readonly Diagnostic[],
  options: Options,
): boolean {
  const { err, out } = context.terminal;
  const { json, notes = false, said = [] } = options;
  const print = printer(context, options);
  const diagnostics = all.filter(({ severity, code }) => severity !== 'info' || (notes && !said.includes(code)));
  if (diagnostics.length === 0) return false;
  if (json) for (const diagnostic of diagnostics) out.write(jsonDiagnostic(diagnostic));
  const layout = { palette: err.palette, columns: err.size().columns, cwd: context.cwd };
  print(diagnosticLines(diagnostics, layout).join('\n'));
  print(err.palette.bold(`${countDiagnostics(diagnostics)} ${harmlessLine(where)}`));
  return diagnostics.some(({ severity }) => severity === 'error');
}

/** The pipeline as data, or `undefined` when it has mistakes, which are printed then. */
export async function loadChecked(
  context: CommandContext,
  file: string,
  options: Options,
): Promise<PipelineIr | undefined> {
  const { ir, diagnostics } = await load(context, file, options);
  return reportDiagnostics(context, `in ${file}`, diagnostics, options) ? undefined : ir;
}

/** The compiled pipeline, or `undefined` when it has mistakes, which are printed then. Warnings are printed too. */
export async function loadCompiled(
  context: CommandContext,
  file: string,
  options: Options,
): Promise<PipelineArtifact | undefined> {
  const [{ ir, diagnostics }, { compilePipeline }] = await Promise.all([
    load(context, file, options),
    import('../compiler/compile.ts'),
  ]);
  if (diagnostics.some(({ severity }) => severity === 'error')) {
    reportDiagnostics(context, `in ${file}`, diagnostics, options);
    return undefined;
  }
  const compiled = compilePipeline(ir, { sha256: (text) => createHash('sha256').update(text).digest('hex') });
  // The compiler checks again what recording has checked: each note is printed once.
  const notes = new Map([...diagnostics, ...compiled.diagnostics].map((one) => [JSON.stringify(one), one]));
  reportDiagnostics(context, `in ${file}`, [...notes.values()], options);
  return compiled.ok ? compiled.artifact : undefined;
}
