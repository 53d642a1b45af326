/**
 * Puts the books right, every minute: takes any event. Calls what `session-ended` calls, and Step Functions
 * (ListStateMachines, ListExecutions, StartExecution).
 */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import type { EndDeps } from '../../lib/sessions/deps.ts';
import { reconcile } from '../../lib/sessions/reconcile.ts';
import { functionLogger } from '../function-setup.ts';
import { lazyReport } from '../lazy-report.ts';
import { liveDeps } from '../live-setup.ts';
import { emitSessionMetrics } from '../session-metrics.ts';

const deps: EndDeps = { ...liveDeps(process.env), logs: new CloudWatchLogsClient({}) };
const logger = functionLogger();

export const handler = middy(async (_event: unknown, context: Context) => {
  const { problems, ...done } = await reconcile(deps, {
    renderReport: lazyReport,
    onEnded: emitSessionMetrics,
    remainingMs: () => context.getRemainingTimeInMillis(),
  });
  for (const { error, ...about } of problems) logger.error('not reconciled', { ...about, error: error as Error });
  logger.info('reconciled', { ...done, problems: problems.length });
  return { ...done, problems: problems.length };
}).use(injectLambdaContext(logger, { resetKeys: true }));
