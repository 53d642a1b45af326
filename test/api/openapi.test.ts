import { readFileSync, writeFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { apiRoutes } from '../../lib/api/app.ts';
import { openApi } from '../../lib/api/openapi.ts';

const document = openApi(apiRoutes);
const file = new URL('../golden/openapi.json', import.meta.url);

/** What OpenAPI 3.1 wants of the parts that the document uses; every object has these fields and no others. */
const schemaObject = z.record(z.string(), z.unknown());
const content = z.strictObject({ 'application/json': z.strictObject({ schema: schemaObject }) });
const operationObject = z.strictObject({
  operationId: z.string().regex(/^[a-z][A-Za-z]+$/),
  summary: z.string().min(1),
  description: z.string().optional(),
  'x-bunsui-role': z.enum(['viewer', 'operator', 'admin']),
  parameters: z.array(
    z.strictObject({
      name: z.string(),
      in: z.enum(['path', 'query', 'header']),
      required: z.boolean(),
      description: z.string().optional(),
      schema: schemaObject,
    }),
  ),
  requestBody: z.strictObject({ required: z.boolean(), content }).optional(),
  responses: z.record(
    z.string().regex(/^([1-5]\d\d|default)$/),
    z.strictObject({
      description: z.string().min(1),
      headers: z.record(z.string(), z.strictObject({ description: z.string(), schema: schemaObject })).optional(),
      content,
    }),
  ),
});
const documentObject = z.strictObject({
  openapi: z.literal('3.1.0'),
  info: z.strictObject({ title: z.string(), version: z.string(), description: z.string() }),
  security: z.array(z.record(z.string(), z.array(z.string()))),
  paths: z.record(
    z.string().startsWith('/v1/'),
    z.strictObject({ get: operationObject.optional(), post: operationObject.optional() }),
  ),
  components: z.strictObject({
    schemas: z.record(z.string(), schemaObject),
    securitySchemes: z.record(
      z.string(),
      z.strictObject({
        type: z.literal('apiKey'),
        name: z.string(),
        in: z.literal('header'),
        description: z.string(),
        'x-amazon-apigateway-authtype': z.literal('awsSigv4'),
      }),
    ),
  }),
});

const operations = () =>
  Object.entries(documentObject.parse(document).paths).flatMap(([path, methods]) =>
    Object.values(methods).flatMap((operation) => (operation === undefined ? [] : [{ path, operation }])),
  );

describe('the OpenAPI document', () => {
  it('is the one that is kept', () => {
    const text = `${JSON.stringify(document, null, 2)}\n`;
    if (process.env['BUNSUI_UPDATE_GOLDEN'] === '1') writeFileSync(file, text);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toStrictEqual(JSON.parse(text));
  });

  it('has the form of OpenAPI 3.1', () => {
    expect(documentObject.safeParse(document).error?.issues ?? []).toStrictEqual([]);
  });

  it('declares every part of its paths, once', () => {
    const wrong = operations().filter(({ path, operation }) => {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = operation.parameters.filter((one) => one.in === 'path');
      const names = new Set(operation.parameters.map((one) => `${one.in} ${one.name}`));
      return (
        declared.some(({ required }) => !required) ||
        declared.map(({ name }) => name).join() !== inPath.join() ||
        names.size !== operation.parameters.length
      );
    });
    expect(wrong).toStrictEqual([]);
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('refers to what it has, in schemas that are none but sound ones', () => {
    const text = JSON.stringify(document);
    const refs = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name = '']) => name);
    const { schemas } = documentObject.parse(document).components;
    expect([...new Set(refs)].sort()).toStrictEqual(
      Object.keys(schemas)
        .filter((name) => refs.includes(name))
        .sort(),
    );
    expect(text.match(/"\$ref":"(?!#\/components\/schemas\/)/g)).toBe(null);
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, formats: { 'date-time': true } });
    const all = [
      ...Object.values(schemas),
      ...operations().flatMap(({ operation }) => [
        ...operation.parameters.map(({ schema }) => schema),
        ...(operation.requestBody === undefined ? [] : [operation.requestBody.content['application/json'].schema]),
      ]),
    ];
    for (const schema of all) ajv.compile(schema);
    expect(all.length).toBeGreaterThan(30);
  });

  it('is what the API says of itself', async () => {
    const { apiWorld } = await import('./api.ts');
    const world = await apiWorld();
    const { body } = await world.call('GET', '/v1/openapi.json');
    await world.close();
    expect(body).toStrictEqual(JSON.parse(JSON.stringify(document)));
  });
});
