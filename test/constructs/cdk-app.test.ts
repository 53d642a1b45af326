import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type App, Stack, Validations } from 'aws-cdk-lib';
import { type IVpc, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { IConstruct } from 'constructs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { buildAll } from '../../build.ts';
import type { PlatformProps } from '../../lib/constructs/index.ts';
import { type Template, weaknessesOf } from './security.ts';
import { ensureLambdas, newApp, newStack } from './synth.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

function temporaryFolder(): string {
  const made = mkdtempSync(join(tmpdir(), 'bunsui-app-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function run(args: readonly string[], env: { readonly [name: string]: string } = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr };
}

interface Report {
  readonly pluginReports?: readonly {
    readonly pluginName: string;
    readonly violations: readonly { readonly ruleName: string }[];
  }[];
}

/** What cdk-nag found in an assembly. */
function findingsIn(outdir: string): readonly string[] {
  const file = join(outdir, 'validation-report.json');
  if (!existsSync(file)) throw new Error(`no validation report in ${outdir}: was the plugin there?`);
  const { pluginReports = [] } = JSON.parse(readFileSync(file, 'utf8')) as Report;
  return pluginReports
    .filter(({ pluginName }) => pluginName === 'AwsSolutions')
    .flatMap(({ violations }) => violations.map(({ ruleName }) => ruleName));
}

/** Reasons of all acknowledgements in a tree, by rule. */
function acknowledgementsIn(construct: IConstruct): ReadonlyMap<string, string> {
  const entries = construct.node
    .findAll()
    .flatMap(({ node }) => node.metadata)
    .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
    .flatMap(({ data }) => Object.entries(data as { readonly [rule: string]: string }));
  return new Map(entries);
}

/** All that a platform can be asked for. */
function everything(app: App): PlatformProps {
  const network = new Stack(app, 'Network');
  const vpc = new Vpc(network, 'Vpc', { restrictDefaultSecurityGroup: false });
  // Whoever makes a network says what flows in it.
  vpc.addFlowLog('Flow');
  return {
    vpc: vpc as IVpc,
    channels: {
      ops: { kind: 'slack', secret: 'slack-ops' },
      hook: { kind: 'webhook', url: 'https://example.com/x', secret: ['hook-old', 'hook-new'] },
      post: { kind: 'email', from: 'Bunsui <a@example.com>', to: ['b@example.com'] },
      team: { kind: 'mail', to: ['c@example.com'] },
    },
    environmentName: 'prod',
    alarmTopic: new Topic(network, 'Pager', { enforceSSL: true }),
  };
}

beforeAll(async () => {
  // The example imports `bunsui` as its users do: from what is built.
  if (!existsSync(join(root, 'dist/lib/index.js'))) await buildAll(join(root, 'dist'));
  await ensureLambdas();
});

/** The example app, synthesised as people do it. */
function synthesise(outdir: string, env: { readonly [name: string]: string } = {}) {
  const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8')) as { readonly context: unknown };
  const ended = run(['bin/cdk-app.ts'], { CDK_OUTDIR: outdir, CDK_CONTEXT_JSON: JSON.stringify(context), ...env });
  return { ...ended, text: readFileSync(join(outdir, 'Bunsui.template.json'), 'utf8') };
}

describe('the example app', () => {
  const outdir = mkdtempSync(join(tmpdir(), 'bunsui-app-'));
  let first: ReturnType<typeof synthesise>;
  beforeAll(() => {
    first = synthesise(outdir);
  });
  afterAll(() => rmSync(outdir, { recursive: true, force: true }));

  it('synthesises, and nobody finds anything in it', () => {
    const { status, stderr, text } = first;
    expect(stderr).not.toMatch(/error/i);
    expect(status).toBe(0);
    expect(findingsIn(outdir)).toStrictEqual([]);
    const template = JSON.parse(text) as Template;
    expect(weaknessesOf(template)).toStrictEqual([]);
    const machines = Object.values(template.Resources ?? {}).filter(
      ({ Type }) => Type === 'AWS::StepFunctions::StateMachine',
    );
    expect(machines).toHaveLength(1);
  });

  it('is the same again, elsewhere and by another clock: `cdk diff` would show nothing', () => {
    const again = synthesise(temporaryFolder(), { TZ: 'Asia/Tokyo', LANG: 'ja_JP.UTF-8' });
    expect(again.text).toBe(first.text);
  });

  // A resource whose id changes is made anew, and its data is gone: see what changes before you accept it.
  it('has the logical ids that it had before', () => {
    const template = JSON.parse(first.text) as Template;
    const ids = Object.entries(template.Resources ?? {}).map(([id, { Type }]): [string, string] => [
      id.replace(/(?<=[0-9A-F]{8})[0-9a-f]{16,32}$/, '<content>'),
      Type,
    ]);
    const written = `${JSON.stringify(Object.fromEntries(ids.sort()), null, 2)}\n`;
    const golden = join(root, 'test/golden/logical-ids.json');
    if (process.env['BUNSUI_UPDATE_GOLDEN'] === '1') writeFileSync(golden, written);
    expect(written).toBe(readFileSync(golden, 'utf8'));
  });
});

describe('cdk-nag', () => {
  it('finds nothing with the keys of the services, nor with one of the customer', () => {
    for (const withKey of [false, true]) {
      const app = newApp();
      Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
      const key = withKey ? { encryptionKey: new Key(new Stack(app, 'Keys'), 'Key', { enableKeyRotation: true }) } : {};
      const { platform, pipeline } = newStack({ ...key, ...everything(app) }, app);
      platform.grantData(pipeline.operation('load'), 'two-step');
      app.synth();
      expect(findingsIn(app.outdir)).toStrictEqual([]);
    }
  });

  it('is there: what is not acknowledged is found', () => {
    const app = newApp();
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    const { platform, pipeline } = newStack({}, app);
    platform.bucket.grantRead(pipeline.operation('load'));
    expect(() => app.synth()).toThrow(/AwsSolutions-IAM5\[Action::s3:GetObject\*\]/);
    expect(findingsIn(app.outdir)).toContain('AwsSolutions-IAM5[Action::s3:GetObject*]');
  });

  it('is answered with at most eight reasons', () => {
    const app = newApp();
    const encryptionKey = new Key(new Stack(app, 'Keys'), 'Key');
    const { stack, platform, pipeline } = newStack({ encryptionKey, ...everything(app) }, app);
    platform.grantData(pipeline.operation('load'), 'two-step');
    const reasons = new Set(acknowledgementsIn(stack).values());
    expect([...reasons].sort()).toStrictEqual([
      'API Gateway accepts only a role that may write the logs of every API of the account',
      'CDK grants a key by the groups of actions that encryption needs, on this one key',
      'every method asks for the signature of a principal of IAM, or of a link for one answer, and the stage is throttled: who also wants a user pool or a firewall adds it to `platform.api`',
      'executions that began before a deployment, or are redriven after it, call the older versions of exactly these functions',
      'objects, pipelines and executions are made after the policy: the prefix of their names is as narrow as it can name them',
      'only log groups that carry the tag of this platform: see the condition',
      'these actions take no resource, as log delivery and X-Ray: AWS documents "*" for them',
      'what is in the bucket is made by bunsui; who wants to know who read it turns on CloudTrail data events',
    ]);
  });
});

describe('synthesis', () => {
  it('loads neither the AWS SDK nor a handler nor the command line', () => {
    const script = `
      import { registerHooks } from 'node:module';
      const loaded = [];
      registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
      await import('./lib/constructs/index.ts');
      await import('./pipelines/flights/pipeline.ts');
      process.stdout.write(JSON.stringify(loaded));
    `;
    const { status, stdout, stderr } = run(['--input-type=module', '--eval', script]);
    expect({ status, stderr }).toStrictEqual({ status: 0, stderr: '' });
    const loaded = JSON.parse(stdout) as readonly string[];
    const has = (part: string) => loaded.filter((url) => url.includes(part));
    expect(has('/node_modules/aws-cdk-lib/').length).toBeGreaterThan(0);
    expect(has('/pipelines/flights/operations.ts')).toHaveLength(1);
    const unwanted = [
      '/node_modules/@aws-sdk/',
      '/node_modules/@smithy/',
      '/handlers/',
      '/lib/cli/',
      '/lib/local/',
      '/cdk-nag/',
    ];
    expect(unwanted.flatMap(has)).toStrictEqual([]);
  });
});
