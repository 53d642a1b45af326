/** Records the end of a session: takes the event "Step Functions Execution Status Change". */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import middy from '@middy/core';
import * as z from 'zod/mini';
import type { EndDeps } from '../../lib/sessions/deps.ts';
import { endSession } from '../../lib/sessions/end-session.ts';
import { functionLogger, parseEvent, sessionKey } from '../function-setup.ts';
import { lazyReport } from '../lazy-report.ts';
import { liveDeps } from '../live-setup.ts';
import { emitSessionMetrics } from '../session-metrics.ts';

/** @see https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html */
const eventSchema = z.object({
  detail: z.object({
    executionArn: z
      .string()
      .check(z.regex(/^arn:[a-z-]+:states:[a-z0-9-]+:\d{12}:execution:[^:\s]{1,80}:[^:\s]{1,80}$/)),
  }),
});

const deps: EndDeps = { ...liveDeps(process.env), logs: new CloudWatchLogsClient({}) };
const logger = functionLogger();

export const handler = middy(async (event: unknown) => {
  const { executionArn } = parseEvent(eventSchema, event, 'status change of an execution').detail;
  logger.appendKeys({ execution_arn: executionArn, ...sessionKey(executionArn) });
  const ended = await endSession(deps, { executionArn }, lazyReport, emitSessionMetrics);
  logger.info('session ended', { ...ended });
  return ended;
})
  .use(injectLambdaContext(logger, { resetKeys: true }))
  // Lambda's own line about the error does not say whose it is.
  .onError(({ error }) => logger.error('end not recorded', error as Error));
