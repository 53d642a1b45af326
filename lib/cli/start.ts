/** Brings a compiled pipeline onto the local platform and starts a session of it. */
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { Json } from '../ir/expressions.ts';
import type { StartedSession, StartRequest } from '../sessions/start-session.ts';
import { ensureOwnPlatform, type LocalPlatform, ownFunctions } from './local-platform.ts';

/** Functions, state machine and the pipeline's record. Doing it again changes only what has changed. */
export async function deploy(platform: LocalPlatform, artifact: PipelineArtifact): Promise<void> {
  const [{ deployLocally }, { registerPipeline }, clients] = await Promise.all([
    import('../local/deploy.ts'),
    import('../sessions/pipelines.ts'),
    platform.clients(),
  ]);
  const [{ stateMachineArn }] = await Promise.all([
    deployLocally(platform.runtime, artifact),
    ensureOwnPlatform(platform),
  ]);
  await registerPipeline({ ...clients, now: Date.now }, { artifact, stateMachineArn });
}

/** What `start-session` fails with tells its family only; each family has one reason there. */
const startErrors = {
  ValidationError: 'BS3001',
  PipelineError: 'BS3003',
  SessionError: 'BS3004',
} as const;

function startError(payload: string): BunsuiError {
  const { errorType = '', errorMessage = '' } = JSON.parse(payload) as {
    readonly errorType?: string;
    readonly errorMessage?: string;
  };
  if (errorType === 'ValidationError' || errorType === 'PipelineError' || errorType === 'SessionError') {
    const hint = errorType === 'SessionError' ? { hint: 'use another key, or the same pipeline and input' } : {};
    return new BunsuiError(errorType, startErrors[errorType], errorMessage, hint);
  }
  const message = `the session could not be started: ${errorType}: ${errorMessage}`;
  return new BunsuiError('AWSError', 'BS5001', message, { hint: 'see runtime.log in the state folder' });
}

/**
 * Starts a session, or finds the one that the key stands for.
 *
 * @throws {BunsuiError} BS3001, BS3003, BS3004 as `startSession` does; BS5001 when the function itself fails.
 */
export async function startThroughFunction(
  platform: LocalPlatform,
  request: Omit<StartRequest, 'input'> & { readonly input: { readonly [key: string]: Json } },
): Promise<StartedSession> {
  const path = `/2015-03-31/functions/${ownFunctions.startSession}/invocations`;
  const answer = await platform.local.send('lambda', 'POST', path, JSON.stringify(request));
  if (answer.status !== 200) {
    throw new BunsuiError('AWSError', 'BS5001', `start-session was not called: ${answer.status} ${answer.body}`);
  }
  if (answer.headers['x-amz-function-error'] !== undefined) throw startError(answer.body);
  return JSON.parse(answer.body) as StartedSession;
}
