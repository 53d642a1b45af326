import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DeployRequest, deploymentOf, withoutEffect } from '../../lib/cli/deployment.ts';
import type { ProjectFile } from '../../lib/cli/project-file.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bunsui-deployment-'));
  for (const name of ['etl', 'etl/node_modules']) mkdirSync(join(folder, name));
  for (const name of ['etl/b.ts', 'etl/a.ts', 'etl/node_modules/c.ts', 'one.ts']) writeFileSync(join(folder, name), '');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const projectFile = (fields: object): ProjectFile => ({
  path: join(folder, 'bunsui.json'),
  folder,
  fields: fields as ProjectFile['fields'],
});
const request = (more: Partial<DeployRequest> = {}): DeployRequest => ({
  files: [],
  cwd: folder,
  params: [],
  context: [],
  ...more,
});

const project = {
  pipelines: ['etl/**/*.ts', 'one.ts'],
  params: { removal: 'retain', logsDays: 30, 'env.SOURCE': 's3://all' },
  context: { flag: true },
  channels: { ops: { kind: 'mail', to: ['ops@example.com'] } },
  stages: {
    dev: {
      profile: 'dev',
      region: 'eu-west-1',
      params: { removal: 'destroy', schedules: 'off' },
      context: { other: 'x' },
    },
    prod: { platform: 'acme', channels: {} },
  },
};

describe('what is deployed', () => {
  it('is what bunsui.json says, under the usual name', async () => {
    expect(await deploymentOf(request(), projectFile(project))).toStrictEqual({
      deployment: {
        prefix: 'bunsui',
        files: ['etl/a.ts', 'etl/b.ts', 'one.ts'].map((name) => join(folder, name)),
        settings: { removal: 'retain', logsDays: 30 },
        variables: { SOURCE: 's3://all' },
        context: { flag: 'true' },
        channels: { ops: { kind: 'mail', to: ['ops@example.com'] } },
        folder,
      },
      onLaptopOnly: [],
    });
  });

  it('is changed by its stage, and that by the command line', async () => {
    const typed = {
      stage: 'dev',
      params: ['env.SOURCE=a=b', 'logLevel=DEBUG'],
      context: ['flag=no'],
      files: ['one.ts'],
    };
    const { deployment, ...where } = await deploymentOf(
      request({ ...typed, region: 'us-east-1' }),
      projectFile(project),
    );
    expect([where, deployment]).toMatchObject([
      { profile: 'dev', region: 'us-east-1' },
      {
        prefix: 'bunsuidev',
        environment: 'dev',
        files: [join(folder, 'one.ts')],
        settings: { removal: 'destroy', logsDays: 30, schedules: false, logLevel: 'DEBUG' },
        variables: { SOURCE: 'a=b' },
        context: { flag: 'no', other: 'x' },
      },
    ]);
    const prod = await deploymentOf(request({ stage: 'prod' }), projectFile(project));
    expect([prod.deployment.prefix, prod.deployment.channels]).toStrictEqual(['acme', {}]);
    const named = await deploymentOf(request({ stage: 'prod', platform: 'other' }), projectFile(project));
    expect(named.deployment.prefix).toBe('other');
  });

  it('has no channels of a laptop, and says which those are; a stage has none', async () => {
    const ops = { kind: 'slack', secret: 'env:HOOK' };
    const people = { kind: 'email', from: 'a@example.com', to: ['b@example.com'] };
    const both = projectFile({ channels: { ops, people } });
    const wanted = await deploymentOf(request({ files: ['one.ts'] }), both);
    expect([wanted.deployment.channels, wanted.onLaptopOnly]).toStrictEqual([{ people }, ['ops']]);
    const staged = projectFile({ channels: { ops }, stages: { dev: { channels: { ops } } } });
    await expect(deploymentOf(request({ files: ['one.ts'], stage: 'dev' }), staged)).rejects.toMatchObject({
      code: 'BS2004',
      message: expect.stringContaining('channels.ops: env:HOOK is there on a laptop only'),
    });
  });

  it('says what another app decides, and refuses that to be typed', async () => {
    const { deployment } = await deploymentOf(
      request({ stage: 'dev', params: ['logLevel=DEBUG'] }),
      projectFile(project),
    );
    expect(withoutEffect(deployment, [])).toStrictEqual([
      'the parameters logsDays, logLevel',
      'the channel ops',
      "the stage's name dev in records",
    ]);
    expect(() => withoutEffect(deployment, ['logLevel=DEBUG'])).toThrow(/--param logLevel: another app deploys/);
    const plain = await deploymentOf(request({ files: ['one.ts'], params: ['removal=destroy'] }), undefined);
    expect(withoutEffect(plain.deployment, ['removal=destroy'])).toStrictEqual([]);
  });

  it('needs no project file', async () => {
    const { deployment } = await deploymentOf(request({ files: ['etl/a.ts'], stage: 'mine' }), undefined);
    expect(deployment).toStrictEqual({
      prefix: 'bunsuimine',
      environment: 'mine',
      files: [join(folder, 'etl/a.ts')],
      settings: {},
      variables: {},
      context: {},
      channels: {},
      folder,
    });
  });

  it.each<[Partial<DeployRequest>, object, string, string]>([
    [{ stage: 'Dev' }, {}, 'BS2001', '"Dev" is no stage'],
    [{ stage: 'nightly' }, project, 'BS2001', 'bunsui.json has no stage "nightly"'],
    [{ stage: 'averylongstage' }, {}, 'BS2001', 'the platform would be named "bunsuiaverylongstage"'],
    [{ platform: 'a-b' }, {}, 'BS2001', 'the platform would be named "a-b"'],
    [{ params: ['removal'] }, {}, 'BS2001', '"removal" is no param: it has no name and "="'],
    [{ params: ['removal=keep'] }, {}, 'BS2001', 'the parameter removal is "keep"'],
    [{ params: ['logRetentionDays=2'] }, {}, 'BS2001', 'the parameter logRetentionDays is "2"'],
    [{ params: ['schedules=true'] }, {}, 'BS2001', 'the parameter schedules is "true"'],
    [{ params: ['removl=destroy'] }, {}, 'BS2001', 'there is no parameter "removl"'],
    [{ params: ['env.A=short'] }, {}, 'BS2001', 'there is no parameter "env.A"'],
    [{}, { stages: { dev: { profil: 'x' } } }, 'BS2002', 'is not as it should be: stages.dev'],
    [{}, { pipelines: 'one.ts' }, 'BS2002', 'is not as it should be: pipelines'],
    [{}, { pipelines: ['none/*.ts'] }, 'BS2002', 'names pipelines "none/*.ts", and no file fits'],
    [{}, { channels: { ops: { kind: 'pigeon' } } }, 'BS2004', 'ops'],
  ])('is refused when %o does not fit %o', async (typed, fields, code, message) => {
    await expect(deploymentOf(request(typed), projectFile(fields))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });
});
