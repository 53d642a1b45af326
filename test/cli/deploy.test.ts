/** `bunsui deploy` and what belongs to it, with the app of CDK as it is; CDK's command line and CloudFormation stand in. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../lib/cli/main.ts';
import { installCdk, type KeptStack, serveStacks } from './cloud-formation.ts';
import { type Deployed, deployed } from './deployed.ts';
import { recordedTerminal } from './outputs.ts';

const shop = fileURLToPath(new URL('./shop/shop.ts', import.meta.url));
const stacks = new Map<string, KeptStack>();
const events = [
  'bunsuiqa: deploying... [1/2]',
  'bunsuiqa |  0/67 | 1:06:08 PM | CREATE_IN_PROGRESS | AWS::S3::Bucket | Platform/Bucket (B1)',
  'bunsuiqa |  1/67 | 1:06:08 PM | CREATE_FAILED | AWS::S3::Bucket | Platform/Bucket (B1) It exists',
  'bunsuiqa-shop |  1/21 | 1:06:08 PM | CREATE_COMPLETE | AWS::IAM::Role | Pipeline/Role (R1)',
];

let there: Deployed;
let cloud: Awaited<ReturnType<typeof serveStacks>>;
let folder = '';
beforeAll(async () => {
  there = await deployed('acme', shop);
  cloud = await serveStacks(stacks);
  vi.stubEnv('AWS_ENDPOINT_URL_CLOUDFORMATION', cloud.endpoint);
  folder = mkdtempSync(join(tmpdir(), 'bunsui-deploy-'));
});
afterAll(async () => {
  cloud.close();
  await there.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  stacks.clear();
  rmSync(join(folder, 'cdk.log'), { force: true });
  installCdk(folder, events);
});

async function bunsui(...args: readonly string[]) {
  const recorded = recordedTerminal({ columns: 200 });
  // What the app is run with: only what this process has of AWS.
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^(AWS_|PATH$|HOME$)/.test(name)),
  );
  const code = await main(args, recorded, { cwd: folder, environment });
  return { code, out: recorded.out.text(), err: recorded.err.text() };
}

const asked = () => readFileSync(join(folder, 'cdk.log'), 'utf8').trimEnd().split('\n');

/** As if what was synthesised last had been deployed. */
function keepAll(prefix: string): void {
  const assembly = join(folder, '.bunsui/cdk', prefix);
  for (const file of readdirSync(assembly).filter((name) => name.endsWith('.template.json'))) {
    const name = file.replace('.template.json', '');
    const pipeline = name === prefix ? {} : { 'bunsui:pipeline': name.slice(prefix.length + 1) };
    const kind = name === prefix ? 'platform' : 'pipeline';
    const tags = { 'bunsui:stack': kind, 'bunsui:prefix': prefix, ...pipeline };
    stacks.set(name, { status: 'CREATE_COMPLETE', template: readFileSync(join(assembly, file), 'utf8'), tags });
  }
}

const linesOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly type: string; readonly [field: string]: unknown });

