/**
 * The Amazon States Language as this engine runs it: types of a checked definition. Fields are spelled as AWS spells
 * them. `validateDefinition` (validate.ts) is the only door to these types.
 *
 * @see https://states-language.net/
 */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** JSON in which every string that is wholly `{% … %}` is a JSONata expression. */
export type Template = Json;

/** A number, or an expression that gives one. */
export type NumberOrExpression = number | string;

/** Assignments by variable name (without the `$`). */
export type Assignments = { readonly [variable: string]: Template };

/** Tries a failed state again. Waits `IntervalSeconds × BackoffRate^n`, at most `MaxDelaySeconds`. */
export interface Retrier {
  readonly ErrorEquals: readonly string[];
  /** @default 1 */
  readonly IntervalSeconds?: number;
  /** 0 is never. @default 3 */
  readonly MaxAttempts?: number;
  /** @default 2 */
  readonly BackoffRate?: number;
  readonly MaxDelaySeconds?: number;
  /** FULL draws each wait between 0 and its length. @default "NONE" */
  readonly JitterStrategy?: 'FULL' | 'NONE';
}

/** Where a failed state goes when no retrier takes it. */
export interface Catcher {
  readonly ErrorEquals: readonly string[];
  readonly Next: string;
  readonly Assign?: Assignments;
  /** @default the error output: `{ Error, Cause }` */
  readonly Output?: Template;
}

interface StateBase<T extends string> {
  readonly Type: T;
  readonly Comment?: string;
  readonly QueryLanguage?: 'JSONata';
}
interface WithOutput {
  readonly Output?: Template;
}
interface WithAssign {
  readonly Assign?: Assignments;
}
/** Exactly one of the two in a checked definition. */
interface WithNext {
  readonly Next?: string;
  readonly End?: boolean;
}
interface WithErrorHandling {
  readonly Retry?: readonly Retrier[];
  readonly Catch?: readonly Catcher[];
}

export interface PassState extends StateBase<'Pass'>, WithOutput, WithAssign, WithNext {}
export interface TaskState extends StateBase<'Task'>, WithOutput, WithAssign, WithNext, WithErrorHandling {
  readonly Resource: string;
  /** @default the state's input */
  readonly Arguments?: Template;
  readonly TimeoutSeconds?: NumberOrExpression;
  readonly Credentials?: { readonly RoleArn: string };
}
export interface ChoiceRule extends WithOutput, WithAssign {
  readonly Condition: string | boolean;
  readonly Next: string;
  readonly Comment?: string;
}
export interface ChoiceState extends StateBase<'Choice'>, WithOutput, WithAssign {
  readonly Choices: readonly ChoiceRule[];
  readonly Default?: string;
}
export interface WaitState extends StateBase<'Wait'>, WithOutput, WithAssign, WithNext {
  readonly Seconds?: NumberOrExpression;
  readonly Timestamp?: string;
}
export interface SucceedState extends StateBase<'Succeed'>, WithOutput {}
export interface FailState extends StateBase<'Fail'> {
  readonly Error?: string;
  readonly Cause?: string;
}
export interface ParallelState extends StateBase<'Parallel'>, WithOutput, WithAssign, WithNext, WithErrorHandling {
  readonly Branches: readonly Scope[];
  /** What each branch gets. @default the state's input */
  readonly Arguments?: Template;
}
export interface MapState extends StateBase<'Map'>, WithOutput, WithAssign, WithNext, WithErrorHandling {
  /** @default the state's input, which must be a list */
  readonly Items?: Template;
  /** What each iteration gets. @default the item */
  readonly ItemSelector?: Template;
  readonly ItemProcessor: Scope & { readonly ProcessorConfig?: { readonly Mode?: 'INLINE' } };
  /** 0 is without limit. @default 0 */
  readonly MaxConcurrency?: NumberOrExpression;
  readonly ToleratedFailureCount?: NumberOrExpression;
  readonly ToleratedFailurePercentage?: NumberOrExpression;
}

export type State =
  | PassState
  | TaskState
  | ChoiceState
  | WaitState
  | SucceedState
  | FailState
  | ParallelState
  | MapState;
export type StateType = State['Type'];
export type StateOf<T extends StateType> = Extract<State, { Type: T }>;

/** States that run one after another: a machine, a branch of a Parallel, the body of a Map. */
export interface Scope {
  readonly StartAt: string;
  readonly States: { readonly [name: string]: State };
}

/** A whole state machine. */
export interface Definition extends Scope {
  readonly Comment?: string;
  readonly Version?: string;
  readonly QueryLanguage?: 'JSONata';
  readonly TimeoutSeconds?: number;
}
