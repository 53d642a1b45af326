/** Plugins as their users meet them: a package is installed, used, run, deployed and removed; a new one passes its own test. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { typeCheck } from '../docs/type-check.ts';
import { notesPipeline, notesPlugin, projectFolder } from '../fixtures/plugin-project.ts';
import { deploymentOf } from '../../lib/cli/deployment.ts';
import { main } from '../../lib/cli/main.ts';
import { readProjectFile } from '../../lib/cli/project-file.ts';
import { receiverForTest } from '../notify/receiver.ts';
import { bunsui } from './command-line.ts';
import { recordedTerminal } from './outputs.ts';

/** npm as it is where there is no network. */
const offline = {
  npm_config_offline: 'true',
  npm_config_legacy_peer_deps: 'true',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_update_notifier: 'false',
};

/** In a process of its own, as somebody types it. */
const typed = (folder: string, ...args: readonly string[]) => bunsui(args, { cwd: folder, environment: offline });

/** Within this process, which saves the time that Node takes to begin. */
async function run(folder: string, ...args: readonly string[]) {
  const terminal = recordedTerminal({ columns: 100 });
  const environment = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...offline };
  const code = await main(args, terminal, { cwd: folder, environment });
  return { code, out: terminal.out.text(), err: terminal.err.text() };
}
/** Milliseconds for tests that start programs, on a machine that has other things to do. */
const slow = 240_000;

const heading = (err: string) => err.split('\n').find((line) => line.startsWith('error')) ?? err;
const help = (err: string) => /= help: (.*)/.exec(err)?.[1];

/** The package as a registry would give it. */
function packed(folder: string): string {
  const { stdout } = spawnSync('npm', ['pack', '--pack-destination', folder, '--json'], {
    cwd: notesPlugin,
    encoding: 'utf8',
  });
  expect(stdout).toContain('bunsui-plugin-notes-1.2.3.tgz');
  return './bunsui-plugin-notes-1.2.3.tgz';
}

describe('a plugin from a package', () => {
  it('is installed and listed, used by a pipeline, run here, shown, and removed', { timeout: slow }, async () => {
    const folder = projectFolder({ 'noted.ts': notesPipeline });
    const added = await typed(folder, 'plugin', 'add', packed(folder));
    expect([added.code, added.out]).toStrictEqual([
      0,
      'added bunsui-plugin-notes 1.2.3: operations notes; channels pager\nlisted in bunsui.config.ts\n',
    ]);
    expect(readFileSync(join(folder, 'bunsui.config.ts'), 'utf8')).toBe(
      "import { defineConfig } from 'bunsui';\n\nexport default defineConfig({\n  plugins: ['bunsui-plugin-notes'],\n});\n",
    );

    const listed = await typed(folder, 'plugin', 'list', '--json');
    const kinds = listed.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(kinds.filter(({ plugin }) => plugin !== undefined)).toStrictEqual([
      {
        ...{ v: 1, type: 'kind', kind: 'notes', of: 'operations', icon: '✉', summary: 'a note for a topic of SNS' },
        ...{ plugin: 'bunsui-plugin-notes', version: '1.2.3' },
      },
      {
        ...{ v: 1, type: 'kind', kind: 'pager', of: 'channels', summary: 'a pager that somebody carries' },
        ...{ plugin: 'bunsui-plugin-notes', version: '1.2.3' },
      },
    ]);
    expect(kinds.map(({ kind }) => kind)).toStrictEqual(expect.arrayContaining(['lambda', 'ecs', 'slack']));
    const shown = await typed(folder, 'plugin', 'show', 'notes');
    expect(shown.out.split('\n').slice(0, 4)).toStrictEqual([
      '✉ notes  a note for a topic of SNS',
      'a kind of operations, from bunsui-plugin-notes 1.2.3',
      '',
      "Sends the job's input to a topic.",
    ]);

    const ran = await typed(folder, 'run', 'noted.ts', '-p', 'text=hello', '--json');
    const end = JSON.parse(ran.out.trimEnd().split('\n').at(-1) ?? '{}');
    expect([ran.code, end.type, end.output]).toStrictEqual([0, 'session.ended', { id: 'notes hello tell-them' }]);
    const graph = await typed(folder, 'graph', 'latest');
    expect(graph.out).toContain('"#9993; tell-them<br/>✓ completed"');

    const removed = await typed(folder, 'plugin', 'remove', 'bunsui-plugin-notes');
    expect([removed.code, removed.out]).toStrictEqual([0, 'removed bunsui-plugin-notes from bunsui.config.ts\n']);
    expect(existsSync(join(folder, 'node_modules/bunsui-plugin-notes'))).toBe(false);
    expect(readFileSync(join(folder, 'bunsui.config.ts'), 'utf8')).toContain('plugins: []');
  });

  it('shows a mistake where its kind was used, and not within the package', { timeout: slow }, async () => {
    const folder = projectFolder({
      'noted.ts': notesPipeline.replace("'arn:aws:sns:us-east-1:000000000000:notes'", "'notes'"),
      'bunsui.json': '{\n    "platform": "team"\n}\n',
    });
    mkdirSync(join(folder, 'node_modules'));
    cpSync(notesPlugin, join(folder, 'node_modules/bunsui-plugin-notes'), { recursive: true });
    const added = await typed(folder, 'plugin', 'add', 'bunsui-plugin-notes');
    // Nothing is installed that is there already.
    expect([added.code, added.err, readFileSync(join(folder, 'bunsui.json'), 'utf8')]).toStrictEqual([
      0,
      '',
      '{\n    "plugins": [\n        "bunsui-plugin-notes"\n    ],\n    "platform": "team"\n}\n',
    ]);
    const { code, err } = await typed(folder, 'compile', 'noted.ts');
    expect([code, err]).toStrictEqual([
      3,
      expect.stringContaining('error[BS1140]: operations.tell.topic: give the ARN of a topic of SNS'),
    ]);
    expect(err).toMatch(/noted\.ts:5:14/);
  });
});

