/** Packages that only some stores need. */
import { BunsuiError } from '../errors.ts';

/** BS1160: a package that is not there, or what it threw while it was loaded. */
export function notInstalled(name: string, scheme: string, cause: unknown): BunsuiError {
  const why = cause instanceof Error ? `: ${cause.message.split('\n')[0]}` : '';
  return new BunsuiError('ConfigError', 'BS1160', `${scheme} needs the package ${name}, which cannot be loaded${why}`, {
    hint: `npm install ${name}, and bundle the handler again`,
  });
}