describe('deploy', () => {
  it('shows permissions and resources, and says what keeps CDK from it', async () => {
    installCdk(folder, ['This stack uses assets: Please run cdk bootstrap'], 1);
    const { code, out, err } = await bunsui('deploy', shop, '--stage', 'qa', '--yes');
    expect([code, err.split('\n')]).toStrictEqual([
      7,
      [
        'making the templates',
        'comparing with what is deployed',
        'error[BS2005]: CDK ended with an error:',
        '  This stack uses assets: Please run cdk bootstrap',
        '  = help: this account and region have to be prepared once: bunsui bootstrap',
        '',
      ],
    ]);
    expect(out.split('\n').filter((line) => /^\S/.test(line))).toStrictEqual(['bunsuiqa  new', 'bunsuiqa-shop  new']);
    expect(out).toContain('  + Pipeline/Role may lambda:InvokeFunction on {Pipeline/Operation-count/Function}:*');
    expect(out).toContain(
      '  + Pipeline/Operation-count/Role may s3:GetObject, s3:PutObject on arn:{Partition}:s3:::{/bunsui/bunsuiqa/bucket}/data/shop/*',
    );
  }, 120_000);

  it('deploys, tells what fails on the way, and ends with the next command', async () => {
    const ran = await bunsui('deploy', shop, '--stage', 'qa', '-p', 'env.STAGE=qa', '--yes');
    expect([ran.code, asked(), ran.err.split('\n').slice(2)]).toStrictEqual([
      0,
      ['deploy --all'],
      [
        'deploying bunsuiqa',
        'bunsuiqa  CREATE_FAILED  AWS::S3::Bucket Platform/Bucket  It exists',
        'deploying bunsuiqa-shop',
        '',
      ],
    ]);
    expect(ran.out.split('\n').slice(-4)).toStrictEqual([
      expect.stringMatching(/^✓ deployed {2}bunsuiqa {2}shop {2}in \d+\.\ds$/),
      '',
      '  bunsui session start shop --wait --platform bunsuiqa  run it there',
      '',
    ]);
    keepAll('bunsuiqa');
    // Nobody has to agree when nobody may do more than before.
    const quiet = [
      'deploy',
      shop,
      '--stage',
      'qa',
      '-p',
      'env.STAGE=other',
      '--require-approval',
      'broadening',
      '--json',
    ];
    const lines = linesOf((await bunsui(...quiet)).out);
    expect(lines.map(({ type }) => type)).toStrictEqual([
      'preparing',
      'preparing',
      'plan',
      'plan',
      'stack.event',
      'stack.event',
      'stack.event',
      'deployed',
    ]);
    expect(lines.at(-1)).toMatchObject({ platform: 'bunsuiqa', pipelines: ['shop'], changed: ['bunsuiqa-shop'] });
  }, 120_000);

  it('uses a platform that somebody else has deployed, and says what of it only they can change', async () => {
    const file = join(folder, 'bunsui.json');
    const ops = { kind: 'slack', secret: 'env:HOOK' };
    writeFileSync(file, JSON.stringify({ params: { logsDays: 3 }, channels: { ops } }));
    const args = ['deploy', shop, '--platform', 'acme', '--plan', '--json'];
    const { out } = await bunsui(...args).finally(() => rmSync(file));
    expect(linesOf(out).flatMap(({ type, stack }) => (type === 'plan' ? [stack] : []))).toStrictEqual(['acme-shop']);
    expect(linesOf(out).flatMap(({ what }) => (what === undefined ? [] : [what]))).toStrictEqual([
      'for this machine only, and not deployed: the channels ops',
      'another app deploys the platform acme; without effect there: the parameter logsDays',
      'making the templates',
      'comparing with what is deployed',
    ]);
    const typed = await bunsui('deploy', shop, '--platform', 'acme', '-p', 'logLevel=DEBUG', '--plan');
    expect([typed.code, typed.err.split('\n').slice(-3)]).toStrictEqual([
      2,
      [
        'error[BS2001]: --param logLevel: another app deploys the platform acme, and only that app can change it',
        '  = help: leave it out, or deploy a platform of your own: --stage or --platform',
        '',
      ],
    ]);
  });

  it('says why it cannot', async () => {
    const nothing = await bunsui('deploy');
    const broken = await bunsui('deploy', 'gone.ts');
    const channel = await bunsui('deploy', shop, '-p', 'logLevel=LOUD');
    expect(
      [nothing, broken, channel].map(({ code, err }) => [code, err.split('\n').at(-3), err.split('\n').at(-2)]),
    ).toStrictEqual([
      [
        2,
        'error[BS2001]: there is nothing to deploy: no pipeline file is given',
        '  = help: give files, or list them in bunsui.json: {"pipelines": ["pipelines/*/pipeline.ts"]}',
      ],
      [5, 'error[BS2002]: there is no file "gone.ts"', '  = help: check the path of the pipeline file'],
      [
        2,
        'error[BS2001]: the parameter logLevel is "LOUD"',
        "  = help: it says level of the platform's own functions: DEBUG, INFO, WARN or ERROR",
      ],
    ]);
  });
});

it('deploy names what only its bundles show', async () => {
  writeFileSync(join(folder, 'broken.ts'), 'export const handler = (;');
  const own = [
    `import { lambda, pipeline } from 'bunsui';`,
    `import * as z from '${import.meta.resolve('zod')}';`,
    `const op = lambda('op', { entry: './broken.ts', input: z.object({}), output: z.object({}) });`,
    `export default pipeline('own', { input: z.object({}) }, (p) => { p.job('op', op, {}); });`,
  ];
  writeFileSync(join(folder, 'own.mjs'), own.join('\n'));
  const { code, err } = await bunsui('deploy', 'own.mjs', '--platform', 'acme', '--yes');
  expect([code, err.split('\n').at(-2)]).toStrictEqual([
    3,
    expect.stringMatching(/^error\[BS4004\]: the handler of operation op cannot be bundled: .*broken\.ts:1:25/),
  ]);
}, 120_000);

