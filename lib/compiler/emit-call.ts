/**
 * What Step Functions is told to start a pipeline that is called. Its execution is named for a session that the state
 * itself names: of the execution, the job and the try, so that the same try never begins two.
 */
import { pipelinePlaceholder } from '../ir/artifact.ts';
import type { Expression, Json } from '../ir/expressions.ts';
import type { CallIr } from '../ir/nodes.ts';
import { payloadKey } from '../payload-layout.ts';
import { jobErrors } from '../errors.ts';
import { executionName, reservedInputKey, sessionDigits } from '../storage-layout.ts';
import type { Identity } from './emit-context.ts';
import { type PrintScope, print, quoted, template, text } from './jsonata.ts';

/** What a call knows of the job that makes it. */
export interface Caller {
  /** JSONata of its path. */
  readonly path: string;
  readonly identity: Identity;
  /** Whether its author lets it be tried again: then each try begins a session of its own. */
  readonly retries: boolean;
}

/** @param input what the child is given */
export function callArguments(call: CallIr, input: Expression, scope: PrintScope, caller: Caller): Json {
  const { path, identity } = caller;
  const session = sessionOf(caller);
  const [before = '', after = ''] = executionName('@', 1).split('@');
  const { execution, startedAt, block } = identity;
  const parent = `$states.context.{"execution": ${execution}, "startedAt": ${startedAt}, "block": ${block}, "job": ${path}}`;
  const own = `{"session": ${session}, "createdAt": ${createdAt}, "generation": 1, "parent": ${parent}}`;
  const given = template(scope, input);
  return {
    StateMachineArn: pipelinePlaceholder(call.pipeline),
    Name: quoted(`${text(before)} & ${session} & ${text(after)}`),
    Input:
      typeof given === 'object' && given !== null && !Array.isArray(given)
        ? { ...(given as { readonly [field: string]: Json }), [reservedInputKey]: quoted(own) }
        : quoted(`$merge([${print(scope, input)}, {${text(reservedInputKey)}: ${own}}])`),
  };
}

/** When the state was entered, in whole seconds: emulators write the rest of it in other ways than AWS. */
const createdAt = '($substring($states.context.State.EnteredTime, 0, 19) & ".000Z")';

/** What may stand in what names a try, in the order in which it counts. */
const counted = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:/[]';

/** A prime below 2^30, so that no product below comes near to 2^53. */
const modulus = 1_073_741_789;

/**
 * A session id as `sessionIdOf` makes them: ten digits of time, then 80 bits that stand for the try. `$hash` would be
 * shorter, and is what emulators do not have.
 */
function sessionOf({ path, retries }: Caller): string {
  // Of the ARN what differs on a platform: machine and name.
  const execution = '$substringAfter($states.context.Execution.Id, ":execution:")';
  const tries = ['Execution.RedriveCount', ...(retries ? ['State.RetryCount'] : [])];
  const named = [execution, ...tries.map((fact) => `$string($states.context.${fact})`), path].join(' & "/" & ');
  const digits =
    `$digits := function($number, $count){ $join($map([1..$count], function($place){ ` +
    `$substring(${text(sessionDigits)}, $floor($number / $power(32, $count - $place)) % 32, 1) })) }`;
  const weight =
    `$weight := function($by){ $reduce($try, function($so, $one){ ` +
    `($so * $by + $length($substringBefore(${text(counted)}, $one)) + 1) % ${modulus} }, 1) }`;
  const parts = ['$digits($toMillis($at), 10)', ...sums.map(([by, count]) => `$digits($weight(${by}), ${count})`)];
  return `($at := ${createdAt}; $try := $split(${named}, ""); ${digits}; ${weight}; ${parts.join(' & ')})`;
}

/** Factors, below 2^19, and how many digits of five bits are taken of what they give. */
const sums = [
  [7_919, 6],
  [104_729, 6],
  [224_737, 4],
] as const;

/** Of what a child has given, that none of it was moved away: who reads it here does not see the child's objects. */
export function wholeCheck(value: string, { pipeline }: CallIr): string {
  const moved = `$contains($string(${value}), ${text(`"${payloadKey}":`)})`;
  const why = `${jobErrors.outputTooLarge}: the output of pipeline ${pipeline} is too large to be handed on; let it give where the data lies`;
  return `$assert($not(${moved}), ${text(why)})`;
}

/** The output of a call that does not wait, of what Step Functions has answered: which session it is. */
export const startedSession = `{"session": $split($states.result.ExecutionArn, "-")[-2]}`;
