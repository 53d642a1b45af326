import { expect, it } from 'vitest';
import { artifactOf, fingerprinted } from '../../lib/constructs/artifact-of.ts';
import { twoStep } from './two-step/pipeline.ts';

it('says which handler cannot be bundled, and how', () => {
  const { artifact } = artifactOf(twoStep);
  const { tidy } = artifact.pipeline.operations;
  if (tidy === undefined) throw new Error('the fixture has an operation "tidy"');
  const operations = { tidy: { ...tidy, entry: '/nowhere/tidy.ts' } };
  const broken = { ...artifact, pipeline: { ...artifact.pipeline, operations } };
  let thrown: unknown;
  try {
    fingerprinted(broken);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code: 'BS4004' });
  expect(String(thrown)).toMatch(/a handler could not be bundled\n.*\/nowhere\/tidy\.ts/s);
  expect(String(thrown)).not.toContain('node -e');
});
