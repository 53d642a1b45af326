import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { createGenerator } from 'ts-json-schema-generator';
import { describe, expect, it } from 'vitest';
import bell from '../cli/bell/bell.ts';
import queued from '../cli/bell/queued.ts';
import { rows } from '../fixtures/pipelines.ts';

/** The IR's JSON Schema is made from its types. `npm run golden:update` writes it anew. */
const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const file = at('lib/ir/pipeline.schema.json');
const generated = createGenerator({
  path: at('lib/ir/nodes.ts'),
  tsconfig: at('tsconfig.json'),
  type: 'PipelineIr',
  skipTypeCheck: true,
  sortProps: true,
}).createSchema('PipelineIr');

describe('the schema of the IR', () => {
  it('is the one that the types give', () => {
    if (process.env['BUNSUI_UPDATE_GOLDEN'] === '1') writeFileSync(file, `${JSON.stringify(generated, null, 2)}\n`);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toStrictEqual(JSON.parse(JSON.stringify(generated)));
  });

  const validate = new Ajv({ strict: false }).compile(JSON.parse(JSON.stringify(generated)));

  it.each(
    [...new Map(rows.map(({ pipeline }) => [pipeline.id, pipeline])).values()].map(
      (pipeline) => [pipeline.id, pipeline] as const,
    ),
  )('accepts %s', (_id, { ir }) => {
    expect(validate(JSON.parse(JSON.stringify(ir))), JSON.stringify(validate.errors)).toBe(true);
  });

  it('accepts schedules, triggers and policies', () => {
    for (const { ir } of [bell, queued]) {
      expect(validate(JSON.parse(JSON.stringify(ir))), JSON.stringify(validate.errors)).toBe(true);
    }
    const { schedules, ...ir } = JSON.parse(JSON.stringify(bell.ir));
    expect(validate({ ...ir, schedules: [{ ...schedules[0], catchUp: 'some' }] })).toBe(false);
  });

  it('refuses a node of a kind that is not known, and a field too many', () => {
    const [row] = rows;
    const ir = JSON.parse(JSON.stringify(row?.pipeline.ir));
    expect(validate({ ...ir, body: { nodes: [{ ...ir.body.nodes[0], kind: 'dance' }] } })).toBe(false);
    expect(validate({ ...ir, more: 1 })).toBe(false);
  });
});
