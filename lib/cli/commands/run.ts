/** `bunsui run`: a pipeline file, deployed to this machine, started and attended to its end. */
import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { onAnyPlatform } from '../attend.ts';
import { type AttendedOptions, type AttendedRun, attended, attendToEnd } from '../attended-run.ts';
import { inputMistakes } from '../checked-input.ts';
import { loadDeployable, reportDiagnostics } from '../checked-pipeline.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { readInput } from '../input.ts';
import { untilItsTurn } from '../its-turn.ts';
import { hearEndRecords } from '../late-records.ts';
import { openLocalPlatform } from '../local-platform.ts';
import { deploy } from '../start.ts';
import { promptMissing } from '../prompt-input.ts';
import { userName } from '../user-name.ts';

export interface RunOptions extends AttendedOptions {
  readonly param?: readonly string[];
  readonly input?: string;
  readonly key?: string;
}

export async function runPipeline(context: CommandContext, file: string, options: RunOptions): Promise<number> {
  return attended(context, options, (run) => work(context, file, options, run));
}

async function work(context: CommandContext, file: string, options: RunOptions, run: AttendedRun): Promise<number> {
  const { progress } = run;
  const printing = { json: options.json ?? false, print: progress.note };
  progress.preparing(`reading ${basename(file)}`);
  const deployable = await loadDeployable(context, file, printing);
  if (deployable === undefined) return exitCodes.invalid;
  const compiled = deployable.artifact;
  const sources = { params: options.param ?? [], ...(options.input === undefined ? {} : { file: options.input }) };
  const typed = await readInput(sources, compiled.pipeline.input, context.cwd);
  const input = await promptMissing(context, compiled.pipeline, typed, options, () => progress.stop());
  const mistakes = inputMistakes(compiled.pipeline, input);
  if (mistakes.length > 0) {
    reportDiagnostics(context, `in the input of ${compiled.pipeline.id}; nothing was started`, mistakes, printing);
    return exitCodes.invalid;
  }

  progress.preparing('starting the runtime');
  const ends = hearEndRecords(progress.note);
  const attendance = {
    platform: await openLocalPlatform(options.target.stateDir, context.cwd, ends.log),
    ends,
    stateDir: options.target.stateDir,
    cwd: context.cwd,
  };
  run.attendance = attendance;
  progress.preparing('bundling handlers');
  // With a key of its own the same start may be asked for again, should the runtime's process end in between.
  const key = options.key ?? `run-${randomUUID()}`;
  const { artifact, started } = await onAnyPlatform(attendance, async (platform) => {
    const artifact = await deploy(platform, deployable);
    const started = await platform.start({
      pipeline: artifact.pipeline.id,
      version: artifact.version,
      input,
      key,
      trigger: { kind: 'manual' },
      user: userName(),
    });
    return { artifact, started };
  });
  await onAnyPlatform(attendance, (platform) => untilItsTurn(platform, started, progress.note));
  const isNew = started.outcome === 'created' || options.key === undefined;
  // What waited may have been begun by a process that has gone since.
  if (!isNew || started.overlap === 'waiting')
    await attendance.platform.runtime.resumeExecutions([started.execution_arn]);
  const session = {
    session: started.session_id,
    createdAt: started.created_at,
    executionArn: started.execution_arn,
    pipeline: artifact.pipeline.id,
    version: artifact.version,
    origin: isNew ? ('started' as const) : ('existing' as const),
  };
  return attendToEnd(context, options, run, attendance, session, artifact);
}
