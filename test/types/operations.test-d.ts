/** What the types of contracts of services promise. Checked by the type-checker alone. */
import { aws, ecs, emr, glue, http, lambdaArn, pipeline, tpl } from 'bunsui';
import * as z from 'zod';

const input = z.object({ key: z.string(), rows: z.int() });
const output = z.object({ Value: z.string() });
const arn = 'arn:aws:lambda:eu-west-1:123456789012:function:score:live';
const resources = ['arn:aws:ssm:::parameter/x'];

const score = lambdaArn('score', { arn, input, output });
// @ts-expect-error the function has to be named
lambdaArn('score', { input, output });
// @ts-expect-error an existing function has no memory of ours
lambdaArn('score', { arn, input, output, memory: 512 });
// @ts-expect-error a Date is no JSON
lambdaArn('score', { arn, input, output: z.object({ at: z.date() }) });

const get = aws('get', {
  service: 'ssm',
  action: 'getParameter',
  input,
  output,
  resources,
  request: (given) => ({ Name: tpl`/${given.key}` }),
});
// @ts-expect-error what the policy allows has to be said
aws('get', { service: 'ssm', action: 'getParameter', input, output });
aws('get', {
  ...{ service: 'ssm', action: 'getParameter', input, output, resources },
  // @ts-expect-error the input has no such field
  request: (given) => ({ Name: given.kee }),
});
aws('get', {
  service: 'ssm',
  action: 'getParameter',
  input,
  output,
  resources,
  request: (given, { unique }) => [given.rows, unique],
});

const image = 'example.com/x:1';
const train = ecs('train', { image, input, output, local: ['train', '--fast'] });
// @ts-expect-error a size is a number
ecs('train', { image, input, output, memory: '2 GB' });
// @ts-expect-error a program is a list of words
ecs('train', { image, input, output, local: 'train --fast' });

const request = () => ({ JobName: 'x' });
glue('job', { input, output, request, resources });
// @ts-expect-error Glue has no such job
glue('job', { input, output, request, resources, run: 'serverless' });
emr('job', { input, output, request, resources, run: 'serverless' });
// @ts-expect-error what the service is called with has to be said
glue('job', { input, output, resources });

const connection = 'arn:aws:events:eu-west-1:123456789012:connection/x/y';
http('call', {
  input,
  output,
  endpoint: 'https://a.example',
  method: 'GET',
  connection,
  path: (given) => tpl`/${given.key}`,
});
// @ts-expect-error HTTP has no such method
http('call', { input, output, endpoint: 'https://a.example', method: 'FETCH', connection });
// @ts-expect-error a path is text
http('call', { input, output, endpoint: 'https://a.example', method: 'GET', connection, path: (given) => given.rows });

pipeline('p', { input }, (p, given) => {
  p.job('zero', train, { key: given.key, rows: 1 });
  // @ts-expect-error the container wants its rows
  p.job('none', train, { key: given.key });
  const one = p.job('one', get, { key: given.key, rows: 1 });
  p.job('two', score, { key: one.out.Value, rows: given.rows });
  // @ts-expect-error a number where text is wanted
  p.job('three', score, { key: given.rows, rows: given.rows });
  // @ts-expect-error the operation gives no such field
  p.job('four', score, { key: one.out.Valeu, rows: given.rows });
});
