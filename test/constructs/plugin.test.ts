/** A pipeline with a plugin's kind, synthesised by an app as its author has it: the package is installed, nothing else knows it. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { notesPipeline, notesPlugin, projectFolder } from '../fixtures/plugin-project.ts';

const app = `import { App, Stack } from 'aws-cdk-lib';
import { Pipeline, Platform } from 'bunsui/constructs';
import noted from './noted.ts';

const app = new App({ outdir: 'out' });
const stack = new Stack(app, 'Notes');
const platform = Platform.fromAttributes(stack, 'Bunsui', {});
new Pipeline(stack, 'Noted', { platform, definition: noted });
app.synth();
`;

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
}

it('has its Task in the definition, and what that needs in the role of its machine alone', { timeout: 240_000 }, () => {
  const folder = projectFolder({ 'noted.ts': notesPipeline, 'app.ts': app });
  mkdirSync(join(folder, 'node_modules'));
  cpSync(notesPlugin, join(folder, 'node_modules/bunsui-plugin-notes'), { recursive: true });
  const { status, stderr } = spawnSync(process.execPath, ['app.ts'], { cwd: folder, encoding: 'utf8' });
  expect({ status, stderr }).toStrictEqual({ status: 0, stderr: '' });
  const out = join(folder, 'out');
  const { Resources } = JSON.parse(readFileSync(join(out, 'Notes.template.json'), 'utf8')) as {
    readonly Resources: {
      readonly [id: string]: { readonly Type: string; readonly Properties: { readonly [name: string]: unknown } };
    };
  };
  const publishing = Object.entries(Resources).filter(
    ([, { Type, Properties }]) =>
      Type === 'AWS::IAM::Policy' &&
      (Properties['PolicyDocument'] as { readonly Statement: readonly Statement[] }).Statement.some(
        ({ Action, Resource }) =>
          [Action].flat().includes('sns:Publish') && Resource === 'arn:aws:sns:us-east-1:000000000000:notes',
      ),
  );
  const roles = publishing.flatMap(([, { Properties }]) => Properties['Roles'] as readonly { readonly Ref: string }[]);
  const machines = Object.values(Resources).filter(({ Type }) => Type === 'AWS::StepFunctions::StateMachine');
  const machineRole = machines.map(
    ({ Properties }) => Properties['RoleArn'] as { readonly 'Fn::GetAtt': readonly string[] },
  );
  expect(roles.map(({ Ref }) => Ref)).toStrictEqual(machineRole.map((role) => role['Fn::GetAtt'][0]));
  const definitions = readdirSync(out)
    .filter((name) => name.endsWith('.json') || name.endsWith('.txt'))
    .map((name) => readFileSync(join(out, name), 'utf8'))
    .filter((text) => text.includes('arn:aws:states:::sns:publish') && text.includes('"StartAt"'));
  expect(definitions.length).toBeGreaterThan(0);
});
