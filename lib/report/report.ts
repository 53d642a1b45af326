/**
 * The report of a session: one HTML page that needs nothing else. Session data in, text out; no clock, no file, no
 * network, so that it renders the same in a function and on a laptop. What comes from data is escaped by `html`; what
 * runs is one script whose hash stands in the page's policy.
 */
import type { ReportData } from '../sessions/report-data.ts';
import { embeddedData } from './embedded.ts';
import { timeText, utf8Bytes } from './format.ts';
import { graphSection } from './graph-figure.ts';
import type { Html } from '../html.ts';
import { html, trustedMarkup } from '../html.ts';
import { detailsSection, jobsSection } from './jobs.ts';
import type { ReportModel } from './model.ts';
import { reportModel } from './model.ts';
import { iconSheet } from './parts.ts';
import { script, scriptHash } from './script.ts';
import { style, styleHash } from './style.ts';
import { failureSection, headerSection, resultSection } from './summary.ts';
import { timelineSection } from './timeline.ts';

/** A page is at most so many bytes: it is mailed, stored per session, and opened on phones. */
const largestPage = 1_000_000;
/** How many jobs a page has: as many as fit. */
const rowLimits = [600, 300, 150, 60];

/**
 * Renders a session's report.
 *
 * The page loads nothing, opens from disk, and stays below 1 MB: with many jobs, values and logs are clipped, and then
 * the least urgent jobs left out; it says so wherever it does. The session's data stands in it as JSON too, see
 * `embeddedData`.
 */
export function renderReport(data: ReportData): string {
  const jobs = data.view.jobs.length;
  const limits = rowLimits.filter((limit, index) => index === 0 || limit < jobs);
  let page = '';
  for (const limit of limits) {
    page = renderPage(reportModel(data, limit));
    if (page.length <= largestPage && utf8Bytes(page) <= largestPage) break;
  }
  return page;
}

function renderPage(model: ReportModel): string {
  const { session } = model.data;
  const policy = `default-src 'none'; script-src '${scriptHash}'; style-src '${styleHash}'; base-uri 'none'; form-action 'none'`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${trustedMarkup(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${session.pipeline_name} ${model.status} · ${session.session_id}</title>
<style>${trustedMarkup(style)}</style>
</head>
<body>
${iconSheet()}
<a class="skip" href="#h-jobs">Skip to the jobs</a>
${headerSection(model)}
<main>
${sections([failureSection(model), resultSection(model), graphSection(model), timelineSection(model), jobsSection(model), detailsSection(model)])}
</main>
<footer>Written by bunsui at ${timeText(model.now)}. The session’s data stands in this file as JSON, in the element <code>bunsui-report</code>.</footer>
${embeddedData(model)}
<script>${trustedMarkup(script)}</script>
</body>
</html>
`;
  return page.markup;
}

function sections(parts: readonly (Html | undefined)[]): readonly Html[] {
  return parts.flatMap((part) => (part === undefined ? [] : [part, trustedMarkup('\n')]));
}