describe("a channel of a plugin's kind", () => {
  const failing = (kind: string) => `import { lambda, pipeline } from 'bunsui';
import * as z from 'zod';
const one = lambda('one', { entry: './one.ts', input: z.object({}), output: z.object({}) });
export default pipeline('${kind}', { input: z.object({}) }, (p) => void p.job('one', one, {}));
`;
  const handler = "import * as z from 'zod';\nexport const handler = () => { throw new Error('no luck'); };\n";
  const plugin = readFileSync(join(notesPlugin, 'index.js'), 'utf8');

  it('is delivered as its plugin says, is listed by its name, and its settings are checked', {
    timeout: slow,
  }, async () => {
    const receiver = await receiverForTest();
    const config = (service: string) => `export default {
  plugins: ['./p.js'],
  channels: { night: { kind: 'pager', service: '${service}', address: 'env:PAGER', key: 'env:PAGER_KEY', allowPrivate: true } },
};
`;
    const folder = projectFolder({
      ...{ 'bunsui.config.ts': config('team'), 'p.js': plugin, 'f.ts': failing('f'), 'one.ts': handler },
    });
    const environment = { PAGER: `${receiver.url}/canary-9`, PAGER_KEY: 'k-9' };
    const ran = await bunsui(['run', 'f.ts', '--json'], { cwd: folder, environment });
    const { session } = JSON.parse(ran.out.trimEnd().split('\n').at(-1) ?? '{}');
    expect([ran.code, ran.err]).toStrictEqual([1, '']);
    const [got] = receiver.received;
    expect([got?.path, got?.headers['authorization'], JSON.parse(got?.body ?? '{}')]).toStrictEqual([
      '/canary-9',
      'Token k-9',
      { service: 'team', say: 'f failed at one: Error: no luck', dedup: session, details: { job: 'one' } },
    ]);
    const list = await bunsui(['notify', 'list', '--json'], { cwd: folder, environment });
    const { channel, kind, to } = JSON.parse(list.out);
    expect([channel, kind, to]).toStrictEqual(['night', 'pager', 'secret env:PAGER']);

    writeFileSync(join(folder, 'bunsui.config.ts'), config('t'));
    const short = await bunsui(['notify', 'list'], { cwd: folder, environment });
    expect([short.code, heading(short.err), help(short.err)]).toStrictEqual([
      3,
      expect.stringMatching(/^error\[BS2004\]: in .*bunsui\.config\.ts: channels\.night\.service: /),
      'see what a channel of kind "pager" takes: bunsui plugin show pager',
    ]);
  });

  it('goes into the plan of a deployment as data, that of a stage too', async () => {
    const channel = { kind: 'pager', service: 'team', address: 'ops/pager', key: 'ops/key', events: ['failed'] };
    const project = { plugins: ['./p.js'], channels: { a: channel }, stages: { dev: { channels: { b: channel } } } };
    const folder = projectFolder({ 'bunsui.json': JSON.stringify(project), 'p.js': plugin });
    const request = { files: [], cwd: folder, params: [], context: [] };
    const expected = {
      ...{ kind: 'post', writtenAs: 'pager', address: 'ops/pager', secret: 'ops/key', events: ['failed'] },
      headers: { authorization: 'Token {{secret}}' },
      body: {
        ...{ service: 'team', say: '{{headline}}: {{error}}', dedup: '{{session}}', details: { job: '{{job}}' } },
      },
    };
    const file = await readProjectFile(folder);
    expect((await deploymentOf(request, file)).deployment.channels).toStrictEqual({ a: expected });
    expect((await deploymentOf({ ...request, stage: 'dev' }, file)).deployment.channels).toStrictEqual({ b: expected });
  });
});

