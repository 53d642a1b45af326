/** What is asked of a session's log: which jobs, how grave, when, and what it says. */
import { jobKeyPart } from '../storage-layout.ts';
import { wrapperFields } from './log-lines.ts';
import type { LogLevel, LogLine } from './report-data.ts';

/** From the least grave. */
export const logLevels: readonly LogLevel[] = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'];

export interface LogQuery {
  /** Only these: paths of jobs, maps or iterations (with all that is in them), or ids of nodes, wherever they stand. */
  readonly jobs?: readonly string[];
  /** The least grave level that is wanted. */
  readonly level?: LogLevel;
  /** Both included, milliseconds since the epoch. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** What the message, or one of the author's fields as `name=value`, must match. Without the flags `g` and `y`. */
  readonly pattern?: RegExp;
}

/** Whether the job of a path is the one that a name stands for, or is within it. */
export function isOfJob(path: string, name: string): boolean {
  if (path === name || path.startsWith(`${name}/`) || path.startsWith(`${name}[`)) return true;
  return path.includes(name) && path.split('/').some((part) => part.replace(/\[\d+\]$/, '') === name);
}

/** The same, of the folder that a job's log objects lie in. */
export function isFolderOfJob(folder: string, name: string): boolean {
  const own = jobKeyPart(name);
  return folder === own || folder.startsWith(`${own}.`) || folder.split('.').includes(name);
}

function says(line: LogLine, pattern: RegExp): boolean {
  if (pattern.test(line.message)) return true;
  for (const name of Object.keys(line)) {
    if (wrapperFields.has(name)) continue;
    const value = line[name];
    if (pattern.test(`${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)) return true;
  }
  return false;
}

/** Whether a line is asked for. */
export function logFilter(query: LogQuery): (line: LogLine) => boolean {
  const { jobs, level, sinceMs, untilMs, pattern } = query;
  const tests: ((line: LogLine) => boolean)[] = [];
  if (jobs !== undefined) tests.push(({ job_id: path }) => jobs.some((name) => isOfJob(path, name)));
  if (level !== undefined) {
    const wanted = new Set(logLevels.slice(logLevels.indexOf(level)));
    tests.push((line) => wanted.has(line.level));
  }
  if (sinceMs !== undefined) tests.push(({ timestamp }) => Date.parse(timestamp) >= sinceMs);
  if (untilMs !== undefined) tests.push(({ timestamp }) => Date.parse(timestamp) <= untilMs);
  if (pattern !== undefined) tests.push((line) => says(line, pattern));
  return (line) => tests.every((test) => test(line));
}
