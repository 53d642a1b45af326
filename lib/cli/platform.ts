/**
 * A platform as commands use it, on this machine or on AWS: its names, its clients, and the few things that the two do
 * in different ways.
 */
import type { EventPage } from './follow.ts';
import type { Json } from '../ir/expressions.ts';
import type { FiringRequest } from '../sessions/firing.ts';
import type { StartedSession, StartRequest } from '../sessions/start-session.ts';
import type { PlatformNames } from '../storage-layout.ts';
import type { AwsPlatform } from './aws-platform.ts';
import type { ClientConfig, Clients } from './clients.ts';
import type { CommandContext } from './context.ts';
import type { LocalPlatform } from './local-platform.ts';
import type { RuntimeLog } from '../local/runtime-log.ts';
import type { SessionPlaces } from './places.ts';
import type { AwsTarget, PlatformTarget } from './platform-target.ts';

/** Events of an execution, and whether somebody works on it: on AWS always. */
export interface EventsNow extends EventPage {
  /** False while an unfinished execution waits for somebody to resume it. */
  readonly driven: boolean;
}

export interface UnfinishedExecution {
  readonly executionArn: string;
  /** Of the session that it runs; the whole name when it is none of ours. */
  readonly session: string;
}

/** What a session is asked for with: `StartRequest` with an input that is an object, or a firing. */
export type SessionRequest =
  | (Omit<StartRequest, 'input'> & { readonly input: { readonly [key: string]: Json } })
  | FiringRequest;

export interface PlatformBase {
  readonly names: PlatformNames;
  readonly region: string;
  /** What SDK clients of this platform are made with: by commands that need others than `clients()` has. */
  readonly clientConfig: ClientConfig;
  /** ARN of state machines up to the name, where CloudFormation has deployed them. */
  readonly machines?: string;
  /** SDK clients, loaded and made with the first call. */
  clients(): Promise<Clients>;
  /**
   * Events after an id (0: all of them); `undefined` while there is no such execution. Waits up to some seconds for one
   * when there is none yet, `after` is not 0, and it runs.
   */
  readEvents(executionArn: string, after: number): Promise<EventsNow | undefined>;
  /** Executions that may have been interrupted; none on AWS, where nothing is. */
  unfinished(): Promise<readonly UnfinishedExecution[]>;
  /**
   * Starts a session, or finds the one that the key stands for.
   *
   * @throws {BunsuiError} BS3001, BS3003, BS3004 as `startSession` does; BS5001 when the function itself fails.
   */
  start(request: SessionRequest): Promise<StartedSession>;
  /** Where a session's report and logs lie. `isRecorded`: its end is in its record. */
  placesOf(at: { readonly session: string; readonly createdAt: string; readonly isRecorded: boolean }): SessionPlaces;
  close(): Promise<void>;
}

export type Platform = LocalPlatform | AwsPlatform;

/**
 * Opens the platform that a command is for.
 *
 * @param log hears what the runtime on this machine has to say where this process becomes its owner.
 * @throws {BunsuiError} BS2003 when there is none of that name, BS5001 when AWS refuses.
 */
export async function openPlatform(context: CommandContext, target: AwsTarget): Promise<AwsPlatform>;
export async function openPlatform(
  context: CommandContext,
  target: PlatformTarget,
  log?: RuntimeLog,
): Promise<Platform>;
export async function openPlatform(
  context: CommandContext,
  target: PlatformTarget,
  log?: RuntimeLog,
): Promise<Platform> {
  if (target.kind === 'aws') return (await import('./aws-platform.ts')).openAwsPlatform(context, target);
  return (await import('./local-platform.ts')).openLocalPlatform(target.stateDir, context.cwd, log);
}
