/** Events as JSON Lines, for programs. Times are ISO 8601, lengths milliseconds. */
import type { SessionView } from '../../sessions/view.ts';
import { failureText } from '../failures.ts';
import { isoTime, jsonLine } from '../json-lines.ts';
import { type ProgressEvent, progressEvents } from '../progress-events.ts';
import type { Terminal } from '../terminal.ts';
import type { Progress } from './progress.ts';

/** A change of a job's state as a line. */
export function jsonEvent(event: ProgressEvent, session: string): string {
  const { type, atMs, job } = event;
  const error = 'error' in event && event.error !== undefined ? failureText(event.error) : undefined;
  return jsonLine(type, {
    at: isoTime(atMs),
    session,
    job,
    ...('operation' in event ? { operation: event.operation } : {}),
    ...('message' in event ? { message: event.message, who: event.who } : {}),
    ...('attempt' in event ? { attempt: event.attempt } : {}),
    ...('items' in event ? { items: event.items } : {}),
    ...('durationMs' in event ? { duration_ms: event.durationMs } : {}),
    ...(error === undefined ? {} : { error: { name: error.name, message: error.message } }),
  });
}

export function jsonProgress({ out, err }: Terminal): Progress {
  let session = '';
  let seen: SessionView | undefined;
  return {
    preparing(what) {
      out.write(jsonLine('preparing', { at: isoTime(Date.now()), what }));
    },
    began(followed, view) {
      session = followed.session;
      seen = view;
      out.write(
        jsonLine(`session.${followed.origin}`, {
          at: followed.origin === 'started' ? followed.createdAt : isoTime(Date.now()),
          session,
          pipeline: followed.pipeline,
          version: followed.version,
          ...followed.rerun,
          jobs: view.jobs.filter(({ job }) => !job.includes('[')).length,
        }),
      );
    },
    changed(view, nowMs) {
      for (const event of progressEvents(seen, view, nowMs)) out.write(jsonEvent(event, session));
      seen = view;
    },
    note(text) {
      err.write(`${text}\n`);
    },
    stop() {},
  };
}
