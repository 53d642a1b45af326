/** Brings a compiled pipeline onto the local platform and starts a session of it. */
import { BunsuiError } from '../errors.ts';
import type { LocalClient } from '../local/client.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { callsOf } from '../ir/operations.ts';
import { policyOf } from '../ir/policy.ts';
import type { StartedSession } from '../sessions/start-session.ts';
import type { SessionRequest } from './platform.ts';
import { startError } from './start-errors.ts';
import { requestText } from './start-request.ts';
import { ensureOwnPlatform, type LocalPlatform, ownFunctions } from './local-platform.ts';

/** What is deployed: a pipeline, and those that it calls, each before those that call it. */
export interface Deployable {
  readonly artifact: PipelineArtifact;
  /** @default they are there already */
  readonly called?: readonly PipelineArtifact[];
}

/**
 * Functions, state machine, the pipeline's record, its schedules and triggers; and first those of the pipelines that it
 * calls. Doing it again changes only what has changed.
 *
 * @returns the artifact as it is on record, with the version that its code gives it
 */
export async function deploy(
  platform: LocalPlatform,
  { artifact, called = [] }: Deployable,
): Promise<PipelineArtifact> {
  const versions = new Map<string, string>();
  for (const one of called) versions.set(one.pipeline.id, (await deployOne(platform, one, versions)).version);
  return deployOne(platform, artifact, versions);
}

/** @param versions of what is deployed already */
async function deployOne(
  platform: LocalPlatform,
  compiled: PipelineArtifact,
  versions: ReadonlyMap<string, string>,
): Promise<PipelineArtifact> {
  const own = callsOf(compiled.pipeline).flatMap(({ pipeline: id }) => {
    const version = versions.get(id);
    return version === undefined ? [] : [[id, version] as const];
  });
  const [{ deployLocally }, { registerPipeline }, clients] = await Promise.all([
    import('../local/deploy.ts'),
    import('../sessions/pipelines.ts'),
    platform.clients(),
  ]);
  const [{ stateMachineArn, artifact }] = await Promise.all([
    deployLocally(platform.runtime, compiled, new Map(own)),
    ensureOwnPlatform(platform),
  ]);
  await registerPipeline({ ...clients, now: Date.now }, { artifact, stateMachineArn });
  const { schedules = [], triggers = [] } = policyOf(artifact.pipeline) ?? {};
  const firings = { functionName: ownFunctions.startSession, schedules, triggers };
  await platform.local.private('PUT', `firings/${encodeURIComponent(artifact.pipeline.id)}`, firings);
  return artifact;
}

/**
 * Starts a session, or finds the one that the key stands for.
 *
 * @throws {BunsuiError} BS3001, BS3003, BS3004 as `startSession` does; BS5001 when the function itself fails.
 */
export async function startThroughFunction(local: LocalClient, request: SessionRequest): Promise<StartedSession> {
  const path = `/2015-03-31/functions/${ownFunctions.startSession}/invocations`;
  const answer = await local.send('lambda', 'POST', path, requestText(request));
  if (answer.status !== 200) {
    throw new BunsuiError('AWSError', 'BS5001', `start-session was not called: ${answer.status} ${answer.body}`);
  }
  if (answer.headers['x-amz-function-error'] !== undefined)
    throw startError(answer.body, 'see runtime.log in the state folder');
  return JSON.parse(answer.body) as StartedSession;
}
