/** What the real Mermaid, and a browser, make of graphs: every structure of the fixture table, names that mean harm, a large graph. */
import { createServer, type Server } from 'node:http';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { foldGraph } from '../../lib/graph/fold.ts';
import type { PipelineGraph } from '../../lib/graph/graph.ts';
import { graphOf, isBox, nodesOf, scopesOf } from '../../lib/graph/graph.ts';
import { toMermaid } from '../../lib/graph/mermaid.ts';
import { nodeStatuses } from '../../lib/graph/status.ts';
import { toSvg } from '../../lib/graph/svg.ts';
import { boxTitle, groupTitle } from '../../lib/graph/titles.ts';
import { chromiumPath, launchChromium, noChromium } from '../browser.ts';
import { rows } from '../fixtures/pipelines.ts';
import { payloads } from '../report/payloads.ts';
import { large, tangle } from './large.ts';
import { branch, job, literal, map, pipeline } from './sample.ts';

const mermaid = fileURLToPath(new URL('../../node_modules/mermaid/dist/mermaid.min.js', import.meta.url));

/** What a picture shows. */
interface Drawn {
  /** Texts of boxes, sorted. */
  readonly boxes: readonly string[];
  /** Texts on frames, sorted. */
  readonly frames: readonly string[];
  readonly edges: number;
}

/** What a graph must show. Sides without anything in them hold a box that says so. */
function expected(graph: PipelineGraph): Drawn {
  const nodes = nodesOf(graph);
  const scopes = [graph, ...nodes.flatMap((node) => scopesOf(node).map(({ scope }) => scope))];
  const sides = nodes.flatMap((node) => scopesOf(node).flatMap(({ side }) => (side === undefined ? [] : [side])));
  const empty = scopes.slice(1).filter((scope) => scope.nodes.length === 0);
  return {
    boxes: [...nodes.filter(isBox).map(boxWords), ...empty.map(() => 'nothing runs')].toSorted(),
    frames: [...nodes.flatMap((node) => (isBox(node) ? [] : [groupTitle(node)])), ...sides].map(cut).toSorted(),
    edges: scopes.reduce((sum, { edges }) => sum + edges.length, 0),
  };
}

/** Labels are cut at 80 letters. */
const cut = (text: string) => ([...text].length > 80 ? `${[...text].slice(0, 79).join('')}…` : text);

function boxWords(node: Parameters<typeof boxTitle>[0]): string {
  if (node.kind === 'wait') return cut(`${node.id}: ${node.lasts}`);
  const more = node.kind === 'approval' ? 'approval' : node.kind === 'fold' ? `${node.jobs} jobs` : '';
  return `${cut(boxTitle(node))}${more}`;
}

/** Text for the page to run: the DOM's names are unknown to this side. */
const render = (text: string) => `(async () => {
  const { svg } = await mermaid.render('drawn', ${JSON.stringify(text)});
  document.body.innerHTML = svg;
  const texts = (query) => [...document.querySelectorAll(query)].map((one) => one.textContent).sort();
  return {
    boxes: texts('.node .label, .node .nodeLabel').length === 0 ? [] : texts('.node .nodeLabel'),
    frames: texts('.cluster .nodeLabel'),
    edges: document.querySelectorAll('path.flowchart-link').length,
    foreign: document.body.querySelectorAll('script, iframe, img, a, object, embed').length,
  };
})()`;

