/** What the function that starts sessions fails with, as one of our errors. */
import { BunsuiError, type ErrorCode, errorCodes } from '../errors.ts';

/** What `start-session` fails with tells its family only; each family has one reason there. */
const byFamily = { ValidationError: 'BS3001', PipelineError: 'BS3003', SessionError: 'BS3004' } as const;

const isFamily = (name: string): name is keyof typeof byFamily => Object.hasOwn(byFamily, name);
const isCode = (text: string): text is ErrorCode => Object.hasOwn(errorCodes, text);

/**
 * @param payload JSON text: `{"errorType":"ValidationError","errorMessage":"…"}`, as Lambda answers.
 * @param where what to look at when it is none of the errors that are expected.
 */
export function startError(payload: string, where: string): BunsuiError {
  const { errorType = '', errorMessage = '' } = JSON.parse(payload) as {
    readonly errorType?: string;
    readonly errorMessage?: string;
  };
  if (isFamily(errorType)) {
    const [, named = '', rest = errorMessage] = /^(BS\d{4}): (.*)$/s.exec(errorMessage) ?? [];
    const code = isCode(named) ? named : byFamily[errorType];
    const hint = code === 'BS3004' ? { hint: 'use another key, or the same pipeline and input' } : {};
    return new BunsuiError(errorType, code, rest, hint);
  }
  const message = `the session could not be started: ${errorType}: ${errorMessage}`;
  return new BunsuiError('AWSError', 'BS5001', message, { hint: where });
}
