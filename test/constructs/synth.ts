/** Stacks for the tests, and their templates with what varies from bundle to bundle taken out. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { onTestFinished } from 'vitest';
import { buildLambdas } from '../../build.ts';
import { Pipeline, Platform, type PlatformProps } from '../../lib/constructs/index.ts';
import { twoStep } from './two-step/pipeline.ts';

const lambdas = fileURLToPath(new URL('../../lambdas', import.meta.url));
const dist = fileURLToPath(new URL('../../dist', import.meta.url));

/** The functions of the platform come from a build; a clone that was never built is built as far as they need it. */
export async function ensureLambdas(): Promise<void> {
  const names = readdirSync(lambdas).filter((name) => existsSync(join(lambdas, name, 'handler.ts')));
  if (!names.every((name) => existsSync(join(dist, 'lambdas', name, 'index.mjs')))) await buildLambdas(dist);
}

/** An app whose assembly is gone after the test. */
export function newApp(context: { readonly [key: string]: unknown } = {}): App {
  const outdir = mkdtempSync(join(tmpdir(), 'bunsui-synth-'));
  onTestFinished(() => rmSync(outdir, { recursive: true, force: true }));
  return new App({ outdir, context: { 'aws:cdk:disable-stack-trace': true, ...context } });
}

/** A platform with the two-step pipeline on it, in one stack. */
export function newStack(props: PlatformProps = {}, app: App = newApp()) {
  const stack = new Stack(app, 'Test');
  const platform = new Platform(stack, 'Platform', props);
  const pipeline = new Pipeline(stack, 'TwoStep', { platform, definition: twoStep });
  return { app, stack, platform, pipeline };
}

interface Resource {
  readonly Type: string;
  readonly Properties?: unknown;
  readonly [attribute: string]: unknown;
}

export type Resources = { readonly [logicalId: string]: Resource };

/** The resources of a stack; hashes of assets are `<asset>`, hashes at the end of logical ids are gone. */
export function resourcesOf(stack: Stack): Resources {
  const text = JSON.stringify(Template.fromStack(stack).toJSON()['Resources'])
    .replaceAll(/CurrentVersion[0-9A-F]{8}[0-9a-f]{32}/g, 'Version')
    .replaceAll(/[0-9a-f]{64}/g, '<asset>')
    .replaceAll(/(?<=[A-Za-z])[0-9A-F]{8}(?=")/g, '');
  return JSON.parse(text) as Resources;
}

/** Properties of the resources of one type, by logical id. */
export function propertiesOf(resources: Resources, type: string): { readonly [logicalId: string]: unknown } {
  return Object.fromEntries(
    Object.entries(resources)
      .filter(([, resource]) => resource.Type === type)
      .map(([id, resource]) => [id, resource.Properties]),
  );
}
