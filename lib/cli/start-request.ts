/** What the command line asks the function that starts sessions, as text that Lambda takes. */
import { BunsuiError } from '../errors.ts';
import type { SessionRequest } from './platform.ts';

/** From a caller who waits. @see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
export const maxRequestBytes = 6_291_456;

/** @throws {BunsuiError} BS3001 when the input makes it too large */
export function requestText(request: SessionRequest): string {
  const text = JSON.stringify(request);
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxRequestBytes) return text;
  throw new BunsuiError(
    'ValidationError',
    'BS3001',
    `the input of pipeline "${request.pipeline}" makes a request of ${bytes} bytes, and a session is started with ${maxRequestBytes} at most`,
    { context: { pipeline_id: request.pipeline }, hint: 'write the data to S3 and give its key' },
  );
}
