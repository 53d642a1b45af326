/**
 * Puts the books right, every minute: takes any event. `{"graceSeconds": 0}` puts right at once what is otherwise left
 * for a minute to whoever is told of it. `{"only": "deadlines"}` tells of deadlines that were missed, and when the next one is due. Calls what `session-ended` calls, and Step Functions
 * (ListStateMachines, ListExecutions, StartExecution).
 */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import middy from '@middy/core';
import * as z from 'zod/mini';
import { tellDeadlines } from '../../lib/sessions/deadlines.ts';
import type { EndDeps } from '../../lib/sessions/deps.ts';
import { reconcile } from '../../lib/sessions/reconcile.ts';
import { functionLogger, parseEvent } from '../function-setup.ts';
import { lazyReport } from '../lazy-report.ts';
import { liveDeps } from '../live-setup.ts';
import { emitSessionMetrics } from '../session-metrics.ts';

/** What is no number of seconds, such as the events of rules, asks for nothing special. */
const eventSchema = z.object({
  graceSeconds: z.optional(z.number().check(z.minimum(0), z.maximum(3_600))),
  only: z.optional(z.literal('deadlines')),
});

interface TimeLeft {
  readonly getRemainingTimeInMillis: () => number;
}

const deps: EndDeps = { ...liveDeps(process.env), logs: new CloudWatchLogsClient({}) };
const logger = functionLogger();

export const handler = middy(async (event: unknown, context: TimeLeft) => {
  const { graceSeconds, only } = parseEvent(eventSchema, event, 'request to put the books right');
  if (only === 'deadlines') {
    const { problems = [], ...told } = await tellDeadlines(deps);
    for (const { error, session_id } of problems)
      logger.error('deadline not told', { session_id, error: error as Error });
    for (const session_id of told.deadlines) logger.info('deadline told', { session_id });
    return told;
  }
  const { problems, ...done } = await reconcile(deps, {
    renderReport: lazyReport,
    onEnded: emitSessionMetrics,
    ...(graceSeconds === undefined ? {} : { graceMs: graceSeconds * 1_000 }),
    remainingMs: () => context.getRemainingTimeInMillis(),
  });
  for (const { error, ...about } of problems) logger.error('not reconciled', { ...about, error: error as Error });
  for (const [outcome, sessions] of Object.entries(done)) {
    for (const session_id of sessions === true || sessions === false ? [] : sessions) {
      logger.info('session put right', { session_id, outcome });
    }
  }
  logger.info('reconciled', { complete: done.complete, problems: problems.length });
  return { ...done, problems: problems.length };
}).use(injectLambdaContext(logger, { resetKeys: true }));
