import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { rows } from '../fixtures/pipelines.ts';

/**
 * Whole machines, compared to the letter. `npm run golden:update` rewrites them; the difference is then reviewed as
 * part of the change.
 */
const folder = new URL('../golden/', import.meta.url);
const update = process.env['BUNSUI_UPDATE_GOLDEN'] === '1';
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

const pipelines = [...new Map(rows.map((row) => [row.pipeline.id, row.pipeline])).values()];

describe('the compiled machine', () => {
  it.each(pipelines.map((pipeline) => [pipeline.id, pipeline] as const))('of %s is the golden one', (id, pipeline) => {
    const result = compilePipeline(pipeline.ir, { sha256 });
    expect(result.ok, JSON.stringify(result.diagnostics)).toBe(true);
    if (!result.ok) return;
    const file = new URL(`${id}.asl.json`, folder);
    if (update) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(file, `${JSON.stringify(result.artifact.definition, null, 2)}\n`);
    }
    expect(
      existsSync(file),
      `there is no golden machine for "${id}": make it with npm run golden:update and look at it`,
    ).toBe(true);
    expect(result.artifact.definition).toStrictEqual(JSON.parse(readFileSync(file, 'utf8')));
  });

  it('is the same to the byte when compiled again', () => {
    for (const pipeline of pipelines) {
      const [first, second] = [
        compilePipeline(pipeline.ir, { sha256 }),
        compilePipeline(JSON.parse(JSON.stringify(pipeline.ir)), { sha256 }),
      ];
      expect(JSON.stringify(second)).toBe(JSON.stringify(first));
    }
  });

  it('has a golden file for each pipeline and no other', () => {
    const machines = readdirSync(folder).filter((file) => file.endsWith('.asl.json'));
    expect(machines.sort()).toStrictEqual(pipelines.map(({ id }) => `${id}.asl.json`).sort());
  });

  it('says of every state where it comes from', () => {
    for (const pipeline of pipelines) {
      const result = compilePipeline(pipeline.ir, { sha256 });
      if (!result.ok) throw new Error('does not compile');
      const names: string[] = [];
      const walk = (machine: { States: Record<string, { Branches?: never[]; ItemProcessor?: never }> }) => {
        for (const [name, state] of Object.entries(machine.States)) {
          names.push(name);
          for (const branch of state.Branches ?? []) walk(branch);
          if (state.ItemProcessor) walk(state.ItemProcessor);
        }
      };
      for (const machine of [result.artifact.definition, ...(result.artifact.shards ?? [])]) walk(machine as never);
      expect(names.sort()).toStrictEqual(Object.keys(result.artifact.states).sort());
      expect(new Set(names).size).toBe(names.length);
      expect(names.filter((name) => name.length > 80)).toStrictEqual([]);
    }
  });
});