describe('stack', () => {
  const template = (type: string, policy: string) =>
    JSON.stringify({ Resources: { Kept: { Type: type, DeletionPolicy: policy } } });
  beforeEach(() => {
    const of = (prefix: string, pipeline?: string): KeptStack => ({
      status: 'UPDATE_COMPLETE',
      template: pipeline === undefined ? template('AWS::S3::Bucket', 'Retain') : template('AWS::SQS::Queue', 'Delete'),
      tags: {
        'bunsui:stack': pipeline === undefined ? 'platform' : 'pipeline',
        'bunsui:prefix': prefix,
        ...(pipeline === undefined ? {} : { 'bunsui:pipeline': pipeline }),
      },
    });
    stacks.set('bunsuiqa', of('bunsuiqa')).set('bunsuiqa-shop', of('bunsuiqa', 'shop'));
    stacks.set('acme', of('acme')).set('CDKToolkit', { status: 'CREATE_COMPLETE', template: '{}', tags: {} });
  });

  it('list shows what bunsui has deployed', async () => {
    const { code, out } = await bunsui('stack', 'list');
    expect([code, out.split('\n').map((line) => line.split(/ {2,}/).slice(0, 4))]).toStrictEqual([
      0,
      [
        ['STACK', 'PLATFORM', 'PIPELINE', 'STATUS'],
        ['acme', 'acme', '(the platform)', 'update complete'],
        ['bunsuiqa', 'bunsuiqa', '(the platform)', 'update complete'],
        ['bunsuiqa-shop', 'bunsuiqa', 'shop', 'update complete'],
        [''],
      ],
    ]);
    expect(linesOf((await bunsui('stack', 'list', '--json')).out).at(-1)).toStrictEqual({
      v: 1,
      type: 'stack',
      name: 'bunsuiqa-shop',
      kind: 'pipeline',
      platform: 'bunsuiqa',
      pipeline: 'shop',
      status: 'UPDATE_COMPLETE',
      deployed_at: '2026-11-20T10:00:00.000Z',
    });
    stacks.clear();
    expect((await bunsui('stack', 'list')).err).toBe(
      'nothing is deployed there. Deploy something: bunsui deploy FILE\n',
    );
  });

  it('destroy takes a platform with its pipelines, says what stays, and asks', async () => {
    const unasked = await bunsui('stack', 'destroy', 'bunsuiqa');
    expect([unasked.code, unasked.err.split('\n').slice(0, 6)]).toStrictEqual([
      2,
      [
        'This is destroyed',
        '  bunsuiqa-shop',
        '  bunsuiqa',
        'This stays, with all it holds',
        '  AWS::S3::Bucket bunsui-kept',
        'error[BS2001]: this has to be confirmed, and there is no terminal to ask on',
      ],
    ]);
    const destroyed = await bunsui('stack', 'destroy', 'bunsuiqa', '--yes', '--json');
    expect([destroyed.code, linesOf(destroyed.out).map(({ stack }) => stack), asked()]).toStrictEqual([
      0,
      ['bunsuiqa-shop', 'bunsuiqa'],
      ['destroy --all'],
    ]);
    const absent = await bunsui('stack', 'destroy', 'CDKToolkit', '--yes');
    expect([absent.code, absent.err.split('\n')[0]]).toStrictEqual([
      5,
      'error[BS2003]: no stack "CDKToolkit" was deployed there by bunsui',
    ]);
  });
});

it('bootstrap prepares an account', async () => {
  const { code, out } = await bunsui('bootstrap', '--region', 'eu-west-1');
  expect([code, out, asked()]).toStrictEqual([
    0,
    'this account and region are ready. Now: bunsui deploy\n',
    ['bootstrap --app'],
  ]);
  const json = await bunsui('bootstrap', '--json');
  expect([linesOf(json.out)[0]?.type, json.err]).toStrictEqual(['bootstrapped', '']);
});
