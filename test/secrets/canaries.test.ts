/** Secrets in a real run: what the handler does with them is seen nowhere. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { main } from '../../lib/cli/main.ts';
import { recordedTerminal } from '../cli/outputs.ts';
import { canaries } from './canaries.ts';
import spilling from './pipeline.ts';

const file = fileURLToPath(new URL('./pipeline.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'bunsui-secrets-'));
const said: string[] = [];
beforeAll(() => {
  // As a project keeps them: one a line, those of several lines in quotes.
  const lines = Object.entries(canaries).map(([name, value]) => `canary/${name}=${JSON.stringify(value)}`);
  writeFileSync(join(folder, '.bunsui-secrets'), `${lines.join('\n')}\n`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function bunsui(...args: string[]) {
  const recorded = recordedTerminal({ columns: 400 });
  const code = await main(args, recorded, { cwd: folder, environment: {} });
  said.push(recorded.out.text(), recorded.err.text());
  return { code, out: recorded.out.text(), err: recorded.err.text() };
}

/** The text of every file of the state folder: tables, objects, journals, logs, bundles, reports. */
function* stateFiles(at = join(folder, '.bunsui')): Generator<readonly [string, string]> {
  for (const name of readdirSync(at)) {
    const path = join(at, name);
    if (statSync(path).isDirectory()) yield* stateFiles(path);
    else {
      const bytes = readFileSync(path);
      yield [path, (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')];
    }
  }
}

/** The parts of a secret that say enough: a line of a key, a password. */
const tellTales = Object.entries(canaries).flatMap(([name, value]) => {
  const lines = value.split('\n').filter((line) => line.length >= 16 && !line.startsWith('-----'));
  const json = name === 'json-credentials' ? Object.values(JSON.parse(value) as { [field: string]: string }) : [];
  return [value, ...lines, ...json].flatMap((text) => [
    [name, text] as const,
    [name, JSON.stringify(text).slice(1, -1)] as const,
    [name, encodeURIComponent(text)] as const,
    [name, Buffer.from(text).toString('base64').replace(/=+$/, '')] as const,
  ]);
});
const leaksIn = (text: string) => [
  ...new Set(tellTales.filter(([, part]) => text.includes(part)).map(([name]) => name)),
];

describe('thirty-three secrets that a handler spills', () => {
  it('reach it, and stand in no definition, history, table, object, log, report or output of the command line', async () => {
    const ran = await bunsui('run', file, '-p', 'give=digests', '--json');
    expect([ran.code, ran.err]).toStrictEqual([0, '']);
    const ended = JSON.parse(ran.out.trim().split('\n').at(-1) ?? '{}') as { output?: unknown; session?: string };
    const digests = Object.entries(canaries).map(([name, value]) => [
      name,
      createHash('sha256').update(value).digest('hex'),
    ]);
    expect(ended.output).toStrictEqual({ digests: Object.fromEntries(digests) });

    const thrown = await bunsui('run', file, '-p', 'give=throw');
    expect([thrown.code, thrown.out]).toStrictEqual([1, expect.stringMatching(/401 for \*\*\* and \*\*\*/)]);
    const leaked = await bunsui('run', file, '-p', 'give=leak');
    expect([leaked.code, leaked.out]).toStrictEqual([
      1,
      expect.stringContaining('holds the value of the secret "canary/github-token"'),
    ]);
    await bunsui('session', 'show', 'latest');
    await bunsui('session', 'show', ended.session ?? '', '--json');
    const logs = await bunsui('logs', ended.session ?? '');
    expect(logs.out).toContain('connecting with ***');
    await bunsui('session', 'list', '--json');

    const compiled = compilePipeline(spilling.ir, { sha256: () => '' });
    const texts = [...stateFiles(), ['definition', JSON.stringify(compiled)], ...said.map((text) => ['said', text])];
    expect(texts.length).toBeGreaterThan(20);
    const found = texts.flatMap(([name, text = '']) => leaksIn(text).map((leak) => `${leak} in ${name}`));
    expect(found).toStrictEqual([]);
  }, 120_000);

  it('would be found, if they stood there', () => {
    for (const [name, value] of Object.entries(canaries)) expect(leaksIn(`x${value}y`)).toContain(name);
  });
});
