/** A pipeline with maps over S3: what its state machine may do for them, and what cdk-nag says of it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Stack, Validations } from 'aws-cdk-lib';
import { lambdaArn, type Pipeline as Definition, pipeline, tpl } from 'bunsui';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Pipeline, Platform } from '../../lib/constructs/index.ts';
import { type Template, weaknessesOf } from './security.ts';
import { newApp, propertiesOf, resourcesOf } from './synth.ts';

const take = lambdaArn('take', {
  arn: 'arn:aws:lambda:us-east-1:123456789012:function:take:live',
  input: z.object({ key: z.string() }),
  output: z.object({}),
});
const item = z.object({ key: z.string() });

const own = pipeline('own', { input: z.object({ day: z.string() }) }, (p, input) => {
  p.mapS3('orders', { format: 'jsonl', key: tpl`orders/${input.day}.jsonl`, item }, (one, q) =>
    q.job('take', take, { key: one.key }),
  );
});
const others = pipeline('others', { input: z.object({ bucket: z.string(), at: z.string() }) }, (p, input) => {
  const results = { bucket: 'reports', prefix: tpl`out/${input.at}` };
  p.mapS3(
    'listed',
    { format: 'objects', bucket: 'incoming', prefix: 'a/' },
    (one, q) => q.job('one', take, { key: one.Key }),
    {
      results,
    },
  );
  p.mapS3(
    'read',
    { format: 'csv', bucket: input.bucket, buckets: ['first', 'second'], prefix: input.at, item },
    (one, q) => q.job('two', take, { key: one.key }),
    { results },
  );
});

/** The statements of the machine's role but for its call of the function and its logs, and what is found wrong. */
function synthesised(definition: Definition<never, never>) {
  const app = newApp();
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const stack = new Stack(app, 'Test');
  new Pipeline(stack, 'Row', {
    platform: Platform.fromAttributes(stack, 'Platform', {}),
    definition: definition as never,
  });
  const assembly = app.synth();
  const report = join(assembly.directory, 'validation-report.json');
  const { pluginReports = [] } = existsSync(report)
    ? (JSON.parse(readFileSync(report, 'utf8')) as {
        readonly pluginReports?: readonly { readonly violations: readonly { readonly ruleName: string }[] }[];
      })
    : {};
  const found = pluginReports.flatMap(({ violations }) => violations.map(({ ruleName }) => ruleName));
  const policies = Object.entries(propertiesOf(resourcesOf(stack), 'AWS::IAM::Policy')) as unknown as readonly [
    string,
    {
      readonly PolicyDocument: {
        readonly Statement: readonly { readonly Action: unknown; readonly Resource: unknown }[];
      };
    },
  ][];
  const statements = policies.flatMap(([, { PolicyDocument }]) => PolicyDocument.Statement);
  const flat = (value: unknown): unknown =>
    JSON.parse(
      JSON.stringify(value).replaceAll(/\{"Fn::Join":\["",(\[.*?\])\]\}/g, (_, parts: string) =>
        JSON.stringify(
          (JSON.parse(parts) as readonly unknown[])
            .map((part) => (typeof part === 'string' ? part : `<${Object.values(part as object).join('.')}>`))
            .join(''),
        ),
      ),
    );
  const ofMaps = statements
    .filter(({ Action: action }) => /"(s3|states):/.test(JSON.stringify(action)))
    .map(({ Action, Resource, ...rest }) => flat({ Action, Resource, ...rest }));
  const [role] = Object.values(propertiesOf(resourcesOf(stack), 'AWS::IAM::Role'));
  return { ofMaps, role: flat(role), found, weak: weaknessesOf(assembly.getStackByName('Test').template as Template) };
}

describe('a map over S3', () => {
  it('may run executions of its own machine, read its object, and leave results; cdk-nag finds nothing', () => {
    const { ofMaps, role, found, weak } = synthesised(own as never);
    expect([found, weak]).toStrictEqual([[], []]);
    expect(ofMaps).toMatchInlineSnapshot(`
      [
        {
          "Action": "states:StartExecution",
          "Effect": "Allow",
          "Resource": [
            "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:stateMachine:bunsui-own",
            "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:stateMachine:bunsui-own:*",
          ],
        },
        {
          "Action": [
            "states:DescribeExecution",
            "states:StopExecution",
            "states:RedriveExecution",
          ],
          "Effect": "Allow",
          "Resource": [
            "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:bunsui-own:*",
            "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:bunsui-own/orders:*",
          ],
        },
        {
          "Action": "states:DescribeMapRun",
          "Effect": "Allow",
          "Resource": "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:mapRun:bunsui-own/orders:*",
        },
        {
          "Action": "s3:GetObject",
          "Effect": "Allow",
          "Resource": "arn:<AWS::Partition>:s3:::<SsmParameterValuebunsuibunsuibucketC96584B6F00A464EAD1953AFF4B05118Parameter>/orders/*",
        },
        {
          "Action": [
            "s3:PutObject",
            "s3:GetObject",
            "s3:ListMultipartUploadParts",
            "s3:AbortMultipartUpload",
          ],
          "Effect": "Allow",
          "Resource": "arn:<AWS::Partition>:s3:::<SsmParameterValuebunsuibunsuibucketC96584B6F00A464EAD1953AFF4B05118Parameter>/maps/own/*",
        },
      ]
    `);
    expect(JSON.stringify(role)).toContain(':stateMachine:bunsui-own/*');
  });

  it('in other buckets may list and read these by their prefixes, and nothing in the platform’s', () => {
    const { ofMaps, found } = synthesised(others as never);
    expect(found).toStrictEqual([]);
    expect(ofMaps).toMatchInlineSnapshot(`
      [
        {
          "Action": "states:StartExecution",
          "Effect": "Allow",
          "Resource": [
            "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:stateMachine:bunsui-others",
            "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:stateMachine:bunsui-others:*",
          ],
        },
        {
          "Action": [
            "states:DescribeExecution",
            "states:StopExecution",
            "states:RedriveExecution",
          ],
          "Effect": "Allow",
          "Resource": [
            "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:bunsui-others:*",
            "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:bunsui-others/listed:*",
            "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:bunsui-others/read:*",
          ],
        },
        {
          "Action": "states:DescribeMapRun",
          "Effect": "Allow",
          "Resource": [
            "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:mapRun:bunsui-others/listed:*",
            "arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:mapRun:bunsui-others/read:*",
          ],
        },
        {
          "Action": "s3:ListBucket",
          "Condition": {
            "StringLike": {
              "s3:prefix": [
                "a/*",
              ],
            },
          },
          "Effect": "Allow",
          "Resource": "arn:<AWS::Partition>:s3:::incoming",
        },
        {
          "Action": [
            "s3:PutObject",
            "s3:GetObject",
            "s3:ListMultipartUploadParts",
            "s3:AbortMultipartUpload",
          ],
          "Effect": "Allow",
          "Resource": "arn:<AWS::Partition>:s3:::reports/out/*",
        },
        {
          "Action": "s3:ListBucket",
          "Condition": {
            "StringLike": {
              "s3:prefix": [
                "*",
              ],
            },
          },
          "Effect": "Allow",
          "Resource": [
            "arn:<AWS::Partition>:s3:::first",
            "arn:<AWS::Partition>:s3:::second",
          ],
        },
        {
          "Action": "s3:GetObject",
          "Effect": "Allow",
          "Resource": [
            "arn:<AWS::Partition>:s3:::first/*",
            "arn:<AWS::Partition>:s3:::second/*",
          ],
        },
      ]
    `);
  });
});
