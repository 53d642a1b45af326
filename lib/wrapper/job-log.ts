/** A job's log: JSON Lines on standard output, one line per record, whatever the handler writes into it. */
import { formatWithOptions, inspect } from 'node:util';
import type { WrapperPorts } from './ports.ts';

export type LogFields = { readonly [name: string]: unknown };

/** What a handler logs with. Fields beside the message become fields of the record. */
export interface JobLog {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const levels = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'] as const;
type Level = (typeof levels)[number];

/** Least level that is written, from the environment variable `BUNSUI_LOG_LEVEL`. @default INFO */
const levelVariable = 'BUNSUI_LOG_LEVEL';

/** One record stays well under what a log event may hold (256 KiB), with room for escapes. */
const maxTextLength = 32_768;

function bounded(text: string): string {
  if (text.length <= maxTextLength) return text;
  return `${text.slice(0, maxTextLength)}… (${text.length - maxTextLength} more characters)`;
}

/** A field's value as something JSON can hold, bounded. */
function plain(value: unknown): unknown {
  if (value instanceof Error)
    return { name: value.name, message: bounded(value.message), stack: bounded(value.stack ?? '') };
  if (typeof value === 'string') return bounded(value);
  try {
    const text = JSON.stringify(value);
    if (text !== undefined && text.length <= maxTextLength) return value;
    return bounded(text ?? String(value));
  } catch {
    return bounded(inspect(value, { depth: 3 }));
  }
}

/** JSON leaves these as they are, but terminals and readers of lines act on them. */
function escapeControls(json: string): string {
  return json.replaceAll(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** A log whose records carry the given fields; no record's own field replaces one of them. */
export function jobLog(ports: WrapperPorts, carried: LogFields): JobLog {
  const wanted = ports.environment[levelVariable]?.toUpperCase();
  const least = levels.indexOf(levels.find((level) => level === wanted) ?? 'INFO');
  const write = (level: Level, message: string, fields: LogFields = {}): void => {
    if (levels.indexOf(level) < least) return;
    const head = {
      timestamp: new Date(ports.now()).toISOString(),
      level,
      message: bounded(String(message)),
      ...carried,
    };
    const own = Object.entries(fields)
      .filter(([name]) => !Object.hasOwn(head, name))
      .map(([name, value]) => [name, plain(value)] as const);
    ports.writeLine(escapeControls(JSON.stringify(Object.fromEntries([...Object.entries(head), ...own]))));
  };
  return {
    debug: (message, fields) => write('DEBUG', message, fields),
    info: (message, fields) => write('INFO', message, fields),
    warn: (message, fields) => write('WARNING', message, fields),
    error: (message, fields) => write('ERROR', message, fields),
  };
}

const consoleMethods = {
  log: 'info',
  info: 'info',
  warn: 'warn',
  error: 'error',
  debug: 'debug',
  trace: 'debug',
} as const;

/** The logs of the handlers that are running now; Lambda runs one at a time, tests may run several. */
const capturing: JobLog[] = [];
let restoreConsole: (() => void) | undefined;

function patchConsole(): () => void {
  const undo = Object.entries(consoleMethods).map(([name, level]) => {
    const method = name as keyof typeof consoleMethods;
    const before = console[method];
    const replacement = (...values: unknown[]): void => {
      const log = capturing.at(-1);
      if (log === undefined) before(...values);
      else log[level](formatWithOptions({ colors: false }, ...values));
    };
    console[method] = replacement;
    return () => {
      // Who has put something over it since holds on to it; it then only passes on.
      if (console[method] === replacement) console[method] = before;
    };
  });
  return () => {
    for (const restore of undo) restore();
  };
}

/**
 * Turns what is written to the console into records of the log; of the latest one where several overlap.
 * @returns what ends that; the console is given back with the last
 */
export function captureConsole(log: JobLog): () => void {
  capturing.push(log);
  restoreConsole ??= patchConsole();
  return () => {
    capturing.splice(capturing.indexOf(log), 1);
    if (capturing.length > 0) return;
    restoreConsole?.();
    restoreConsole = undefined;
  };
}
