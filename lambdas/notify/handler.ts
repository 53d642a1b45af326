/** Delivers notices to channels: reads the queues of Slack, webhook and e-mail channels, one notice at a time. */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SESv2Client } from '@aws-sdk/client-sesv2';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import middy from '@middy/core';
import * as z from 'zod/mini';
import { answerLinks } from '../../lib/notify/answer-links.ts';
import { channelsFromEnvironment } from '../../lib/notify/channels.ts';
import { secretsFrom } from '../../lib/notify/secrets.ts';
import { type TakeDeps, takeMessages } from '../../lib/notify/take-messages.ts';
import { environment } from '../../lib/storage-layout.ts';
import { functionLogger, parseEvent, requireVariable } from '../function-setup.ts';

/** @see https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
const eventSchema = z.object({
  Records: z.array(
    z.object({
      messageId: z.string(),
      receiptHandle: z.string(),
      body: z.string(),
      eventSourceARN: z.string().check(z.regex(/^arn:[a-z-]+:sqs:[a-z0-9-]+:\d{12}:[\w-]{1,80}$/)),
      attributes: z.object({ ApproximateReceiveCount: z.string().check(z.regex(/^\d{1,9}$/)) }),
    }),
  ),
});

const logger = functionLogger();
const db = DynamoDBDocumentClient.from(new DynamoDBClient({}));
/** Not set where there is no API. */
const api = process.env[environment.api] ?? '';
const deps: TakeDeps = {
  channels: channelsFromEnvironment(requireVariable(process.env, environment.channels)),
  sessionsTable: requireVariable(process.env, environment.sessionsTable),
  db,
  // The address of a queue names a host that is not there where the endpoint is another one.
  sqs: new SQSClient({ useQueueUrlAsEndpoint: process.env['AWS_ENDPOINT_URL'] === undefined }),
  ses: new SESv2Client({}),
  secrets: secretsFrom(new SecretsManagerClient({}), Date.now),
  ...(api === ''
    ? {}
    : {
        answerLink: answerLinks(
          { db, gatesTable: requireVariable(process.env, environment.gatesTable) },
          api,
          Date.now,
        ),
      }),
  now: Date.now,
  random: Math.random,
  warn: (message) => logger.warn(message),
  report(taken) {
    if (taken.outcome === 'delivered') logger.info('notice delivered', { ...taken });
    else if (taken.outcome === 'later') logger.warn('notice not delivered yet', { ...taken });
    else logger.error('notice put among the dead letters', { ...taken });
  },
};

export const handler = middy((event: unknown) =>
  takeMessages(deps, parseEvent(eventSchema, event, 'batch of messages').Records),
).use(injectLambdaContext(logger, { resetKeys: true }));
