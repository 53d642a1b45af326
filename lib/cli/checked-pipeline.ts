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
import { calledBy, type LoadedPipeline, loadPipeline } from './load-pipeline.ts';
import { missingEntries } from './missing-entries.ts';
import type { Deployable } from './start.ts';

type Loaded = Pick<LoadedPipeline, 'ir' | 'diagnostics' | 'calls'>;

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
  const { ir, diagnostics, calls } = await loadPipeline(file, context.cwd, printer(context, options));
  const called = calledBy({ calls }).flatMap((one) => missingEntries(one.ir));
  return { ir, calls, diagnostics: [...diagnostics, ...missingEntries(ir), ...called] };
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
  return (await loadDeployable(context, file, options))?.artifact;
}

/** The same, with the pipelines that it calls. */
export async function loadDeployable(
  context: CommandContext,
  file: string,
  options: Options,
): Promise<Required<Deployable> | undefined> {
  const [{ ir, diagnostics, calls }, { compilePipeline }] = await Promise.all([
    load(context, file, options),
    import('../compiler/compile.ts'),
  ]);
  if (diagnostics.some(({ severity }) => severity === 'error')) {
    reportDiagnostics(context, `in ${file}`, diagnostics, options);
    return undefined;
  }
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const all = [...calledBy({ calls }).map((one) => one.ir), ir].map((one) => compilePipeline(one, { sha256 }));
  // The compiler checks again what recording has checked: each note is printed once.
  const found = [...diagnostics, ...all.flatMap((one) => one.diagnostics)];
  const notes = new Map(found.map((one) => [JSON.stringify(one), one]));
  reportDiagnostics(context, `in ${file}`, [...notes.values()], options);
  const artifacts = all.flatMap((one) => (one.ok ? [one.artifact] : []));
  const artifact = artifacts.at(-1);
  return artifact === undefined || artifacts.length < all.length
    ? undefined
    : { artifact, called: artifacts.slice(0, -1) };
}
