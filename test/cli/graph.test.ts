/** `bunsui graph` as its users run it: of files, of sessions on this machine, of what is neither. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { main } from '../../lib/cli/main.ts';
import { recordedTerminal } from './outputs.ts';

const shop = fileURLToPath(new URL('./shop/shop.ts', import.meta.url));

let folder = '';
let session = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bunsui-graph-'));
  const ran = await run(['run', shop, '-p', 'flaw=broken', '-p', 'orders=2', '--json']);
  session = JSON.parse(ran.out.trimEnd().split('\n').at(-1) ?? '').session;
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function run(args: readonly string[], environment: { readonly [name: string]: string } = {}) {
  const recorded = recordedTerminal({ columns: 100 });
  const code = await main(args, recorded, { cwd: folder, environment });
  return { code, out: recorded.out.text(), err: recorded.err.text() };
}

it('draws a file in every direction', async () => {
  for (const direction of ['TB', 'LR', 'BT', 'RL', 'rl']) {
    const { code, out, err } = await run(['graph', shop, '--direction', direction]);
    expect([code, out.split('\n')[0], err]).toStrictEqual([0, `flowchart ${direction.toUpperCase()}`, '']);
  }
  const sizes = new Map<string, readonly number[]>();
  for (const direction of ['TB', 'LR', 'BT', 'RL']) {
    const { out } = await run(['graph', shop, '--format', 'svg', '--direction', direction]);
    sizes.set(direction, (/width="(\d+)" height="(\d+)"/.exec(out) ?? []).slice(1).map(Number));
  }
  const [down = [], across = []] = [sizes.get('TB'), sizes.get('LR')];
  expect([sizes.get('BT'), sizes.get('RL')]).toStrictEqual([down, across]);
  expect([(down[1] ?? 0) > (across[1] ?? 0), (across[0] ?? 0) > (down[0] ?? 0)]).toStrictEqual([true, true]);
});

it('draws a session with what has become of its jobs', async () => {
  const { code, out, err } = await run(['graph', 'latest']);
  expect([code, err, out.split('\n')]).toStrictEqual([
    0,
    '',
    [
      'flowchart TB',
      '    count["count<br/>✓ completed"]',
      '    hold["hold<br/>✓ completed"]',
      '    subgraph prices["prices#58; each of count.orders<br/>✗ failed"]',
      '        price["price<br/>✗ failed"]',
      '    end',
      '    recount{{"recount<br/>■ cancelled"}}',
      '    count --> hold',
      '    hold -.-> prices',
      '    prices -.-> recount',
      expect.stringMatching(/^ {4}classDef completed /),
      expect.stringMatching(/^ {4}classDef failed /),
      expect.stringMatching(/^ {4}classDef cancelled /),
      '    class count,hold completed',
      '    class prices,price failed',
      '    class recount cancelled',
      '',
    ],
  ]);
  const svg = await run(['graph', session.slice(-8), '--format', 'svg']);
  expect(svg.code).toBe(0);
  expect(svg.out).toContain(`<title>shop, session ${session}: failed</title>`);
  expect([...svg.out.matchAll(/<g class="n (\w+)/g)].map(([, status]) => status).toSorted()).toStrictEqual([
    'cancelled',
    'completed',
    'completed',
    'failed',
  ]);
});

it('gives a program the whole graph as one line', async () => {
  const { out } = await run(['graph', session, '--format', 'json']);
  const { v, type, pipeline, session_id, status, version, nodes, edges } = JSON.parse(out);
  expect([out.split('\n').length, v, type, pipeline, session_id, status]).toStrictEqual([
    2,
    1,
    'graph',
    'shop',
    session,
    'failed',
  ]);
  expect(version).toMatch(/^[0-9a-f]{12}$/);
  expect(nodes).toStrictEqual([
    { kind: 'job', id: 'count', status: 'completed', operation: 'count' },
    { kind: 'job', id: 'hold', status: 'completed', operation: 'hold' },
    {
      kind: 'map',
      id: 'prices',
      status: 'failed',
      items: 'count.orders',
      concurrency: expect.any(Number),
      body: { nodes: [{ kind: 'job', id: 'price', status: 'failed', operation: 'price' }], edges: [] },
    },
    { kind: 'job', id: 'recount', status: 'cancelled', operation: 'count', condition: expect.any(String) },
  ]);
  expect(edges).toContainEqual({ from: 'count', to: 'hold', kind: 'data' });
  const { nodes: plain, session_id: none } = JSON.parse((await run(['graph', shop, '--format', 'json'])).out);
  expect([plain[0], none]).toStrictEqual([{ kind: 'job', id: 'count', operation: 'count' }, undefined]);
});

const wide = `import { lambda, pipeline } from 'bunsui';
import * as z from 'zod';
const one = lambda('one', { entry: './one.ts', input: z.object({}), output: z.object({}) });
export default pipeline('wide', { input: z.object({}) }, (p) => {
  for (let index = 0; index < 300; index += 1) p.job(\`load-\${index}\`, one, {});
});
`;

it('folds what is too large to read, says so, and shows what one asks for', async () => {
  writeFileSync(join(folder, 'wide.ts'), wide);
  copyFileSync(join(shop, '..', 'count.ts'), join(folder, 'one.ts'));
  const folded = await run(['graph', 'wide.ts']);
  expect([folded.code, folded.out.split('\n').length, folded.out]).toStrictEqual([
    0,
    3,
    expect.stringContaining('[["load-#42;<br/>300 jobs"]]'),
  ]);
  expect(folded.err).toBe(
    '300 nodes: some stand together in one box. --show JOB shows a job by itself, --all shows all of them.\n',
  );
  const shown = await run(['graph', 'wide.ts', '--show', 'load-17', '--show', 'load-200']);
  expect(shown.out).toContain('"load-17"');
  expect(shown.out).toContain('<br/>298 jobs');
  const all = await run(['graph', 'wide.ts', '--all']);
  expect([all.out.split('\n').length, all.err]).toStrictEqual([302, '']);
  const json = await run(['graph', 'wide.ts', '--format', 'json']);
  expect([JSON.parse(json.out).nodes.length, json.err]).toStrictEqual([300, '']);
});

it('says what is wrong with what it is given', async () => {
  const first = async (args: readonly string[]) => {
    const { code, err } = await run(args);
    return [
      code,
      ...err.split('\n').slice(0, 1),
      err
        .split('\n')
        .find((line) => line.includes('= help'))
        ?.trim(),
    ];
  };
  expect(await first(['graph', 'gone.ts'])).toStrictEqual([
    5,
    'error[BS2002]: there is no file "gone.ts"',
    '= help: check the path of the pipeline file',
  ]);
  expect(await first(['graph', 'wide'])).toStrictEqual([
    5,
    'error[BS2002]: there is no file "wide"',
    '= help: did you mean "wide.ts"?',
  ]);
  expect((await first(['graph', 'nothing-like-it'])).slice(0, 2)).toStrictEqual([
    5,
    'error[BS3002]: no session has the id "nothing-like-it"',
  ]);
  expect(await first(['graph', shop, '--platform', 'bunsuidev'])).toStrictEqual([
    2,
    `error[BS2001]: --platform says where a session is, and "${shop}" is a file`,
    '= help: leave it out, or name a session: its id, a part of one, or latest',
  ]);
  expect(await first(['graph', 'latest', '--show', 'prise'])).toStrictEqual([
    5,
    'error[BS3006]: pipeline "shop" has no job "prise"',
    '= help: is "price" meant?',
  ]);
  expect((await first(['graph', shop, '--format', 'png'])).slice(0, 2)).toStrictEqual([
    2,
    'error[BS2001]: "png" does not fit --format <format>: a format is one of mermaid, svg, json',
  ]);
});

it('draws a file also where the environment names a platform', async () => {
  const { code, out } = await run(['graph', shop], { BUNSUI_PLATFORM: 'bunsuidev' });
  expect([code, out.split('\n')[0]]).toStrictEqual([0, 'flowchart TB']);
});
