/** Small pieces of markup that several sections use: icons, status badges, code blocks, commands, places in files. */
import type { SourcePosition } from '../errors.ts';
import { statusSigns } from '../graph/status.ts';
import type { JobStatus, SessionStatus } from '../sessions/status.ts';
import { objectKeys } from '../storage-layout.ts';
import { clipText, shellWord, shortPath, sizeText, timeText } from './format.ts';
import type { Html } from '../html.ts';
import { html, trustedMarkup } from '../html.ts';

type Status = JobStatus | SessionStatus;

/** Strokes in a box of 16 by 16: a status is told by its sign as well as by its colour. */
const signs: { readonly [status in Status]: string } = {
  ...statusSigns,
  created: '<circle cx="8" cy="8" r="4.8" stroke-dasharray="2 1.8"/>',
  queued: '<circle cx="8" cy="8" r="4.8" stroke-dasharray="2 1.8"/>',
  paused: '<path d="M5.6 4V12M10.4 4V12"/>',
};

/** The signs as symbols, once per page; `icon` refers to them. */
export function iconSheet(): Html {
  const symbols = Object.entries(signs).map(
    ([status, strokes]) => `<symbol id="i-${status}" viewBox="0 0 16 16">${strokes}</symbol>`,
  );
  return trustedMarkup(`<svg class="sheet" width="0" height="0" aria-hidden="true">${symbols.join('')}</svg>`);
}

export function icon(status: Status): Html {
  return html`<svg class="ic"><use href="#i-${status}"/></svg>`;
}

/** Sign and word of a status; `words` where there is more to say than its name. */
export function badge(status: Status, words: string = status): Html {
  return html`<span class="st ${status}">${icon(status)}${words}</span>`;
}

export function timeTag(ms: number): Html {
  return html`<time datetime="${new Date(ms).toISOString()}">${timeText(ms)}</time>`;
}

/** A session with the way to its report, from that of another one. */
export function sessionLink({ session, createdAt }: { readonly session: string; readonly createdAt: string }): Html {
  const [, ...place] = objectKeys.report({ createdAt, session }).split('/');
  return html`<a href="../../../${place.join('/')}">${session}</a>`;
}

/** Where an author wrote something. */
export function sourceTag({ file, line }: SourcePosition): Html {
  return html`<code>${shortPath(file)}:${line}</code>`;
}

/** Blocks longer than this may scroll: the keyboard must reach them. */
const scrollsFrom = 500;
/** A beginning shorter than this says nothing: the size alone is said. */
const smallestClip = 240;

/** A block of text as it stands, clipped to a budget of bytes and marked where it is. */
export function codeBlock(text: string, budget: number, label: string): Html {
  const { text: shown, wholeBytes } = clipText(text, budget);
  if (wholeBytes === undefined) return html`<pre${scrollFocus(shown, label)}>${shown}</pre>`;
  if (budget < smallestClip) return cutNote(`${sizeText(wholeBytes)}, too much for a report of this size`);
  return html`<pre${scrollFocus(shown, label)}>${shown}</pre>${cutNote(`the beginning of ${sizeText(wholeBytes)}`)}`;
}

function scrollFocus(text: string, label: string): Html | undefined {
  return text.length < scrollsFrom ? undefined : html` tabindex="0" role="region" aria-label="${label}"`;
}

/** Says that something is left out. */
export function cutNote(text: string): Html {
  return html`<p class="cut">${text}.</p>`;
}

/** A command of bunsui to copy. Words are quoted as a shell needs it. */
export function command(...words: readonly string[]): Html {
  return html`<code class="cmd">npx bunsui ${words.map(shellWord).join(' ')}</code>`;
}
