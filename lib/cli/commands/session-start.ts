/** `bunsui session start`: a session of a pipeline that is deployed already, on this machine or on AWS. */
import { randomUUID } from 'node:crypto';
import { BunsuiError } from '../../errors.ts';
import type { JsonSchema } from '../../ir/nodes.ts';
import type { StartedSession } from '../../sessions/start-session.ts';
import { onAnyPlatform } from '../attend.ts';
import { type AttendedRun, attended, attendToEnd } from '../attended-run.ts';
import { inputMistakes } from '../checked-input.ts';
import { reportDiagnostics } from '../checked-pipeline.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { artifactOf, openForSession, sessionNamed } from '../find-session.ts';
import { readInput } from '../input.ts';
import { untilItsTurn } from '../its-turn.ts';
import { jsonLine } from '../json-lines.ts';
import { hearEndRecords } from '../late-records.ts';
import { ensureOwnPlatform, isUnusedFolder, type LocalPlatform } from '../local-platform.ts';
import type { PlatformOptions } from '../options.ts';
import { commandLine } from '../places.ts';
import { openPlatform, type Platform, type SessionRequest } from '../platform.ts';
import type { AwsTarget, LocalTarget } from '../platform-target.ts';
import { startDepsOf } from '../start-deps.ts';
import { promptMissing } from '../prompt-input.ts';
import { tagsTyped } from '../tags.ts';
import { userName } from '../user-name.ts';

export interface StartOptions extends PlatformOptions {
  readonly param?: readonly string[];
  readonly input?: string;
  readonly key?: string;
  readonly tag?: readonly string[];
  readonly wait?: true;
}

/** On this machine a pipeline is deployed by running its file. */
function notHere({ commandName }: CommandContext, pipeline: string): BunsuiError {
  return new BunsuiError('PipelineError', 'BS3003', `pipeline "${pipeline}" is not deployed on this machine`, {
    hint: `run its file: ${commandName} run FILE. For one that is on AWS, say where: --platform NAME`,
  });
}

/** The schema of the input that a pipeline takes, in the version deployed last. */
async function schemaOf(context: CommandContext, platform: Platform, pipeline: string): Promise<JsonSchema> {
  const clients = await platform.clients();
  const [{ findPipeline }, { pipelineToStart }] = await Promise.all([
    import('../../sessions/pipelines.ts'),
    import('../../sessions/deployed.ts'),
  ]);
  if (platform.kind === 'local') {
    const found = await findPipeline(clients, pipeline);
    if (found === undefined) throw notHere(context, pipeline);
    return JSON.parse(found.input_schema) as JsonSchema;
  }
  const item = await pipelineToStart(await startDepsOf(platform), pipeline);
  return JSON.parse(item.input_schema) as JsonSchema;
}

/** The request, checked; `undefined` when the input has mistakes, which are printed then. */
async function requestOf(
  context: CommandContext,
  platform: Platform,
  pipeline: string,
  options: StartOptions,
): Promise<SessionRequest | undefined> {
  const input = await schemaOf(context, platform, pipeline);
  const sources = { params: options.param ?? [], ...(options.input === undefined ? {} : { file: options.input }) };
  const given = await promptMissing(
    context,
    { id: pipeline, input },
    await readInput(sources, input, context.cwd),
    options,
  );
  const mistakes = inputMistakes({ id: pipeline, input }, given);
  if (mistakes.length > 0) {
    const printing = { json: options.json ?? false };
    reportDiagnostics(context, `in the input of ${pipeline}; nothing was started`, mistakes, printing);
    return undefined;
  }
  // With a key of its own the same start may be asked for again, should its answer get lost.
  const key = options.key ?? `start-${randomUUID()}`;
  const tags = options.tag === undefined ? {} : { tags: tagsTyped(options.tag) };
  return { pipeline, input: given, key, trigger: { kind: 'manual' }, user: userName(), ...tags };
}

/** Says what was started, for a person or a program. */
function sayStarted(context: CommandContext, options: StartOptions, pipeline: string, started: StartedSession): void {
  const { out } = context.terminal;
  const { session_id: session, created_at: createdAt, execution_arn: executionArn, outcome } = started;
  if (options.json) {
    const fields = { at: createdAt, session, pipeline, execution_arn: executionArn };
    out.write(jsonLine(outcome === 'created' ? 'session.started' : 'session.existing', fields));
    return;
  }
  const { bold, dim } = out.palette;
  out.write(`${outcome === 'created' ? 'started' : 'there is'} ${bold(pipeline)}  ${session}\n\n`);
  const lines = [
    [`session watch ${session}`, 'follow it to its end'],
    [`session show ${session}`, 'jobs, attempts, errors'],
  ] as const;
  for (const [words, purpose] of lines) {
    out.write(`  ${commandLine(context, words, options.target)}  ${dim(purpose)}\n`);
  }
}

export async function startCommand(context: CommandContext, pipeline: string, options: StartOptions): Promise<number> {
  const { target } = options;
  return target.kind === 'aws'
    ? startOnAws(context, pipeline, { ...options, target })
    : attended(context, { ...options, target }, (run) => startHere(context, pipeline, { ...options, target }, run));
}

async function startOnAws(
  context: CommandContext,
  pipeline: string,
  options: StartOptions & { readonly target: AwsTarget },
): Promise<number> {
  const platform = await openPlatform(context, options.target);
  const request = await requestOf(context, platform, pipeline, options);
  if (request === undefined) return exitCodes.invalid;
  const started = await platform.start(request);
  if (options.wait || started.overlap === 'skipped') {
    await untilItsTurn(platform, started, (text) => context.terminal.err.write(`${text}\n`));
    const { watchOnAws } = await import('../watch-on-aws.ts');
    const origin = started.outcome === 'created' ? 'started' : 'existing';
    return watchOnAws(context, options, platform, { session: started.session_id, origin });
  }
  sayStarted(context, options, pipeline, started);
  return exitCodes.ok;
}

/** On this machine sessions run in a process: another one that owns the state folder, or else this one, which stays. */
async function startHere(
  context: CommandContext,
  pipeline: string,
  options: StartOptions & { readonly target: LocalTarget },
  run: AttendedRun,
): Promise<number> {
  const { target } = options;
  if (isUnusedFolder(target.stateDir, context.cwd)) {
    throw notHere(context, pipeline);
  }
  const ends = hearEndRecords(run.progress.note);
  const platform: LocalPlatform = await openForSession(context, target, ends.log);
  const attendance = { platform, ends, stateDir: target.stateDir, cwd: context.cwd };
  run.attendance = attendance;
  const request = await requestOf(context, platform, pipeline, options);
  if (request === undefined) return exitCodes.invalid;
  await ensureOwnPlatform(platform);
  const started = await platform.start(request);
  if (!platform.runtime.owner && !options.wait) {
    sayStarted(context, options, pipeline, started);
    return exitCodes.ok;
  }
  await onAnyPlatform(attendance, (open) => untilItsTurn(open, started, run.progress.note));
  if (started.outcome === 'exists') await platform.runtime.resumeExecutions([started.execution_arn]);
  const item = await sessionNamed(platform, started.session_id);
  const session = {
    session: started.session_id,
    createdAt: started.created_at,
    executionArn: started.execution_arn,
    pipeline,
    version: item.pipeline_version,
    origin: started.outcome === 'created' ? ('started' as const) : ('existing' as const),
  };
  return attendToEnd(context, options, run, attendance, session, await artifactOf(platform, item));
}
