/**
 * The page of guarantees (`docs/guarantees.md`), line by line: runs the tests that it names and no others, with more
 * rounds than `npm test` where a test takes them, and prints what each has counted. Exit code 1 when one fails.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { guarantees } from '../test/docs/guarantees.ts';

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[];
  }[];
}

const root = fileURLToPath(new URL('..', import.meta.url));
const lines = guarantees();
const escaped = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
/** The title as it is printed: what stands for values of a table is anything. */
const titled = (title: string) => escaped(title).replaceAll(/%[sdij]|\\\$\w+/g, '.*');

const folder = mkdtempSync(join(tmpdir(), 'bunsui-guarantees-'));
const outputFile = join(folder, 'report.json');
const files = [...new Set(lines.flatMap(({ tests }) => tests.map(({ file }) => file)))];
const titles = lines.flatMap(({ tests }) => tests.map(({ title }) => titled(title)));
const child = spawn(
  process.execPath,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    ...[
      'run',
      ...files,
      '-t',
      titles.join('|'),
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${outputFile}`,
    ],
  ],
  { cwd: root, env: { BUNSUI_ROUNDS: '1000', ...process.env, NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'inherit'] },
);
let out = '';
for await (const text of child.stdout.setEncoding('utf8')) out += text;

/** What tests have printed, by file and title. */
const printed = new Map<string, string>();
for (const [, file = '', title = '', text = ''] of out.matchAll(/^stdout \| (\S+) > (?:.* > )?(.*)\n((?:.+\n)+)/gm)) {
  const key = `${file} ${title}`;
  printed.set(key, [printed.get(key) ?? [], text.trim()].flat().join('\n'));
}
const report = JSON.parse(readFileSync(outputFile, 'utf8')) as Report;
rmSync(folder, { recursive: true, force: true });
for (const { id, happens, comes, tests } of lines) {
  const ran = tests.flatMap(({ file, title }) =>
    report.testResults
      .filter(({ name }) => name.endsWith(file))
      .flatMap(({ assertionResults }) => assertionResults)
      .filter((one) => new RegExp(titled(title)).test(one.title))
      .map((one) => ({ ...one, file })),
  );
  const passed = ran.filter(({ status }) => status === 'passed').length;
  const isGood = passed === ran.length && tests.length > 0 && ran.length >= tests.length;
  if (!isGood) process.exitCode = 1;
  process.stdout.write(
    `${id.padEnd(4)}${isGood ? 'ok  ' : 'FAIL'} ${happens} → ${comes} (${passed} of ${ran.length} tests)\n`,
  );
  const said = new Set(ran.flatMap(({ file, title }) => printed.get(`${file} ${title}`) ?? []));
  for (const text of said) process.stdout.write(`${text.replaceAll(/^/gm, '         ')}\n`);
}
