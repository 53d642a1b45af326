/**
 * Who may import whom: one row per room. A room is a folder of `lib/`, a file beside them (`errors`, `index`, …), or
 * one of the top-level folders `lambdas`, `pipelines`, `bin`. A row may name rooms that do not exist yet.
 */

export interface RoomRule {
  /** Other rooms it may import; `'any'` but those in `not`. */
  readonly rooms: readonly string[] | 'any';
  readonly not?: readonly string[];
  /** Third-party packages; a name ending in `/*` stands for a scope. */
  readonly packages: readonly string[] | 'any';
  /** Node's own modules: everywhere, nowhere, or only in these files of the room. */
  readonly node: 'any' | 'none' | readonly string[];
}

const nothing: RoomRule = { rooms: [], packages: [], node: 'none' };

export const rooms: { readonly [room: string]: RoomRule } = {
  errors: nothing,
  'storage-layout': { ...nothing, rooms: ['gate-layout'] },
  'gate-layout': nothing,
  'approval-layout': nothing,
  'handler-bundle': { ...nothing, rooms: ['errors'], node: 'any' },
  'payload-layout': nothing,
  'request-signature': { ...nothing, node: 'any' },
  'secret-layout': nothing,
  prices: nothing,
  html: nothing,
  'code-hash': { rooms: ['handler-bundle'], packages: ['esbuild'], node: 'any' },
  ir: {
    rooms: ['approval-layout', 'schedules', 'payload-layout', 'secret-layout', 'errors'],
    packages: [],
    node: 'none',
  },
  wrapper: {
    rooms: ['errors', 'gate-layout', 'payload-layout', 'request-signature', 'secret-layout', 'storage-layout'],
    packages: [],
    node: 'any',
  },
  dsl: {
    rooms: ['approval-layout', 'ir', 'schedules', 'secret-layout', 'wrapper', 'errors'],
    packages: ['zod'],
    node: ['call-site.ts'],
  },
  formats: { rooms: ['ir', 'errors'], packages: ['yaml', 'zod'], node: 'any' },
  asl: { rooms: ['errors'], packages: ['jsonata'], node: 'any' },
  compiler: {
    rooms: ['ir', 'asl', 'approval-layout', 'gate-layout', 'payload-layout', 'storage-layout', 'errors'],
    packages: [],
    node: 'none',
  },
  engine: { rooms: ['asl', 'errors'], packages: [], node: 'none' },
  graph: { rooms: ['html', 'ir', 'errors'], packages: ['@dagrejs/dagre'], node: 'none' },
  local: {
    rooms: [
      'engine',
      'asl',
      'ir',
      'schedules',
      'code-hash',
      'gate-layout',
      'handler-bundle',
      'request-signature',
      'secret-layout',
      'storage-layout',
      'errors',
    ],
    packages: ['dynalite', 'esbuild'],
    node: 'any',
  },
  sessions: {
    rooms: [
      'ir',
      'asl',
      'schedules',
      'approval-layout',
      'gate-layout',
      'payload-layout',
      'storage-layout',
      'prices',
      'errors',
    ],
    packages: ['@aws-sdk/*', 'zod'],
    node: 'any',
  },
  constructs: {
    rooms: [
      'compiler',
      'ir',
      'notify',
      'code-hash',
      'approval-layout',
      'gate-layout',
      'handler-bundle',
      'storage-layout',
      'errors',
    ],
    packages: ['aws-cdk-lib', 'constructs', 'esbuild'],
    node: 'any',
  },
  schedules: { rooms: ['errors'], packages: [], node: 'none' },
  notify: {
    rooms: ['sessions', 'ir', 'storage-layout', 'errors'],
    packages: ['@aws-sdk/*', 'zod'],
    node: 'any',
  },
  report: {
    rooms: ['graph', 'html', 'sessions', 'ir', 'storage-layout', 'errors'],
    packages: ['@aws-sdk/*', 'hono', 'zod'],
    node: 'any',
  },
  api: {
    rooms: ['approval-layout', 'sessions', 'ir', 'storage-layout', 'errors'],
    packages: ['@aws-sdk/*', 'hono', 'zod'],
    node: 'any',
  },
  tui: { rooms: ['api', 'errors'], packages: ['ink', 'react'], node: 'any' },
  console: { rooms: ['api'], packages: ['preact'], node: 'none' },
  cli: {
    rooms: 'any',
    not: ['constructs', 'console', 'bin', 'lambdas', 'pipelines'],
    packages: ['@aws-sdk/*', '@clack/prompts', 'aws4fetch', 'commander', 'zod'],
    node: 'any',
  },
  index: { rooms: ['dsl', 'wrapper', 'ir', 'approval-layout', 'errors'], packages: [], node: 'none' },
  // For authors' handlers: they are not handed clients, they give addresses.
  storage: {
    rooms: ['dsl', 'wrapper', 'errors'],
    packages: ['@aws-sdk/*', '@azure/storage-blob', '@google-cloud/storage'],
    node: 'any',
  },
  testing: {
    rooms: [
      'dsl',
      'ir',
      'compiler',
      'asl',
      'engine',
      'approval-layout',
      'gate-layout',
      'payload-layout',
      'wrapper',
      'errors',
    ],
    packages: ['zod'],
    node: 'any',
  },
  lambdas: {
    rooms: ['sessions', 'report', 'notify', 'api', 'ir', 'storage-layout', 'errors'],
    packages: ['@middy/*', '@aws-lambda-powertools/*', 'aws4fetch', 'zod', '@aws-sdk/*'],
    node: 'any',
  },
  pipelines: { rooms: ['index'], packages: 'any', node: 'any' },
  bin: {
    rooms: ['constructs', 'cli', 'index', 'pipelines', 'errors'],
    packages: ['aws-cdk-lib', 'cdk-nag', 'constructs'],
    node: 'any',
  },
};

/** What the package's own name stands for, in authors' files. */
export const ownEntries: { readonly [specifier: string]: string } = {
  bunsui: 'index',
  'bunsui/constructs': 'constructs',
  'bunsui/storage': 'storage',
  'bunsui/testing': 'testing',
};

/** Where clients of AWS are made: everybody else is handed one. */
export const compositionRoots: readonly string[] = ['bin/', 'lib/cli/', 'lib/storage/', 'lambdas/', 'pipelines/'];
