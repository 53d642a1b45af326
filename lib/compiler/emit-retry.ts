/** What a job's Task tries again: faults of the service that it calls, by themselves; the rest as its author says. */
import { jobErrors } from '../errors.ts';
import type { Json } from '../ir/expressions.ts';
import type { RetryIr } from '../ir/nodes.ts';

/** Errors that a repetition cannot mend. */
const hopeless = [
  jobErrors.inputInvalid,
  jobErrors.outputInvalid,
  jobErrors.outputTooLarge,
  jobErrors.secretUnavailable,
];

/** The name under which Step Functions fails a state whose expressions fail: those that check an answer too. */
const evaluationFailed = 'States.QueryEvaluationError';

const noRetry = (also: readonly string[]): Json => ({ ErrorEquals: [...hopeless, ...also], MaxAttempts: 0 });

/** Every job of a kind has the same list: it is made once. */
const known = new WeakMap<readonly string[], readonly Json[]>();

function servicesOf(transient: readonly string[]): readonly Json[] {
  const found = known.get(transient);
  if (found !== undefined) return found;
  const service = {
    ErrorEquals: transient,
    IntervalSeconds: 2,
    MaxAttempts: 6,
    BackoffRate: 2,
    JitterStrategy: 'FULL',
  };
  const made = transient.length === 0 ? [] : [service];
  known.set(transient, made);
  return made;
}

/**
 * @param transient errors of the service itself, which say nothing about the job
 * @param final errors that are never tried again, whatever the author says
 */
export function retriers(
  retry: RetryIr | undefined,
  transient: readonly string[],
  checksAnswer: boolean,
  final: readonly string[] = [],
): readonly Json[] {
  const services = servicesOf(transient);
  if (!retry || retry.max === 0) return services;
  return [
    noRetry([...(checksAnswer ? [evaluationFailed] : []), ...final]),
    ...services,
    {
      ErrorEquals: retry.errors,
      IntervalSeconds: retry.delaySeconds,
      MaxAttempts: retry.max,
      BackoffRate: retry.backoff,
      ...(retry.maxDelaySeconds === undefined ? {} : { MaxDelaySeconds: retry.maxDelaySeconds }),
      ...(retry.jitter ? { JitterStrategy: 'FULL' } : {}),
    },
  ];
}
