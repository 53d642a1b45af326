/** What definitions, functions and tables agree on about gates. See `lib/compiler/gates.ts` for what they are. */

/** Stands in definitions for the name of the table; a deployment puts it in. */
export const gatesTablePlaceholder = '${table:gates}';

/** Attributes of an item. */
export const gateAttributes = {
  partitionKey: 'execution_arn',
  sortKey: 'gate',
  /** A latch's: the producers that have ended (string set). */
  arrived: 'arrived',
  /** A flag's: true when its producer has ended. */
  done: 'opened',
  /** Of a latch one token (string), of a flag all of them (list). */
  waiting: 'waiting',
  /** JSON text: what is read of a node behind gates. */
  value: 'kept',
  /** Seconds since the epoch: DynamoDB removes the item some time after that. */
  expires: 'expires_at',
} as const;

/** Items stay long after the last redrive could want them: 14 days after the end of an execution, which takes a year at most. */
export const gateLifetimeSeconds = 390 * 86_400;

/** Error names as Step Functions gives them: those of its SDK integration, and of the older one for DynamoDB. */
export const gateErrors = {
  /** Of the wait: the gate is open. */
  open: 'DynamoDb.ConditionalCheckFailedException',
  /** Of the opening. */
  somebodyWaits: 'DynamoDB.ConditionalCheckFailedException',
  waitTransient: [
    'ProvisionedThroughputExceeded',
    'RequestLimitExceeded',
    'Throttling',
    'InternalServerError',
    'SdkClient',
  ].map((name) => `DynamoDb.${name}Exception`),
  openTransient: [
    'DynamoDB.ProvisionedThroughputExceededException',
    'DynamoDB.RequestLimitExceeded',
    'DynamoDB.ThrottlingException',
    'DynamoDB.InternalServerError',
    'DynamoDB.SdkClientException',
  ],
  sfnTransient: ['Sfn.ThrottlingException', 'Sfn.SdkClientException', 'Sfn.SfnException'],
  /** The wait is over, or its execution is: nobody is to be told. */
  deadToken: ['Sfn.TaskTimedOutException', 'Sfn.InvalidTokenException', 'Sfn.TaskDoesNotExistException'],
} as const;

/** What a job's function does for gates: in the envelope of a compiled state, as `gates`. */
export interface GateWork {
  /** Values behind gates that the input lacks: where they go in it, of which job of the session, and where in its output. */
  readonly inputs?: readonly GatedInput[];
  /** Path of the iteration the job is in: the items' keys begin with it. */
  readonly path?: string;
  /** A latch's key, with the name to add and how many names open it; or a flag's key. */
  readonly open?: readonly (
    | { readonly latch: string; readonly all: number; readonly self: string }
    | { readonly flag: string }
  )[];
  /** What of the output is kept for readers behind gates: a tree of fields, `true` where all below is. */
  readonly keep?: { readonly key: string; readonly fields: Kept };
}

export interface GatedInput {
  readonly at: readonly (string | number)[];
  readonly job: string;
  readonly path: readonly (string | number)[];
}

export type Kept = true | { readonly [field: string]: Kept };

/** A job's input with the values that it lacks. @param outputOf a job's output, by its path; null stands for what is not there */
export function filledInput(
  input: unknown,
  inputs: readonly GatedInput[],
  outputOf: (job: string) => unknown,
): unknown {
  if (inputs.length === 0) return input;
  const filled: unknown = structuredClone(input);
  for (const { at, job, path } of inputs) {
    let value = outputOf(job);
    for (const key of path) value = (value as { readonly [key: string]: unknown } | null | undefined)?.[key];
    let inner = filled as { [key: string]: unknown };
    for (const key of at.slice(0, -1)) inner = inner[key] as { [key: string]: unknown };
    const last = at.at(-1);
    if (last !== undefined) inner[last] = value ?? null;
  }
  return filled;
}

/** The part of an output that is read behind gates. */
export function keptPart(value: unknown, fields: Kept): unknown {
  if (fields === true || typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const object = value as { readonly [field: string]: unknown };
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([name]) => Object.hasOwn(object, name))
      .map(([name, inner]) => [name, keptPart(object[name], inner)]),
  );
}