describe('what is no plugin, or not for this bunsui', () => {
  const good = readFileSync(join(notesPlugin, 'index.js'), 'utf8');
  const kind = "export const kind = { interface: 1, kind: 'shout', icon: '!', summary: 'loud', lower: () => ({}) };\n";
  it.each([
    [
      'of a newer interface',
      good.replace('default { interface: 1', 'default { interface: 2'),
      'the plugin "./p.js" was made for version 2 of the interface for plugins, and this bunsui has version 1',
      'install a newer bunsui, or an older version of the plugin',
    ],
    [
      'of an older interface',
      good.replace('default { interface: 1', 'default { interface: 0'),
      'the plugin "./p.js" was made for version 0 of the interface for plugins, and this bunsui has version 1',
      'install a newer version of the plugin',
    ],
    [
      'with a kind of another interface',
      good.replace("interface: 1,\n  kind: 'notes'", "interface: 2,\n  kind: 'notes'"),
      'the kind "notes" of the plugin "./p.js" was made for version 2 of the interface for plugins, and this bunsui has version 1',
      'install a newer bunsui, or an older version of the plugin',
    ],
    [
      'without a default',
      kind,
      '"./p.js" is no plugin: its default export has no version of the interface for plugins',
      'a plugin exports { interface: 1, kinds, channels } as its default: see docs/plugins.md',
    ],
    [
      'with a kind that is none',
      `${kind}export default { interface: 1, kinds: [{ ...kind, icon: '!!', kind: 'Shout', lower: 1 }] };`,
      'the plugin "./p.js" is not as plugins are: kinds.0.kind: is no name: a lower-case letter, then letters, digits and -; kinds.0.lower: is not a function; kinds.0.icon: is not one character',
      'see docs/plugins.md',
    ],
    [
      'with a kind of bunsui',
      `${kind}export default { interface: 1, kinds: [{ ...kind, kind: 'lambda' }] };`,
      'the plugin "./p.js" adds the kind of operations "lambda", which bunsui itself has',
      'leave one of them out',
    ],
    [
      'that throws',
      'throw new Error("no luck");',
      'the plugin "./p.js" could not be loaded: the file throws while it is read: Error: no luck',
      'see what its package says of its use',
    ],
  ])('%s', async (_, text, message, hint) => {
    const folder = projectFolder({ 'p.js': text });
    const { code, err } = await run(folder, 'plugin', 'add', './p.js');
    expect([code, heading(err), help(err)]).toStrictEqual([3, `error[BS2007]: ${message}`, hint]);
    expect(existsSync(join(folder, 'bunsui.config.ts'))).toBe(false);
  });

  it('is told by the commands that meet it, and can be removed', async () => {
    const folder = projectFolder({ 'bunsui.config.ts': "export default { plugins: ['gone', './two.js'] };\n" });
    const { code, err } = await run(folder, 'plugin', 'list');
    expect([code, heading(err), help(err)]).toStrictEqual([
      3,
      'error[BS2007]: the plugin "gone" is not installed',
      'npm install, or: bunsui plugin add gone',
    ]);
    const removed = await run(folder, 'plugin', 'remove', 'gone');
    expect([removed.code, readFileSync(join(folder, 'bunsui.config.ts'), 'utf8')]).toStrictEqual([
      0,
      "export default { plugins: ['./two.js'] };\n",
    ]);
    const other = await run(folder, 'plugin', 'list');
    expect(heading(other.err)).toContain('there is no file "./two.js" for the plugin that');
    const unlisted = await run(folder, 'plugin', 'remove', 'gone');
    expect([unlisted.code, heading(unlisted.err), help(unlisted.err)]).toStrictEqual([
      3,
      'error[BS2007]: no plugin "gone" is listed',
      'listed: ./two.js',
    ]);
  });

  it('is left as it is where the package file of the project cannot be read', async () => {
    const list = '{ "plugins": ["gone"] }\n';
    const folder = projectFolder({ 'bunsui.json': list, 'package.json': '{ "name": ' });
    const { code, err } = await run(folder, 'plugin', 'remove', 'gone');
    expect([code, heading(err), help(err)]).toStrictEqual([
      5,
      expect.stringContaining('package.json cannot be read: '),
      'mend it first',
    ]);
    expect(readFileSync(join(folder, 'bunsui.json'), 'utf8')).toBe(list);
  });

  it('is taken out of JSON, which else stays as it is', async () => {
    const folder = projectFolder({ 'bunsui.json': '{\n\t"plugins": ["gone", "./two.js"],\n\t"platform": "p"\n}\n' });
    expect((await run(folder, 'plugin', 'remove', 'gone')).code).toBe(0);
    expect(readFileSync(join(folder, 'bunsui.json'), 'utf8')).toBe(
      '{\n\t"plugins": [\n\t\t"./two.js"\n\t],\n\t"platform": "p"\n}\n',
    );
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toStrictEqual([]);
  });

  it('names that are none of a package, and packages that cannot be installed', async () => {
    const folder = projectFolder();
    const dash = await run(folder, 'plugin', 'add', '--', '--global');
    expect([dash.code, heading(dash.err)]).toStrictEqual([2, 'error[BS2001]: "--global" is no name of a package']);
    const absent = await run(folder, 'plugin', 'add', 'bunsui-plugin-that-nobody-made');
    expect([absent.code, heading(absent.err)]).toStrictEqual([
      7,
      'error[BS2005]: npm install bunsui-plugin-that-nobody-made ended with 1',
    ]);
    const unknown = await run(folder, 'plugin', 'show', 'lamda');
    expect([unknown.code, heading(unknown.err), help(unknown.err)]).toStrictEqual([
      3,
      'error[BS2007]: there is no kind or plugin "lamda"',
      'is "lambda" meant?',
    ]);
  });
});

