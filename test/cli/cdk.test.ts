import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { awsEnvironment, findCdk, lastWords, runCdk, runNode, stackEvent } from '../../lib/cli/cdk.ts';
import { recordedTerminal } from './outputs.ts';

const context = { terminal: recordedTerminal(), cwd: process.cwd(), commandName: 'bunsui', environment: { A: 'b' } };

it('an event of a stack is read from the line that CDK prints', () => {
  const lines = [
    'dev-shop | 10/21 | 1:06:26 PM | CREATE_COMPLETE         | AWS::IAM::Role   | Pipeline/Role (PipelineRole8F70BB43) ',
    'dev |  0/67 | 1:06:08 PM | REVIEW_IN_PROGRESS      | AWS::CloudFormation::Stack        | dev User Initiated',
    'dev | 3 | 1:06:08 PM | DELETE_FAILED | AWS::S3::Bucket | Bucket (B12) Resource is not empty',
    '  dev: deploying... [1/2]',
    '',
  ];
  expect(lines.map(stackEvent)).toStrictEqual([
    {
      stack: 'dev-shop',
      done: 10,
      total: 21,
      status: 'CREATE_COMPLETE',
      type: 'AWS::IAM::Role',
      resource: 'Pipeline/Role',
      reason: '',
    },
    {
      stack: 'dev',
      done: 0,
      total: 67,
      status: 'REVIEW_IN_PROGRESS',
      type: 'AWS::CloudFormation::Stack',
      resource: 'dev',
      reason: 'User Initiated',
    },
    {
      stack: 'dev',
      done: 3,
      total: 3,
      status: 'DELETE_FAILED',
      type: 'AWS::S3::Bucket',
      resource: 'Bucket',
      reason: 'Resource is not empty',
    },
    undefined,
    undefined,
  ]);
});

it('the command line of CDK is found beside the project or bunsui', () => {
  expect(findCdk(tmpdir())).toBe(findCdk(process.cwd()));
});

it('a program is heard line by line, and its last words are kept', async () => {
  const script = `console.log('one'); console.error('\\u001b[31mtwo'); console.log('-----'); process.exitCode = 3`;
  const heard: string[] = [];
  const ended = await runNode(['-e', script], { cwd: tmpdir(), env: process.env, hear: (line) => heard.push(line) });
  expect([ended.status, heard.toSorted()]).toStrictEqual([3, ['\u001b[31mtwo', '-----', 'one']]);
  expect(lastWords(ended).split('\n').toSorted()).toStrictEqual(['one', 'two']);
});

it('an account that was never prepared is told by what to do', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bunsui-cdk-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const failing = (text: string) =>
    runCdk(context, {
      cdk: '-e',
      assembly: folder,
      target: {},
      args: [`console.error(${JSON.stringify(text)}); process.exit(1)`, '--'],
    });
  await expect(
    failing('SSM parameter /cdk-bootstrap/x/version not found. Please run cdk bootstrap'),
  ).rejects.toMatchObject({
    code: 'BS2005',
    hint: 'this account and region have to be prepared once: bunsui bootstrap',
  });
  const taken = [
    "T: Resource of type 'AWS::DynamoDB::Table' with identifier 'bunsui-gates' already exists",
    ...'abcdefghijklmnop',
  ];
  await expect(failing(taken.join('\n'))).rejects.toMatchObject({
    hint: expect.stringMatching(/^something of that name is there already\. Tables and bucket .* --platform$/),
  });
  await expect(failing('no such thing')).rejects.toMatchObject({
    message: 'CDK ended with an error:\nno such thing',
    hint: expect.stringContaining('CloudFormation says why not'),
  });
});

it('programs get the profile, region and endpoint that were asked for', () => {
  expect(awsEnvironment(context, { profile: 'p', region: 'r', endpointUrl: 'u' })).toStrictEqual({
    A: 'b',
    AWS_REGION: 'r',
    AWS_DEFAULT_REGION: 'r',
    AWS_ENDPOINT_URL: 'u',
    AWS_PROFILE: 'p',
    CDK_DISABLE_CLI_TELEMETRY: 'true',
  });
});
