/** Who may call what: the one place where a caller's role meets a route's. */
import type { MiddlewareHandler } from 'hono';
import { BunsuiError } from '../errors.ts';
import type { ApiBindings } from './app.ts';
import { type Route, roles } from './route.ts';

/** Lets a request pass whose caller has the route's role, or one that may more. @throws {BunsuiError} BS6007 */
export function authorise({
  role,
  operation,
}: Pick<Route, 'role' | 'operation'>): MiddlewareHandler<{ readonly Bindings: ApiBindings }> {
  return (context, next) => {
    const { caller } = context.env;
    if (caller.role !== undefined && roles.indexOf(caller.role) >= roles.indexOf(role)) return next();
    throw new BunsuiError(
      'ValidationError',
      'BS6007',
      `${operation} is for the role ${role}, which this caller has not`,
    );
  };
}
