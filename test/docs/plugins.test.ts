/** The page about plugins: what it shows is loaded as a plugin, and does what it says. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { withPluginChannels } from '../../lib/cli/plugin-channels.ts';
import { loadPlugin } from '../../lib/cli/plugins.ts';
import { readProjectFile } from '../../lib/cli/project-file.ts';
import { loadPipeline } from '../../lib/cli/load-pipeline.ts';
import { noticeNames } from '../../lib/notify/post.ts';
import { projectFolder } from '../fixtures/plugin-project.ts';
import { typeCheck } from './type-check.ts';

const page = readFileSync(new URL('../../docs/plugins.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code);
const blockWith = (text: string) => blocks.find((code) => code.includes(text)) ?? '';

it('shows plugins that type-check together', () => {
  // One program for all of them: each is a module, and their names are made to differ.
  const named = blocks.map((code, index) =>
    code
      .replaceAll(/^import .*$/gm, '')
      .replaceAll('export default ', `export const default${index} = `)
      .replaceAll(/\bsettings\b(?!:)/g, `settings${index === 1 ? 'OfNotes' : ''}`)
      .replaceAll('  settingsOfNotes,', '  settings: settingsOfNotes,'),
  );
  const imports = `import { fileURLToPath } from 'node:url';
import { type ChannelKind, type Contract, defineConfig, type Operation, type OperationKind, operationOf, type Plugin, type Schema } from 'bunsui';
import * as z from 'zod';
`;
  expect(typeCheck(imports + named.join('\n')).errors).toStrictEqual([]);
});

it('shows a kind that is a plugin, and that a pipeline uses', async () => {
  const pipeline = `import { pipeline } from 'bunsui';
import * as z from 'zod';
import { note } from './notes.ts';
const text = z.object({ text: z.string() });
const tell = note('tell', { topic: 'arn:aws:sns:eu-west-1:123456789012:news', input: text, output: z.object({ MessageId: z.string() }) });
export default pipeline('p', { input: text }, (p, input) => void p.job('tell', tell, { text: input.text }));
`;
  const folder = projectFolder({ 'notes.ts': blockWith("kind: 'notes'"), 'p.ts': pipeline });
  const plugin = await loadPlugin('./notes.ts', join(folder, 'bunsui.json'), () => {});
  expect(plugin.kinds.map(({ kind }) => kind)).toStrictEqual(['notes']);
  const { ir, diagnostics } = await loadPipeline('p.ts', folder, () => {});
  expect(diagnostics).toStrictEqual([]);
  expect(ir.operations['tell']).toMatchObject({
    kind: 'notes',
    task: { resource: 'arn:aws:states:::sns:publish' },
    standIn: join(folder, 'notes.ts'),
    source: { file: join(folder, 'p.ts'), line: 5 },
  });
});

it('shows a kind of channels, and a configuration that uses it', async () => {
  const folder = projectFolder({ 'pager.ts': blockWith("kind: 'pager',\n  summary") });
  const config = blockWith('defineConfig({').replace("'bunsui-plugin-notes', './plugins/shout.ts'", "'./pager.ts'");
  writeFileSync(join(folder, 'bunsui.config.ts'), config);
  const project = await readProjectFile(folder);
  expect(project?.fields['channels']).toStrictEqual({
    night: {
      ...{ kind: 'post', writtenAs: 'pager', url: 'https://pager.example.com/v2/alerts', secret: 'ops/pager' },
      headers: { authorization: 'Token {{secret}}' },
      body: {
        ...{ service: 'etl', summary: '{{headline}}', details: '{{facts}}', dedup: '{{session}}', link: '{{link}}' },
      },
      events: ['failed'],
    },
  });
  // What was expanded is not expanded again.
  expect(project && (await withPluginChannels(project, () => {}))).toBe(project);
});

it('names all that a notice says', () => {
  expect(noticeNames.filter((name) => !page.includes(`\`${name}\``))).toStrictEqual([]);
});
