/**
 * The platform on this machine, as commands use it: the runtime of a state folder (ours, or of the process that owns
 * it), the clients of it, and bunsui's own functions in it. The composition root of the command line.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BunsuiError } from '../errors.ts';
import type { LocalClient } from '../local/client.ts';
import type { Runtime } from '../local/runtime.ts';
import type { RuntimeLog } from '../local/runtime-log.ts';
import { platformNames } from '../storage-layout.ts';
import type { Clients } from './clients.ts';
import type { LocalChannels } from './local-channels.ts';
import { readEventsIfThere, unfinishedExecutions } from './execution-feed.ts';
import { placesOf } from './places.ts';
import type { Platform, PlatformBase } from './platform.ts';
import { readProjectFile } from './project-file.ts';

export interface LocalPlatform extends PlatformBase {
  readonly kind: 'local';
  readonly runtime: Runtime;
  /** Signs and sends without the SDK. */
  readonly local: LocalClient;
  /** The folder that the command runs in. */
  readonly cwd: string;
}

/** True when nothing was ever kept in this folder: there is nothing to open then. */
export function isUnusedFolder(stateDir: string, cwd: string): boolean {
  return !existsSync(join(resolve(cwd, stateDir), 'runtime.json'));
}

/**
 * Opens the runtime of a state folder: becomes its owner, or a client of the process that is.
 *
 * @param log hears what the runtime has to say where this process becomes its owner.
 */
export async function openLocalPlatform(stateDir: string, cwd: string, log?: RuntimeLog): Promise<LocalPlatform> {
  const [{ openRuntime }, { localClient }] = await Promise.all([
    import('../local/runtime.ts'),
    import('../local/client.ts'),
  ]);
  const runtime = await openRuntime({ stateDir: resolve(cwd, stateDir), ...(log && { log }) });
  const names = platformNames({ account: runtime.accountId, region: runtime.region });
  const { region, endpoint, credentials } = runtime;
  const local = localClient(runtime);
  let clients: Promise<Clients> | undefined;
  return {
    kind: 'local',
    runtime,
    names,
    region,
    clientConfig: { region, endpoint, credentials },
    local,
    cwd,
    clients() {
      clients ??= import('./clients.ts').then(({ makeClients }) => makeClients(runtime, names, { pathStyle: true }));
      return clients;
    },
    readEvents: (executionArn, after) => readEventsIfThere(local, executionArn, after),
    unfinished: () => unfinishedExecutions(local),
    start: async (request) => (await import('./start.ts')).startThroughFunction(local, request),
    placesOf: (at) => placesOf(runtime.stateDir, names, at),
    close: () => runtime.close(),
  };
}

/** True when the process at the other end has gone, or went while it answered. */
export function isGone(thrown: unknown, depth = 0): boolean {
  if (!(thrown instanceof Error) || depth > 8) return false;
  const { code } = thrown as NodeJS.ErrnoException;
  return code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === 'EPIPE' || isGone(thrown.cause, depth + 1);
}

/** Owners that only read something end at any moment; this many in a row is something else. */
const maxOwners = 10;

/**
 * Reads something from the platform and closes it. When the runtime belonged to another process and that ends in the
 * meantime, it is read again from the next one: `work` may run more than once.
 */
export async function readFromPlatform<T>(
  open: () => Promise<Platform>,
  work: (platform: Platform) => Promise<T>,
): Promise<T> {
  for (let owners = 1; ; owners += 1) {
    const platform = await open();
    try {
      return await work(platform);
    } catch (thrown) {
      if (platform.kind === 'aws' || platform.runtime.owner || !isGone(thrown) || owners === maxOwners) throw thrown;
    } finally {
      await platform.close();
    }
  }
}

/** Names of bunsui's own functions. No operation's function is named so: pipelines begin with a letter or digit. */
export const ownFunctions = {
  startSession: '_bunsui-start-session',
  sessionEnded: '_bunsui-session-ended',
  notify: '_bunsui-notify',
  recordEvents: '_bunsui-record-events',
  /** Asked for deadlines only: everything else a laptop's runtime finds by itself. */
  reconcile: '_bunsui-reconcile',
} as const;

/**
 * Makes tables, bucket, bunsui's own functions and the project's channels if they are missing.
 *
 * @returns the channels; `undefined` when the project declares none
 */
export async function ensureOwnPlatform({ runtime, local, cwd }: LocalPlatform): Promise<LocalChannels | undefined> {
  const [{ ensurePlatform }, project] = await Promise.all([
    import('../local/platform.ts'),
    readProjectFile(cwd, dirname(runtime.stateDir)),
  ]);
  // Channels that were there and are not any more are to be forgotten.
  const isTold = project?.fields['channels'] !== undefined || existsSync(join(runtime.stateDir, 'notices.json'));
  const channels =
    project !== undefined && isTold ? (await import('./local-channels.ts')).localChannels(runtime, project) : undefined;
  const { environment = {} } = channels ?? {};
  const { startSession, sessionEnded, notify, recordEvents, reconcile } = ownFunctions;
  await ensurePlatform(runtime, {
    functions: [
      { name: startSession, handlerFile: functionBundle('start-session'), environment },
      { name: sessionEnded, handlerFile: functionBundle('session-ended'), timeoutSeconds: 300, environment },
      ...(channels === undefined
        ? []
        : [
            { name: notify, handlerFile: functionBundle('notify'), environment },
            { name: recordEvents, handlerFile: functionBundle('record-events'), environment },
            { name: reconcile, handlerFile: functionBundle('reconcile'), environment },
          ]),
    ],
    statusChangeTarget: sessionEnded,
  });
  await channels?.connect(local, { notify, recordEvents, reconcile });
  return channels;
}

/** The bundle of one of bunsui's own functions, as `npm run build` leaves it. */
function functionBundle(name: string): string {
  const folder = import.meta.url.endsWith('.ts') ? '../../dist/lambdas' : '../../lambdas';
  const file = fileURLToPath(new URL(`${folder}/${name}/index.mjs`, import.meta.url));
  if (existsSync(file)) return file;
  throw new BunsuiError('ConfigError', 'BS4004', `the function "${name}" of bunsui itself is not built: no ${file}`, {
    hint: 'npm run build',
  });
}