describe('a list in code', () => {
  const local = readFileSync(join(notesPlugin, 'index.js'), 'utf8');
  it.each([
    ['export default { plugins: [] };\n', "export default { plugins: ['./p.js'] };\n"],
    ["export default { platform: 'x' };\n", "export default {\n  plugins: ['./p.js'], platform: 'x' };\n"],
    [
      "import { defineConfig } from 'bunsui';\n// what we use\nexport default defineConfig({\n  platform: 'team',\n});\n",
      "import { defineConfig } from 'bunsui';\n// what we use\nexport default defineConfig({\n  plugins: ['./p.js'],\n  platform: 'team',\n});\n",
    ],
  ])('is changed and nothing beside it: %j', async (before, after) => {
    const folder = projectFolder({ 'bunsui.config.mts': before, 'p.js': local });
    const { code, err } = await run(folder, 'plugin', 'add', './p.js');
    expect([code, err, readFileSync(join(folder, 'bunsui.config.mts'), 'utf8')]).toStrictEqual([0, '', after]);
  });

  it.each([
    ["const own = ['./p.js'].slice(1);\nexport default { plugins: own };\n"],
    ['export default { plugins: [...[]] };\n'],
    ["// plugins: []\nexport default { platform: 'x' };\n"],
    ['export default { plugins: [], stages: { dev: { plugins: [] } } };\n'],
  ])('that is no plain list is left alone, and one is told what to write: %j', async (before) => {
    const folder = projectFolder({ 'bunsui.config.ts': before, 'p.js': local });
    const { code, err } = await run(folder, 'plugin', 'add', './p.js');
    const now = readFileSync(join(folder, 'bunsui.config.ts'), 'utf8');
    expect([code, help(err), now]).toStrictEqual([3, "write into it: plugins: ['./p.js']", before]);
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toStrictEqual([]);
  });

  it('two files for one project are one too many', async () => {
    const folder = projectFolder({ 'bunsui.config.ts': 'export default {};\n', 'bunsui.json': '{}' });
    const { code, err } = await run(folder, 'plugin', 'list');
    expect([code, heading(err)]).toStrictEqual([
      5,
      expect.stringMatching(/bunsui\.config\.ts and bunsui\.json stand in one folder$/),
    ]);
  });
});

