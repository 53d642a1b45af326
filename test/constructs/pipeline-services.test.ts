/** A pipeline whose jobs call services: what its machine may do, in the template, and what cdk-nag says of it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { aws, batch, glue, http, lambdaArn, pipeline } from 'bunsui';
import { Stack, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { Pipeline, Platform } from '../../lib/constructs/index.ts';
import { propertiesOf, resourcesOf, newApp } from './synth.ts';

const word = z.object({ word: z.string() });
const value = z.object({ Value: z.string() });
const account = '123456789012';
const functionArn = `arn:aws:lambda:eu-west-1:${account}:function:score:live`;
const connection = `arn:aws:events:eu-west-1:${account}:connection/orders/0b5dbd9c`;
const request = () => ({ JobName: 'x' });

const services = pipeline('services', { input: word }, (p, input) => {
  const given = { word: input.word };
  p.job('a', lambdaArn('score', { arn: functionArn, input: word, output: value }), given);
  p.job(
    'b',
    http('order', { endpoint: 'https://a.example', method: 'GET', connection, input: word, output: value }),
    given,
  );
  const resources = ['arn:aws:ssm:${AWS::Region}:${AWS::AccountId}:parameter/words/*'];
  const wildcard = 'words are known when a session runs';
  const get = aws('get', { service: 'ssm', action: 'getParameter', input: word, output: value, resources, wildcard });
  p.job('c', get, given);
  // The same operation twice asks once.
  p.job('d', get, given);
  const job = 'arn:aws:glue:${AWS::Region}:${AWS::AccountId}:job/x';
  p.job('e', glue('compact', { input: word, output: value, request, resources: [job] }), given);
  const queue = 'arn:aws:batch:eu-west-1:123456789012:job-queue/q';
  p.job('f', batch('crunch', { input: word, output: value, request, resources: [queue] }), given);
});

interface Statement {
  readonly Action: unknown;
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

it('may call exactly the services that its operations name, and cdk-nag finds nothing', () => {
  const app = newApp();
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const stack = new Stack(app, 'Test');
  const platform = Platform.fromAttributes(stack, 'Platform');
  new Pipeline(stack, 'Row', { platform, definition: services });
  const { directory } = app.synth();
  const policies = propertiesOf(resourcesOf(stack), 'AWS::IAM::Policy') as {
    readonly [id: string]: { readonly PolicyDocument: { readonly Statement: readonly Statement[] } };
  };
  const statements = policies['RowRoleDefaultPolicy']?.PolicyDocument.Statement ?? [];
  const sub = (text: string) => ({ 'Fn::Sub': text });
  const found = statements.filter(({ Action }) => !/^(logs|xray):/.test(String([Action].flat()[0])));
  expect(found.map(({ Action, Resource, Condition }) => [Action, Resource, Condition])).toStrictEqual([
    ['lambda:InvokeFunction', functionArn, undefined],
    [
      'states:InvokeHTTPEndpoint',
      sub('arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:*'),
      {
        StringEquals: { 'states:HTTPMethod': 'GET' },
        StringLike: { 'states:HTTPEndpoint': 'https://a.example' },
      },
    ],
    ['events:RetrieveConnectionCredentials', connection, undefined],
    [
      ['secretsmanager:GetSecretValue', 'secretsmanager:DescribeSecret'],
      `arn:aws:secretsmanager:eu-west-1:${account}:secret:events!connection/*`,
      undefined,
    ],
    ['ssm:GetParameter', sub('arn:aws:ssm:${AWS::Region}:${AWS::AccountId}:parameter/words/*'), undefined],
    [
      ['glue:StartJobRun', 'glue:GetJobRun', 'glue:GetJobRuns', 'glue:BatchStopJobRun'],
      sub('arn:aws:glue:${AWS::Region}:${AWS::AccountId}:job/x'),
      undefined,
    ],
    ['batch:SubmitJob', 'arn:aws:batch:eu-west-1:123456789012:job-queue/q', undefined],
    [['batch:DescribeJobs', 'batch:TerminateJob'], '*', undefined],
    [
      ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'],
      sub('arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/StepFunctionsGetEventsForBatchJobsRule'),
      undefined,
    ],
  ]);
  const report = join(directory, 'validation-report.json');
  const { pluginReports = [] } = existsSync(report)
    ? (JSON.parse(readFileSync(report, 'utf8')) as {
        readonly pluginReports?: readonly { readonly violations: readonly { readonly ruleName: string }[] }[];
      })
    : {};
  expect(pluginReports.flatMap(({ violations }) => violations.map(({ ruleName }) => ruleName))).toStrictEqual([]);
});
