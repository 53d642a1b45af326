/** Plain lines for pipes and files: one per change of a job's state, with the time since the start. */
import { duration } from '../durations.ts';
import { harmlessLine } from '../harmless.ts';
import { failureLine } from '../failures.ts';
import { type ProgressEvent, progressEvents } from '../progress-events.ts';
import type { SessionView } from '../../sessions/view.ts';
import type { Terminal } from '../terminal.ts';
import type { Progress } from './progress.ts';

/** What happened, after the job's name. */
export function plainWords(event: ProgressEvent): string {
  const took = 'durationMs' in event && event.durationMs !== undefined ? `  ${duration(event.durationMs)}` : '';
  const error = 'error' in event && event.error !== undefined ? `  ${failureLine(event.error)}` : '';
  const word = event.type.slice(event.type.indexOf('.') + 1);
  switch (event.type) {
    case 'map.started':
    case 'loop.started':
    case 'wait.started':
      return event.items === undefined ? 'started' : `started  ${event.items} item${event.items === 1 ? '' : 's'}`;
    case 'job.started':
      return event.attempt > 1 ? `started  attempt ${event.attempt}` : 'started';
    case 'job.waiting':
      return `waiting for approval${event.message === undefined ? '' : `  ${harmlessLine(event.message)}`}`;
    case 'job.retrying':
      return `retrying${took}  attempt ${event.attempt} failed:${error.slice(1)}`;
    default:
      return `${word}${took}${error}`;
  }
}

export function plainProgress({ out, err }: Terminal): Progress {
  const startedMs = Date.now();
  let seen: SessionView | undefined;
  const line = (atMs: number, text: string) =>
    out.write(`${duration(Math.max(0, atMs - startedMs)).padStart(8)}  ${text}\n`);
  return {
    preparing(what) {
      line(Date.now(), what);
    },
    began({ session, pipeline, version, origin, createdAt }, view) {
      seen = view;
      line(
        origin === 'started' ? Date.parse(createdAt) : Date.now(),
        `session ${session} ${origin}: ${pipeline} ${version}`,
      );
    },
    changed(view, nowMs) {
      for (const event of progressEvents(seen, view, nowMs)) line(event.atMs, `${event.job}  ${plainWords(event)}`);
      seen = view;
    },
    note(text) {
      err.write(`${text}\n`);
    },
    stop() {},
  };
}
