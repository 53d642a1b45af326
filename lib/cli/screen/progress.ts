/**
 * Showing a running session: the three ways (a live picture, plain lines, JSON Lines) behind one interface.
 */
import type { Rerun } from '../../sessions/rerun.ts';
import type { SessionView } from '../../sessions/view.ts';

/** Which session is followed. */
export interface FollowedSession {
  readonly session: string;
  readonly pipeline: string;
  readonly version: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** `resumed`: an interrupted one goes on. `existing`: the idempotency key stood for it already. */
  readonly origin: 'started' | 'resumed' | 'existing';
  /** How a session goes on that had ended or was paused. */
  readonly rerun?: Pick<Rerun, 'road' | 'reason' | 'generation'>;
}

export interface Progress {
  /** Something is done before the session begins: `reading flights.ts`. */
  preparing(what: string): void;
  /** The session is known. `view` is what has happened before it was followed. */
  began(session: FollowedSession, view: SessionView): void;
  /** `nowMs`: the time of the newest event in it. */
  changed(view: SessionView, nowMs: number): void;
  /** A remark, or a diagnostic, that is no part of the picture: on stderr, or above the picture where both are shown. */
  note(text: string): void;
  /** No more is shown; the terminal is as it was. Called again it does nothing. */
  stop(): void;
}
