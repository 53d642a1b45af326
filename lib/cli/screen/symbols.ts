/**
 * How a status looks: a symbol, a word and a colour, never a colour alone.
 */
import type { JobStatus, SessionStatus } from '../../sessions/status.ts';
import type { Paint, Palette } from '../terminal.ts';

/** `interrupted`: recorded as unfinished, and no process works on it. `pausing`: jobs that run finish. */
export type ShownStatus = JobStatus | SessionStatus | 'interrupted' | 'pausing';

interface Look {
  readonly symbol: string;
  readonly ascii: string;
  readonly colour: keyof Palette;
}

// The same signs as in the report and in Mermaid graphs.
const looks: { readonly [status in ShownStatus]: Look } = {
  pending: { symbol: '○', ascii: '.', colour: 'dim' },
  created: { symbol: '○', ascii: '.', colour: 'dim' },
  queued: { symbol: '○', ascii: '.', colour: 'dim' },
  running: { symbol: '▶', ascii: '>', colour: 'blue' },
  retrying: { symbol: '↻', ascii: '~', colour: 'yellow' },
  waiting: { symbol: '?', ascii: '?', colour: 'yellow' },
  interrupted: { symbol: '‖', ascii: '=', colour: 'yellow' },
  pausing: { symbol: '‖', ascii: '=', colour: 'yellow' },
  paused: { symbol: '‖', ascii: '=', colour: 'yellow' },
  completed: { symbol: '✓', ascii: '+', colour: 'green' },
  failed: { symbol: '✗', ascii: 'x', colour: 'red' },
  timeout: { symbol: '⧖', ascii: 't', colour: 'red' },
  cancelled: { symbol: '■', ascii: '/', colour: 'yellow' },
  skipped: { symbol: '–', ascii: '-', colour: 'dim' },
};

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const asciiSpinner = ['|', '/', '-', '\\'];

/** One character for a status. */
export function symbolOf(status: ShownStatus, unicode: boolean): string {
  const look = looks[status];
  return unicode ? look.symbol : look.ascii;
}

/** The character that turns while something runs; ten steps a second. */
export function spinnerAt(nowMs: number, unicode: boolean): string {
  const steps = unicode ? spinner : asciiSpinner;
  return steps[Math.floor(nowMs / 100) % steps.length] ?? '*';
}

/** The colour of a status. */
export function paintOf(status: ShownStatus, palette: Palette): Paint {
  return palette[looks[status].colour];
}

/** A bar of `columns` characters, filled by `part` (0 to 1). */
export function bar(part: number, columns: number, unicode: boolean): { readonly done: string; readonly left: string } {
  const filled = Math.round(Math.min(1, Math.max(0, part)) * columns);
  return { done: (unicode ? '━' : '#').repeat(filled), left: (unicode ? '─' : '-').repeat(columns - filled) };
}
