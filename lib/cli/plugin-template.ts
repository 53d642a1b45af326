/** The files of a new plugin: a kind of operations in one file, and a test that it passes. */

/** What a new plugin is called. */
export interface PluginNames {
  /** Of its package. */
  readonly pluginName: string;
  /** Of the kind that it adds, and of the function that authors call. */
  readonly kind: string;
  /** The range of bunsui that it is made with. */
  readonly bunsui: string;
}

/** Files by their path in the package's folder. */
export function pluginFiles(names: PluginNames): { readonly [path: string]: string } {
  return {
    'package.json': `${JSON.stringify(manifest(names), null, 2)}\n`,
    'index.ts': source(names),
    'index.test.ts': test(names),
    'tsconfig.json': `${JSON.stringify(settings, null, 2)}\n`,
    'README.md': readme(names),
    '.gitignore': 'node_modules/\ndist/\n',
  };
}

const manifest = ({ pluginName, kind, bunsui }: PluginNames) => ({
  name: pluginName,
  version: '0.1.0',
  description: `Adds operations of kind ${kind} to bunsui`,
  keywords: ['bunsui-plugin'],
  type: 'module',
  exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
  files: ['dist'],
  scripts: { build: 'tsc', prepare: 'tsc', test: 'node --test' },
  engines: { node: '>=22.18' },
  peerDependencies: { bunsui, zod: '^4.0.0' },
  devDependencies: { '@types/node': '^24.0.0', bunsui, typescript: '^5.9.0 || ^6.0.0', zod: '^4.0.0' },
});

const settings = {
  compilerOptions: {
    ...{ target: 'es2024', module: 'nodenext', strict: true, declaration: true, outDir: 'dist', skipLibCheck: true },
    ...{ types: ['node'], verbatimModuleSyntax: true, erasableSyntaxOnly: true, rewriteRelativeImportExtensions: true },
  },
  include: ['index.ts'],
};

const source = ({
  kind,
}: PluginNames) => `/** Operations of kind \`${kind}\`: settings, compilation, permissions, behaviour on a laptop, icon and docs, all here. */
import { fileURLToPath } from 'node:url';
import { type Contract, type Operation, type OperationKind, operationOf, type Plugin, type Schema } from 'bunsui';
import * as z from 'zod';

/** What an operation of this kind is given beside input, output, retry and timeout. */
const settings = z.strictObject({
  topic: z.string().regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\\d{12}:[\\w-]+$/, 'give the ARN of a topic of SNS'),
});

export const kind = {
  // The version of the interface that this was written for: a number of its own, which bunsui compares with its own.
  interface: 1,
  kind: '${kind}',
  icon: '✉',
  summary: 'a message to a topic of SNS',
  docs: \`Sends the input of the job, as JSON, to a topic of SNS.

    const tell = ${kind}('tell', {
      topic: 'arn:aws:sns:eu-west-1:123456789012:news',
      input: z.object({ text: z.string() }),
      output: z.object({ MessageId: z.string() }),
    });\`,
  settings,
  // What it becomes: a Task of the state machine, and what that must be allowed.
  lower({ topic }: z.output<typeof settings>, { input, facts }) {
    return {
      task: {
        resource: 'arn:aws:states:::sns:publish',
        arguments: {
          TopicArn: topic,
          Message: input,
          MessageAttributes: { job: { DataType: 'String', StringValue: facts.job } },
        },
        statements: [{ actions: ['sns:Publish'], resources: [topic] }],
        standIn: fileURLToPath(import.meta.url),
      },
    };
  },
} satisfies OperationKind;

/** On a laptop it is called with what the service would be called with, and answers as the service would. */
export const handler = ({ TopicArn, Message }: { readonly TopicArn: string; readonly Message: unknown }) => {
  console.log(\`to \${TopicArn}: \${JSON.stringify(Message)}\`);
  return { MessageId: '00000000-0000-0000-0000-000000000000' };
};

/** Declares an operation that sends its input to a topic. */
export function ${kind}<I extends Schema, O extends Schema>(
  id: string,
  contract: Contract<I, O> & z.input<typeof settings>,
): Operation<I, O> {
  return operationOf(kind, id, contract);
}

export default { interface: 1, kinds: [kind] } satisfies Plugin;
`;

const test = ({ kind }: PluginNames) => `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pipeline } from 'bunsui';
import { runPipeline } from 'bunsui/testing';
import * as z from 'zod';
import plugin, { handler, ${kind} } from './index.ts';

const topic = 'arn:aws:sns:eu-west-1:123456789012:news';
const text = z.object({ text: z.string() });
const sent = z.object({ MessageId: z.string() });

const toldBy = (to: string) =>
  pipeline('told', { input: text, output: sent }, (p, input) => {
    const told = p.job('tell', ${kind}('tell', { topic: to, input: text, output: sent }), { text: input.text });
    p.output({ MessageId: told.out.MessageId });
  });

test('becomes a Task that may do what it does, and nothing else', () => {
  const { ir, diagnostics } = toldBy(topic);
  assert.deepEqual(diagnostics, []);
  const operation = ir.operations['tell'];
  assert.ok(operation && 'task' in operation);
  assert.equal(operation.task.resource, 'arn:aws:states:::sns:publish');
  assert.deepEqual(operation.statements, [{ actions: ['sns:Publish'], resources: [topic] }]);
});

test('refuses settings that it does not take', () => {
  const [mistake] = toldBy('news').diagnostics;
  assert.equal(mistake?.code, 'BS1140');
  assert.deepEqual(mistake?.path, ['operations', 'tell', 'topic']);
});

test('runs in a pipeline', async () => {
  const run = await runPipeline(toldBy(topic), { input: { text: 'hello' }, operations: { tell: () => ({ MessageId: '1' }) } });
  assert.deepEqual([run.status, run.output], ['SUCCEEDED', { MessageId: '1' }]);
});

test('answers on a laptop as its output says', () => {
  assert.ok(sent.safeParse(handler({ TopicArn: topic, Message: { text: 'hello' } })).success);
});

test('is a plugin', () => {
  assert.equal(plugin.interface, 1);
  assert.deepEqual(plugin.kinds.map((one) => one.kind), ['${kind}']);
});
`;

const readme = ({ pluginName, kind }: PluginNames) => `# ${pluginName}

Adds operations of kind \`${kind}\` to [bunsui](https://www.npmjs.com/package/bunsui).

\`\`\`sh
npx bunsui plugin add ${pluginName}
npx bunsui plugin show ${kind}
\`\`\`

\`\`\`ts
import { ${kind} } from '${pluginName}';
import * as z from 'zod';

export const tell = ${kind}('tell', {
  topic: 'arn:aws:sns:eu-west-1:123456789012:news',
  input: z.object({ text: z.string() }),
  output: z.object({ MessageId: z.string() }),
});
\`\`\`

\`npm test\` tests it, \`npm run build\` makes what is published.
`;
