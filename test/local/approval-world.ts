/** A runtime on which sessions of a pipeline ask a person: nothing in it is a double, and no function runs. */
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Pipeline } from 'bunsui';
import { makeClients } from '../../lib/cli/clients.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { deployLocally } from '../../lib/local/deploy.ts';
import { ensurePlatform } from '../../lib/local/platform.ts';
import type { Runtime } from '../../lib/local/runtime.ts';
import type { AnswerDeps, AnswerRequest } from '../../lib/sessions/answer-approval.ts';
import { readAsking } from '../../lib/sessions/approval-store.ts';
import type { EndDeps } from '../../lib/sessions/deps.ts';
import { endSession } from '../../lib/sessions/end-session.ts';
import { describeExecution } from '../../lib/sessions/history.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { startSession } from '../../lib/sessions/start-session.ts';
import { getSession } from '../../lib/sessions/store.ts';
import { gatesTableName, platformNames } from '../../lib/storage-layout.ts';
import { openForTest } from './runtimes.ts';

export interface ApprovalWorld {
  readonly runtime: Runtime;
  readonly deps: AnswerDeps & EndDeps & { nowMs: number | undefined };
  /** Starts a session and waits until it asks. */
  asks(pipeline: Pipeline, input: object, job?: string): Promise<{ readonly session: string; readonly arn: string }>;
  /** Waits until a job asks: for the first time, or after another time. */
  untilAsked(arn: string, job: string, after?: string): Promise<string>;
  /** Waits for the end of an execution, and records it. */
  end(arn: string): Promise<unknown>;
}

/** An answer, of which a test says only what it is about. */
export const answerTo = (session: string, more: Partial<AnswerRequest>): AnswerRequest => ({
  ...{ session, job: 'signoff', answer: { approve: { stage: 'prod' } }, by: 'yui', via: 'cli' },
  ...more,
});

export async function openApprovalWorld(): Promise<ApprovalWorld> {
  const runtime = await openForTest();
  await ensurePlatform(runtime);
  const names = platformNames({ account: runtime.accountId, region: runtime.region });
  const time: { nowMs: number | undefined } = { nowMs: undefined };
  let ids = 0n;
  const deps = Object.assign(time, {
    ...makeClients(runtime, names, { pathStyle: true }),
    gatesTable: gatesTableName(),
    now: () => time.nowMs ?? Date.now(),
    entropy: () => (ids += 1n),
  });
  const untilAsked = async (arn: string, job: string, after = '') => {
    for (;;) {
      const asked = await readAsking(deps, arn, job);
      if (asked !== undefined && asked.askedAt > after) return asked.askedAt;
      await wait(10);
    }
  };
  return {
    ...{ runtime, deps, untilAsked },
    async asks(pipeline, input, job = 'signoff') {
      const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
      const compiled = compilePipeline(pipeline.ir, { sha256 });
      if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
      const deployed = await deployLocally(runtime, compiled.artifact);
      await registerPipeline(deps, deployed);
      const request = { pipeline: pipeline.id, input: input as never, trigger: { kind: 'manual' } as const };
      const { session_id: session } = await startSession(deps, request);
      const arn = (await getSession(deps, session))?.execution_arn ?? '';
      await untilAsked(arn, job);
      return { session, arn };
    },
    async end(arn) {
      while ((await describeExecution(deps.sfn, arn)).status === 'RUNNING') await wait(10);
      return endSession(deps, { executionArn: arn }, () => 'report');
    },
  };
}