describe('a new plugin', () => {
  it('passes its own test, which can fail', { timeout: slow }, async () => {
    const folder = projectFolder();
    const made = await run(folder, 'plugin', 'create', '@team/bunsui-plugin-send-notes');
    expect([made.code, made.out.split('\n')[0]]).toStrictEqual([
      0,
      'made bunsui-plugin-send-notes: a plugin that adds operations of kind sendNotes',
    ]);
    const own = join(folder, 'bunsui-plugin-send-notes');
    const tested = spawnSync(process.execPath, ['--test', '--test-reporter', 'tap'], { cwd: own, encoding: 'utf8' });
    expect([
      tested.status,
      /# pass (\d+)/.exec(tested.stdout)?.[1],
      /# fail (\d+)/.exec(tested.stdout)?.[1],
    ]).toStrictEqual([0, '5', '0']);
    const source = readFileSync(join(own, 'index.ts'), 'utf8');
    // Its test can fail.
    writeFileSync(join(own, 'index.ts'), source.replace("actions: ['sns:Publish']", "actions: ['sns:*']"));
    expect(spawnSync(process.execPath, ['--test'], { cwd: own }).status).toBe(1);
    writeFileSync(join(own, 'index.ts'), source);
  });

  it('type-checks', async () => {
    const folder = projectFolder();
    await run(folder, 'plugin', 'create', 'notes');
    expect(typeCheck(readFileSync(join(folder, 'notes/index.ts'), 'utf8')).errors).toStrictEqual([]);
  });

  it('is used as it is by the project beside it', { timeout: slow }, async () => {
    const folder = projectFolder();
    await run(folder, 'plugin', 'create', '@team/bunsui-plugin-send-notes');
    const added = await run(folder, 'plugin', 'add', './bunsui-plugin-send-notes/index.ts');
    expect(added.out.split('\n')[0]).toBe('added ./bunsui-plugin-send-notes/index.ts: operations sendNotes');
    writeFileSync(
      join(folder, 'noted.ts'),
      notesPipeline
        .replaceAll('bunsui-plugin-notes', './bunsui-plugin-send-notes/index.ts')
        .replace('{ notes }', '{ sendNotes as notes }'),
    );
    const ran = await typed(folder, 'run', 'noted.ts', '-p', 'text=hello', '--json');
    const end = JSON.parse(ran.out.trimEnd().split('\n').at(-1) ?? '{}');
    expect([ran.code, end.output]).toStrictEqual([0, { id: '00000000-0000-0000-0000-000000000000' }]);
    const again = await run(folder, 'plugin', 'create', '@team/bunsui-plugin-send-notes');
    expect([again.code, heading(again.err)]).toStrictEqual([
      5,
      expect.stringMatching(/is there already, and not empty$/),
    ]);
  });

  it.each([
    ['bunsui-plugin-lambda', 'lambdaKind'],
    ['default', 'defaultKind'],
    ['my.notes_2', 'myNotes2'],
    ['1-2', 'own'],
  ])('named %s adds %s', async (name, kind) => {
    const folder = projectFolder();
    const { out } = await run(folder, 'plugin', 'create', name);
    expect(out.split('\n')[0]).toBe(`made ${name}: a plugin that adds operations of kind ${kind}`);
    const source = readFileSync(join(folder, name, 'index.ts'), 'utf8');
    expect(() => stripTypeScriptTypes(source)).not.toThrow();
    expect(source).toContain(`export function ${kind}<`);
  });

  it.each(['../outside', 'Upper', 'a b', '.hidden', '@x/', ''])('is not made for the name %j', async (name) => {
    const { code, err } = await run(projectFolder(), 'plugin', 'create', name);
    expect([code, heading(err)]).toStrictEqual([2, `error[BS2001]: "${name}" is no name for a package`]);
  });
});
