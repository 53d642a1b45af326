import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderReport } from '../../lib/report/report.ts';
import type { ReportData } from '../../lib/sessions/report-data.ts';
import { chromiumPath, launchChromium, noChromium } from '../browser.ts';
import { harmless, withPrefix } from './hostile.ts';
import { payloads } from './payloads.ts';
import { failed, largeMap, running, succeeded } from './samples.ts';

describe.skipIf(noChromium)(`a report in Chromium (skipped where ${chromiumPath} is missing)`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'bunsui-report-'));
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Opens a report from disk and notes whatever it should not do. */
  async function open(
    data: ReportData,
    width = 1280,
  ): Promise<{ readonly page: Page; readonly noted: string[]; readonly close: () => Promise<void> }> {
    const file = join(folder, `${Math.abs(width)}.html`);
    writeFileSync(file, renderReport(data));
    const context = await browser.newContext({ viewport: { width, height: 900 } });
    const page = await context.newPage();
    const noted: string[] = [];
    page.on('console', (message) => noted.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => noted.push(`error: ${error.message}`));
    page.on('dialog', (dialog) => {
      noted.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => noted.push(`request: ${request.url()}`));
    await page.goto(pathToFileURL(file).href);
    expect(noted.splice(0)).toStrictEqual([`request: ${pathToFileURL(file).href}`]);
    return { page, noted, close: () => context.close() };
  }

  test('chooses a job from the graph: marks it everywhere, shows its details, and Escape goes back', async () => {
    const { page, noted, close } = await open(failed);
    await page.locator('a.n', { hasText: 'validate' }).click();
    const details = page.locator('details.job.drawer');
    await details.waitFor({ state: 'visible' });
    expect(await details.locator('summary .nm').textContent()).toBe('validate');
    expect(await details.locator('.body').isVisible()).toBe(true);
    expect(
      await page.locator('.sel').evaluateAll((marked) => marked.map((one) => one.tagName.toLowerCase())),
    ).toStrictEqual(['a', 'li', 'tr', 'details']);
    expect(new URL(page.url()).hash).toBe('#job-3');
    await page.keyboard.press('Escape');
    expect(await page.locator('.sel').count()).toBe(0);
    expect(await page.evaluate('document.activeElement.closest("a.n").textContent')).toContain('validate');
    expect(noted).toStrictEqual([]);
    await close();
  });

  test('is used with the keyboard alone', async () => {
    const { page, noted, close } = await open(succeeded);
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Skip to the jobs');
    await page.locator('table.jobs a').first().focus();
    await page.keyboard.press('Enter');
    expect(await page.locator('details.job.drawer summary .nm').textContent()).toBe('ingest-flights');
    await page.keyboard.press('Enter');
    expect(await page.locator('details.job.drawer').count()).toBe(0);
    expect(noted).toStrictEqual([]);
    await close();
  });

  test('filters the jobs and zooms the graph', async () => {
    const { page, noted, close } = await open(largeMap);
    await page.locator('.filter input').fill('enrich failed');
    expect(await page.locator('table.jobs tbody tr:visible th').allTextContents()).toStrictEqual([
      'by-origin[7]/enrich',
      'by-origin[19]/enrich',
      'by-origin[33]/enrich',
    ]);
    const widthNow = async () => Number(await page.locator('.graph').getAttribute('width'));
    const before = await widthNow();
    await page.getByRole('button', { name: 'Smaller' }).click();
    expect(await widthNow()).toBe(Math.round(before / 1.5));
    expect(noted).toStrictEqual([]);
    await close();
  });

  test('opens at the job that its address names', async () => {
    const { page, close } = await open(failed);
    await page.goto(`${page.url()}#job-1`);
    await page.reload();
    expect(await page.locator('details.job.drawer summary .nm').textContent()).toBe('ingest-airports');
    await close();
  });

  test('never scrolls sideways, down to 360 pixels', async () => {
    for (const [data, width] of [
      [succeeded, 360],
      [failed, 360],
      [running, 390],
      [largeMap, 768],
    ] as const) {
      const { page, close } = await open(data, width);
      expect(await page.evaluate('[document.documentElement.scrollWidth, innerWidth]')).toStrictEqual([width, width]);
      await close();
    }
  });

  test('says everything without its script', async () => {
    const file = join(folder, 'no-script.html');
    writeFileSync(file, renderReport(failed));
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(pathToFileURL(file).href);
    expect(await page.locator('details.job:visible').count()).toBe(failed.view.jobs.length);
    await context.close();
  });

  test('no text of any field becomes an element', async () => {
    const { page, noted, close } = await open(failed);
    // Text for the page to run: the DOM's names are unknown to this side.
    const count = (markup: string) =>
      page.evaluate<string>(
        `[...new DOMParser().parseFromString(${JSON.stringify(markup)}, 'text/html').querySelectorAll('*')].map((one) => one.tagName).join()`,
      );
    for (const payload of payloads) {
      const hostile = await count(renderReport(withPrefix(failed, payload)));
      expect({ payload, tags: hostile }).toStrictEqual({
        payload,
        tags: await count(renderReport(withPrefix(failed, harmless(payload)))),
      });
    }
    expect(noted).toStrictEqual([]);
    await close();
  });

  test('a page full of hostile text raises nothing and asks for nothing, jobs opened included', async () => {
    for (let index = 0; index < payloads.length; index += 10) {
      const { page, noted, close } = await open(withPrefix(failed, payloads.slice(index, index + 10).join(' ')));
      for (const link of await page.locator('table.jobs a').all()) await link.dispatchEvent('click');
      await page.mouse.move(400, 300);
      expect(noted).toStrictEqual([]);
      await close();
    }
  });
});
