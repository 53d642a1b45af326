/** The HTTP API: takes requests of an API Gateway REST API with proxy integration. */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import middy from '@middy/core';
import { apiApp } from '../../lib/api/app.ts';
import { bindingsOf, proxyAnswer, proxyEvent, requestOf } from '../../lib/api/gateway.ts';
import { environment } from '../../lib/storage-layout.ts';
import { functionLogger, parseEvent, requireVariable, s3Client, startDeps } from '../function-setup.ts';
import { objectUrls } from './object-urls.ts';

const start = startDeps(process.env);
const bucket = requireVariable(process.env, environment.bucket);
const logger = functionLogger();
const app = apiApp({
  ...start,
  s3: s3Client(process.env),
  logs: new CloudWatchLogsClient({}),
  names: { ...start.names, bucket },
  objectUrl: objectUrls(process.env, bucket, Date.now),
  onFailure: (requestId, thrown) => {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    logger.error('request failed', { error, request_id: requestId });
  },
});

export const handler = middy(async (event: unknown) => {
  const request = parseEvent(proxyEvent, event, 'request of API Gateway');
  const bindings = bindingsOf(request);
  const answer = await proxyAnswer(await app.fetch(requestOf(request), bindings));
  const { httpMethod: method, path } = request;
  const { requestId, caller } = bindings;
  logger.info('request answered', {
    method,
    path,
    status: answer.statusCode,
    request_id: requestId,
    ...(caller.user === undefined ? {} : { user: caller.user }),
  });
  return answer;
}).use(injectLambdaContext(logger, { resetKeys: true }));
