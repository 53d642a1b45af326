/**
 * A platform that commands find as they find one on AWS: the runtime of this machine behind parameters in SSM, which a
 * small server of its own gives.
 */
import { createServer, type IncomingMessage } from 'node:http';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { loadDeployable } from '../../lib/cli/checked-pipeline.ts';
import {
  ensureOwnPlatform,
  type LocalPlatform,
  openLocalPlatform,
  ownFunctions,
} from '../../lib/cli/local-platform.ts';
import { localTopic } from '../../lib/cli/local-channels.ts';
import { main } from '../../lib/cli/main.ts';
import { deploy } from '../../lib/cli/start.ts';
import { parameterPath } from '../../lib/storage-layout.ts';
import { recordedTerminal } from './outputs.ts';

type Parameters = { readonly [name: string]: string };

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

/** How the server answers; an error of AWS's where `fails` names one. */
interface ParameterServer {
  readonly endpoint: string;
  fails: string | undefined;
  close(): void;
}

async function serveParameters(all: Parameters): Promise<ParameterServer> {
  const server = createServer(async (request, response) => {
    const asked = JSON.parse(await bodyOf(request)) as { readonly Names?: readonly string[]; readonly Path?: string };
    const named = Object.entries(all).filter(
      ([name]) => asked.Names?.includes(name) ?? name.startsWith(`${asked.Path}/`),
    );
    const { fails } = served;
    response.writeHead(fails === undefined ? 200 : 400, { 'content-type': 'application/x-amz-json-1.1' });
    const found = { Parameters: named.map(([Name, Value]) => ({ Name, Value })) };
    response.end(JSON.stringify(fails === undefined ? found : { __type: fails, message: `${fails} is why` }));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const served: ParameterServer = {
    endpoint: `http://127.0.0.1:${port}`,
    fails: undefined,
    close: () => void server.close(),
  };
  return served;
}

export interface Deployed {
  readonly platform: LocalPlatform;
  readonly parameters: ParameterServer;
  /** Runs a command line in this process, with the credentials that the platform knows. */
  bunsui(
    args: readonly string[],
    options?: { readonly live?: boolean; readonly columns?: number },
  ): Promise<{ readonly code: number; readonly out: string; readonly err: string }>;
  close(): Promise<void>;
}

/** A platform of that name with a pipeline on it. The environment of this process leads to it until it is closed. */
export async function deployed(name: string, file: string, more: Parameters = {}): Promise<Deployed> {
  const folder = mkdtempSync(join(tmpdir(), 'bunsui-deployed-'));
  const platform = await openLocalPlatform('.bunsui', folder);
  const { runtime, names } = platform;
  const context = { terminal: recordedTerminal(), cwd: folder, environment: {}, commandName: 'bunsui' };
  const deployable = await loadDeployable(context, file, { json: false });
  if (deployable === undefined) throw new Error(context.terminal.err.text());
  await ensureOwnPlatform(platform);
  await deploy(platform, deployable);
  const values: Parameters = {
    bucket: names.bucket,
    channels: '{}',
    'job-history-table': names.jobHistoryTable,
    machines: `arn:aws:states:${runtime.region}:${runtime.accountId}:stateMachine:`,
    'pipelines-table': names.pipelinesTable,
    'sessions-table': names.sessionsTable,
    'start-session': ownFunctions.startSession,
    topic: localTopic(runtime.region, runtime.accountId),
    ...more,
  };
  const path = parameterPath(name);
  const parameters = await serveParameters(
    Object.fromEntries(Object.entries(values).map(([key, value]) => [`${path}/${key}`, value])),
  );
  vi.stubEnv('AWS_ENDPOINT_URL', runtime.endpoint);
  vi.stubEnv('AWS_ENDPOINT_URL_SSM', parameters.endpoint);
  vi.stubEnv('AWS_REGION', runtime.region);
  vi.stubEnv('AWS_ACCESS_KEY_ID', runtime.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', runtime.credentials.secretAccessKey);
  vi.stubEnv('AWS_PROFILE', undefined);
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  return {
    platform,
    parameters,
    async bunsui(args, { live = false, columns = 100 } = {}) {
      const recorded = recordedTerminal({ columns });
      const environment = { AWS_ENDPOINT_URL: runtime.endpoint };
      const code = await main(args, { ...recorded, out: { ...recorded.out, live } }, { cwd: folder, environment });
      return { code, out: recorded.out.text(), err: recorded.err.text() };
    },
    async close() {
      vi.unstubAllEnvs();
      parameters.close();
      await platform.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
