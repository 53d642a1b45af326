/** The API's own description, OpenAPI 3.1, made of the same schemas that check requests. */
import * as z from 'zod/mini';
import type { AnswerSpec, Route } from './route.ts';
import {
  failure,
  job,
  waitingApproval,
  pipeline,
  rerun,
  rerunPlan,
  session,
  sessionSummary,
  startedSession,
} from './schemas.ts';

type JsonSchema = { readonly [keyword: string]: unknown };

/** Schemas with a name of their own; the others stand where they are used. */
const named = new Map<z.ZodMiniType, string>([
  [session, 'Session'],
  [sessionSummary, 'SessionSummary'],
  [startedSession, 'StartedSession'],
  [job, 'Job'],
  [pipeline, 'Pipeline'],
  [rerunPlan, 'RerunPlan'],
  [rerun, 'Rerun'],
  [waitingApproval, 'WaitingApproval'],
  [failure, 'Failure'],
]);

function schemaOf(schema: z.ZodMiniType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // What every number in JSON keeps to.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      // A number in a query is read from text, which its pattern is about.
      if (jsonSchema.type === 'integer') delete jsonSchema.pattern;
    },
  });
  return rest;
}

function reference(schema: z.ZodMiniType): JsonSchema {
  const name = named.get(schema);
  return name === undefined ? schemaOf(schema, 'output') : { $ref: `#/components/schemas/${name}` };
}

const json = (schema: JsonSchema) => ({ 'application/json': { schema } });

/** Parameters of one place: a property of the schema each. */
function parametersIn(place: 'path' | 'query' | 'header', schema: z.ZodMiniType): readonly JsonSchema[] {
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as {
    readonly properties?: { readonly [name: string]: JsonSchema };
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name: place === 'header' ? name.replace(/(^|-)\w/g, (letter) => letter.toUpperCase()) : name,
    in: place,
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

function answerOf({ description, schema, headers = {} }: AnswerSpec): JsonSchema {
  const described = Object.entries(headers).map(([name, text]) => [
    name,
    { description: text, schema: { type: 'string' } },
  ]);
  return {
    description,
    ...(described.length === 0 ? {} : { headers: Object.fromEntries(described) }),
    content: json(reference(schema)),
  };
}

function operationOf(route: Route): JsonSchema {
  return {
    operationId: route.operation,
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    'x-bunsui-role': route.role,
    parameters: [
      ...parametersIn('path', route.params),
      ...parametersIn('query', route.query),
      ...parametersIn('header', route.headers),
    ],
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: false, content: json(schemaOf(route.body, 'input')) } }),
    responses: {
      ...Object.fromEntries(Object.entries(route.answers).map(([status, answer]) => [status, answerOf(answer)])),
      default: { description: 'the request was refused or failed', content: json(reference(failure)) },
    },
  };
}

/** The document of all routes. */
export function openApi(routes: readonly Route[]): JsonSchema {
  const paths: { [path: string]: { [method: string]: JsonSchema } } = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'bunsui',
      version: '1',
      description:
        'Starts pipelines, and shows, cancels and reruns their sessions. Requests are signed for IAM (SigV4).',
    },
    security: [{ iam: [] }],
    paths,
    components: {
      schemas: Object.fromEntries([...named].map(([schema, name]) => [name, schemaOf(schema, 'output')])),
      securitySchemes: {
        iam: {
          type: 'apiKey',
          name: 'Authorization',
          in: 'header',
          description: 'AWS Signature Version 4 for the service execute-api',
          'x-amazon-apigateway-authtype': 'awsSigv4',
        },
      },
    },
  };
}
