/**
 * The live feed: takes what a subscription of the machines' log group delivers. Calls DynamoDB (GetItem, Query, PutItem,
 * UpdateItem), S3 (artifacts), Step Functions (GetExecutionHistory, DescribeExecution, DescribeStateMachineForExecution)
 * and SNS (Publish).
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import * as z from 'zod/mini';
import { BunsuiError } from '../../lib/errors.ts';
import { readLiveEvent } from '../../lib/sessions/live-events.ts';
import type { LiveSessions } from '../../lib/sessions/live-session.ts';
import { recordEvents } from '../../lib/sessions/record-events.ts';
import { functionLogger, parseEvent, sessionKey } from '../function-setup.ts';
import { liveDeps } from '../live-setup.ts';

/** @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html */
const eventSchema = z.object({ awslogs: z.object({ data: z.string() }) });
const deliverySchema = z.object({
  messageType: z.enum(['DATA_MESSAGE', 'CONTROL_MESSAGE']),
  logEvents: z.array(z.object({ message: z.string() })),
});

/** CloudWatch Logs sends at most some MiB; more is an attempt to fill the memory. */
const maxOutputLength = 128 * 1024 * 1024;

const deps = liveDeps(process.env);
const sessions: LiveSessions = new Map();
const logger = functionLogger();

async function messages(event: unknown): Promise<readonly string[]> {
  const what = 'delivery of CloudWatch Logs';
  const { data } = parseEvent(eventSchema, event, what).awslogs;
  const text = await promisify(gunzip)(Buffer.from(data, 'base64'), { maxOutputLength })
    .then((unzipped) => JSON.parse(unzipped.toString('utf8')) as unknown)
    .catch((cause: Error) => {
      throw new BunsuiError('ValidationError', 'BS3001', `this is no ${what}: awslogs.data: ${cause.message}`, {
        cause,
      });
    });
  const { messageType, logEvents } = parseEvent(deliverySchema, text, what);
  // A control message only asks whether somebody listens.
  return messageType === 'DATA_MESSAGE' ? logEvents.map(({ message }) => message) : [];
}

export const handler = middy(async (event: unknown) => {
  const lines = await messages(event);
  const events = lines.flatMap((line) => readLiveEvent(line) ?? []);
  const { attempts, failed, ...counts } = await recordEvents(deps, events, sessions);
  for (const attempt of attempts) logger.debug('attempt recorded', { ...attempt });
  for (const { execution_arn, error } of failed) {
    logger.error('execution not recorded', { execution_arn, ...sessionKey(execution_arn), error: error as Error });
  }
  const unreadable = lines.length - events.length;
  logger.info('events recorded', { ...counts, events: events.length, unreadable, attempts: attempts.length });
  // Delivered again; what is recorded stays as it is.
  const [first] = failed;
  if (first !== undefined) throw first.error;
  return counts;
}).use(injectLambdaContext(logger, { resetKeys: true }));
