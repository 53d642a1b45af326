/**
 * The API over a small world, and calls of it whose answers are held against what the API says of itself: the schema
 * of the route, and the same in its OpenAPI document.
 */
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { ExecutionDoesNotExist, RedriveExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';
import { apiApp, apiRoutes } from '../../lib/api/app.ts';
import { openApi } from '../../lib/api/openapi.ts';
import type { Role, Route } from '../../lib/api/route.ts';
import { failure } from '../../lib/api/schemas.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { type Cloud, cloudOn, machineArn } from '../sessions/cloud.ts';
import { artifact } from '../sessions/history-fixture.ts';
import { type LocalTables, startTables } from '../sessions/local-tables.ts';

export const user = 'arn:aws:iam::000000000000:user/ann';

export interface Answered<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export interface CallOptions {
  readonly body?: unknown;
  /** Sent as it is. */
  readonly text?: string;
  readonly headers?: { readonly [name: string]: string };
  readonly role?: Role;
}

export interface ApiWorld {
  readonly cloud: Cloud;
  readonly tables: LocalTables;
  /** What the API wrote down because its answer does not tell of it. */
  readonly failures: unknown[];
  /** What Step Functions and S3 throw in place of an answer, by the command's name. */
  readonly broken: Map<string, unknown>;
  /** @typeParam T what the caller takes the answer for */
  call<T = unknown>(method: string, path: string, options?: CallOptions): Promise<Answered<T>>;
  close(): Promise<void>;
}

const ajv = new Ajv2020({ strict: false, formats: { 'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/ } });
ajv.addSchema({ ...openApi(apiRoutes), $id: 'https://api.invalid/openapi.json' });

const pathOf = (path: string) => new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);
const pointer = (text: string) => encodeURIComponent(text.replaceAll('~', '~0').replaceAll('/', '~1'));

/** Holds an answer against its declarations. */
function requireDeclared(method: string, path: string, status: number, body: unknown): void {
  const found = apiRoutes.find((route: Route) => route.method === method && pathOf(route.path).test(path));
  const declared = found?.answers[status]?.schema;
  if (declared === undefined && status < 400) throw new Error(`${method} ${path} declares no answer ${status}`);
  const issues = (declared ?? failure).safeParse(body).error?.issues ?? [];
  const at = `paths/${pointer(found?.path ?? '')}/${method.toLowerCase()}/responses/${declared === undefined ? 'default' : status}`;
  const place = found === undefined ? 'components/schemas/Failure' : `${at}/content/application~1json/schema`;
  const check = ajv.getSchema(`https://api.invalid/openapi.json#/${place}`);
  if (check === undefined) throw new Error(`the document has no ${place}`);
  const fits = check(body);
  expect({ path, issues, errors: fits ? [] : check.errors }).toStrictEqual({ path, issues: [], errors: [] });
}

/** What the shared world does not know: stopping, redriving, asking for an object's head. */
function extended(cloud: Cloud, broken: ReadonlyMap<string, unknown>): Cloud['deps'] {
  const breaking = (command: unknown) => {
    const name = (command as object).constructor.name;
    if (broken.has(name)) throw broken.get(name);
  };
  const sfn = async (command: unknown): Promise<unknown> => {
    breaking(command);
    if (!(command instanceof StopExecutionCommand || command instanceof RedriveExecutionCommand)) {
      return cloud.deps.sfn.send(command as never);
    }
    const execution = cloud.executions.get(command.input.executionArn ?? '');
    if (execution === undefined) throw new ExecutionDoesNotExist({ message: 'none', $metadata: {} });
    execution.status = command instanceof StopExecutionCommand ? 'ABORTED' : 'RUNNING';
    return {};
  };
  const s3 = async (command: unknown): Promise<unknown> => {
    breaking(command);
    if (!(command instanceof HeadObjectCommand)) return cloud.deps.s3.send(command as never);
    if (cloud.objects.has(command.input.Key ?? '')) return {};
    throw Object.assign(new Error('none'), { name: 'NotFound', $metadata: { httpStatusCode: 404 } });
  };
  const { deps } = cloud;
  return {
    ...deps,
    get nowMs() {
      return deps.nowMs;
    },
    now: () => deps.nowMs,
    sfn: { send: sfn as typeof deps.sfn.send },
    s3: { send: s3 as typeof deps.s3.send },
  };
}

/** A world in which pipeline `flow` is registered. */
export async function apiWorld(): Promise<ApiWorld> {
  const tables = await startTables();
  const cloud = cloudOn(tables);
  await registerPipeline(cloud.deps, { artifact, stateMachineArn: machineArn });
  const failures: unknown[] = [];
  const broken = new Map<string, unknown>();
  let requests = 0;
  const app = apiApp({
    ...extended(cloud, broken),
    objectUrl: async (key) => ({ url: `https://objects.invalid/${key}`, expiresAt: '2026-03-04T05:11:07.000Z' }),
    onFailure: (requestId, thrown) => failures.push([requestId, thrown]),
  });
  return {
    cloud,
    tables,
    failures,
    broken,
    async call<T>(method: string, path: string, options: CallOptions = {}) {
      const { body, text, headers = {}, role = 'admin' } = options;
      requests += 1;
      const sent = text ?? (body === undefined ? undefined : JSON.stringify(body));
      const answer = await app.request(
        path,
        {
          method,
          headers: { 'content-type': 'application/json', ...headers },
          ...(sent === undefined ? {} : { body: sent }),
        },
        { caller: { user, role }, requestId: `r${requests}` },
      );
      const given = (await answer.json()) as T;
      requireDeclared(method, new URL(path, 'https://a.invalid').pathname, answer.status, given);
      return { status: answer.status, headers: answer.headers, body: given };
    },
    close: () => tables.close(),
  };
}

export interface Refused {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly recoverable: boolean;
    readonly request_id: string;
  };
}

/** Status, code and message of a refusal. */
export async function refused(call: Promise<Answered<unknown>>): Promise<readonly [number, string, string]> {
  const { status, body } = await call;
  const { code, message } = (body as Refused).error;
  return [status, code, message];
}
