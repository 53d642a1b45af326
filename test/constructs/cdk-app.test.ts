import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Stack, Validations } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import { AwsSolutionsChecks } from 'cdk-nag';
import type { IConstruct } from 'constructs';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { buildAll } from '../../build.ts';
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

beforeAll(async () => {
  // The example imports `bunsui` as its users do: from what is built.
  if (!existsSync(join(root, 'dist/lib/index.js'))) await buildAll(join(root, 'dist'));
  await ensureLambdas();
});

describe('the example app', () => {
  it('synthesises, and cdk-nag finds nothing in it', () => {
    const outdir = temporaryFolder();
    const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8')) as { readonly context: unknown };
    const { status, stderr } = run(['bin/cdk-app.ts'], {
      CDK_OUTDIR: outdir,
      CDK_CONTEXT_JSON: JSON.stringify(context),
    });
    expect(stderr).not.toMatch(/error/i);
    expect(status).toBe(0);
    expect(findingsIn(outdir)).toStrictEqual([]);
    const template = JSON.parse(readFileSync(join(outdir, 'Bunsui.template.json'), 'utf8')) as {
      readonly Resources: { readonly [id: string]: { readonly Type: string } };
    };
    const machines = Object.values(template.Resources).filter(
      ({ Type }) => Type === 'AWS::StepFunctions::StateMachine',
    );
    expect(machines).toHaveLength(1);
  });
});

describe('cdk-nag', () => {
  it('finds nothing with the keys of the services, nor with one of the customer', () => {
    for (const withKey of [false, true]) {
      const app = newApp();
      Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
      const key = withKey ? { encryptionKey: new Key(new Stack(app, 'Keys'), 'Key', { enableKeyRotation: true }) } : {};
      const { platform, pipeline } = newStack(key, app);
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
    const key = new Key(new Stack(app, 'Keys'), 'Key');
    const { platform, pipeline } = newStack({ encryptionKey: key }, app);
    platform.grantData(pipeline.operation('load'), 'two-step');
    const reasons = new Set(acknowledgementsIn(app).values());
    expect([...reasons].sort()).toStrictEqual([
      'CDK grants a key by the groups of actions that encryption needs, on this one key',
      'executions are made as sessions start: the machine is as narrow as a policy can name them',
      'executions that began before a deployment, or are redriven after it, call the older versions of exactly these functions',
      'log delivery and X-Ray take no resource: AWS documents "*" for them',
      'objects have a key per session: the prefix is as narrow as a policy can name them',
      'only log groups that carry the tag of this platform: see the condition',
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