describe.skipIf(noChromium)(`graphs in Chromium (skipped where ${chromiumPath} is missing)`, () => {
  let browser: Browser;
  let page: Page;
  let server: Server;
  const noted: string[] = [];

  beforeAll(async () => {
    const files: { readonly [path: string]: readonly [string, string] } = {
      '/': ['text/html', '<!doctype html><meta charset="utf-8"><script src="mermaid.js"></script><body></body>'],
      '/mermaid.js': ['text/javascript', readFileSync(mermaid, 'utf8')],
      '/favicon.ico': ['image/x-icon', ''],
    };
    server = createServer(({ url = '' }, response) => {
      const [type, body] = files[url] ?? ['text/plain', ''];
      if (files[url] === undefined) noted.push(`request: ${url}`);
      response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(body);
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    browser = await launchChromium();
    page = await browser.newPage();
    const own = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    page.on('pageerror', (error) => noted.push(`error: ${error.message}`));
    page.on('dialog', (dialog) => {
      noted.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(own)) noted.push(`request: ${request.url()}`);
    });
    await page.goto(own);
    await page.evaluate('mermaid.initialize({ startOnLoad: false, maxEdges: 5000, maxTextSize: 500000 })');
  });
  afterAll(async () => {
    await browser.close();
    server.close();
  });

  /** What Mermaid draws of a text. */
  async function drawn(text: string): Promise<Drawn & { readonly foreign: number }> {
    return page.evaluate<Drawn & { readonly foreign: number }>(render(text));
  }

  const pipelines = new Map(rows.map((row) => [row.pipeline.ir.id, row.pipeline.ir]));
  test.each([...pipelines])('Mermaid draws all of "%s", and nothing else', async (_, ir) => {
    const graph = graphOf(ir);
    expect(await drawn(toMermaid(graph))).toStrictEqual({ ...expected(graph), foreign: 0 });
  });

  test('names that mean harm are shown as they are, and do nothing', async () => {
    const names = [
      ...payloads,
      'end',
      'x"] --> y["',
      'direction TB',
      'click a call alert(1)',
      '%%{init: {"securityLevel":"loose"}}%%',
      '`**bold**`',
      'a --> b',
      'classDef default fill:#f00',
      '__proto__',
      '#35;',
      '&amp;',
      '<br/>',
      'subgraph s',
    ];
    const graph = graphOf(
      pipeline([
        ...names.map((name) => job(name)),
        branch(`if ${names[0]}`, literal(names.join(' ').slice(0, 60)), [job('inside')], []),
        map(`map ${names[1]}`, literal([]), [job('within')]),
      ]),
    );
    const found = await drawn(toMermaid(graph));
    const plain = (text: string) => text.replaceAll(/[\p{C}\p{Zl}\p{Zp}\uFFFD\s]/gu, '');
    expect(found.boxes.map(plain).toSorted()).toStrictEqual(expected(graph).boxes.map(plain).toSorted());
    expect(found.foreign).toBe(0);
    expect(noted).toStrictEqual([]);
  });

  test('every status is a class with a colour of its own', async () => {
    const graph = graphOf(pipeline(nodeStatuses.map((status) => job(`job-${status}`))));
    const text = toMermaid(graph, { status: (id) => nodeStatuses.find((status) => id === `job-${status}`) });
    await drawn(text);
    const colours = await page.evaluate<readonly string[]>(
      `[...document.querySelectorAll('.node')].map((node) => [...node.classList].find((name) => ${JSON.stringify(nodeStatuses)}.includes(name)) + ' ' + getComputedStyle(node.querySelector('.label-container')).fill)`,
    );
    expect(new Set(colours.map((one) => one.split(' ')[0]))).toStrictEqual(new Set(nodeStatuses));
    expect(colours).toContain('failed rgb(254, 226, 226)');
    expect(colours).toContain('completed rgb(220, 252, 231)');
  });

  test.each(Object.keys(large))('Mermaid draws 500 jobs in a %s, folded', async (name) => {
    const graph = foldGraph(graphOf(large[name]?.(500) ?? pipeline([])));
    expect(await drawn(toMermaid(graph))).toStrictEqual({ ...expected(graph), foreign: 0 });
  });

  test('the SVG shows every node within its edges, in light and in dark, and loads nothing', async () => {
    for (const graph of [...pipelines.values(), pipeline(payloads.map((name) => job(name)))].map(graphOf)) {
      await page.setContent(toSvg(graph));
      const seen = await page.evaluate<{
        readonly texts: number;
        readonly outside: number;
        readonly foreign: number;
      }>(`(() => {
        const svg = document.querySelector('svg');
        const all = svg.getBoundingClientRect();
        const outside = [...svg.querySelectorAll('.s, .f rect')].filter((one) => {
          const box = one.getBoundingClientRect();
          return box.left < all.left || box.top < all.top || box.right > all.right + 0.5 || box.bottom > all.bottom + 0.5;
        });
        return {
          texts: svg.querySelectorAll('.n').length,
          outside: outside.length,
          foreign: svg.querySelectorAll('script, foreignObject, image, a').length,
        };
      })()`);
      expect(seen).toStrictEqual({ texts: nodesOf(graph).filter(isBox).length, outside: 0, foreign: 0 });
    }
    const paper = async (colorScheme: 'light' | 'dark') => {
      await page.emulateMedia({ colorScheme });
      return page.evaluate("getComputedStyle(document.querySelector('.paper')).fill");
    };
    expect([await paper('light'), await paper('dark')]).toStrictEqual(['rgb(247, 248, 250)', 'rgb(15, 19, 25)']);
    expect(noted).toStrictEqual([]);
  });

  test('of a tangle of 500 jobs the SVG is a picture that fits a screen or two', async () => {
    const graph = foldGraph(graphOf(tangle(500)));
    const [, width = '', height = ''] = /width="(\d+)" height="(\d+)"/.exec(toSvg(graph)) ?? [];
    expect([Number(width) < 2_400, Number(height) < 4_000]).toStrictEqual([true, true]);
  });
});
