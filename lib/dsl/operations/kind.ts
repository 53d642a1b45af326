/**
 * The door for kinds of operations. A kind is one file: what its author's settings may be, the Task that it becomes,
 * what the state machine must be allowed for it, what takes its place on a laptop, its icon and its words. What it makes
 * of an operation goes into the pipeline as data, so that compiler, constructs, engine and reports know no kinds.
 */
import type { SourcePosition } from '../../errors.ts';
import type { CallIr, ContainerIr, StatementIr } from '../../ir/nodes.ts';
import { useSite } from '../call-site.ts';
import type { Duration } from '../durations.ts';
import type { In, Ref, RefBase } from '../refs.ts';
import type { Schema } from '../schemas.ts';

/**
 * The version of this door, for kinds and for plugins. Each says which one it was made for, as a number of its own and
 * not by this constant, which is always that of the bunsui that runs; another one is refused by name.
 */
export const kindInterface = 1;

/** When and how a failed job is tried again. */
export interface Retry {
  /** Tries after the first one, 0 to 99. */
  readonly max: number;
  /** Before the first retry. @default "1s" */
  readonly delay?: Duration;
  /** Factor from one wait to the next, at least 1. @default 2 */
  readonly backoff?: number;
  /** Ceiling of a single wait. @default none */
  readonly maxDelay?: Duration;
  /** Draw each wait between 0 and its length, so that many do not retry at once. @default false */
  readonly jitter?: boolean;
  /** Names of the errors to retry. @default all */
  readonly errors?: readonly string[];
}

/** What every kind of operation is given beside its own settings. */
export interface Contract<I, O> {
  readonly description?: string;
  /** What a job that runs it is given. */
  readonly input: I;
  /** What it gives back: JSON values only. */
  readonly output: O;
  /** Retry of every job that runs this operation, unless the job says otherwise. @default none */
  readonly retry?: Retry;
  /**
   * `"never"`: a rerun runs it again although nothing has changed, because it reads what changes by itself, or is run
   * for what it does. Within a generation a completed job is not run again either way.
   *
   * @default its result is reused where nothing it depends on has changed
   */
  readonly reuse?: 'never';
  /** How long one attempt may take. @default as the kind says */
  readonly timeout?: Duration;
}

/** A contract: what a job runs, typed in and out. */
export interface Operation<I extends Schema, O extends Schema> {
  readonly kind: string;
  readonly id: string;
  readonly input: I;
  readonly output: O;
  readonly contract: Omit<Contract<Schema, Schema>, 'input' | 'output'>;
  /** What its kind makes of it. */
  readonly definition: OperationKind;
  /** Where the contract was declared. */
  readonly source: SourcePosition;
}

/** What a call may say of the job that makes it. */
export interface JobFacts {
  /** The job's path: `load`, `convert[17]/one`. */
  readonly job: Ref<string>;
  /** The execution's ARN. */
  readonly execution: Ref<string>;
  /** Retries before this try. */
  readonly attempt: Ref<number>;
  /** A UUID of each try's own, for services that want names nobody has used. */
  readonly unique: Ref<string>;
}

/** What a kind is told of the operation it makes something of. */
export interface About {
  readonly id: string;
  /** The input of the job, as a ref: its fields may stand anywhere in the arguments. */
  readonly input: Ref<Readonly<Record<string, never>>>;
  readonly facts: JobFacts;
  /** A path of the author's, who wrote it relative to the file that declares the operation. */
  resolve(path: string): string;
}

/** A handler that is bundled and deployed as a function of its own. */
export interface HandlerParts {
  /** File that exports `handler`. */
  readonly entry: string;
  readonly memoryMiB: number;
  readonly environment: Readonly<Record<string, string>>;
  /** Seconds that one call may take, where the author has not said. */
  readonly defaultTimeoutSeconds: number;
  /** What the function must be allowed, beside what every function is. @default nothing */
  readonly statements?: readonly StatementIr[];
}

/** A call of a service. */
export interface TaskParts {
  /** As Step Functions names it: `arn:aws:states:::glue:startJobRun.sync`. */
  readonly resource: string;
  /** What the service is called with: constants, and refs of what the kind is told. */
  readonly arguments: In<unknown> | RefBase<unknown>;
  /** Field names from the service's answer inwards to the output. @default the whole answer */
  readonly result?: readonly string[];
  /** Errors of the service itself, which say nothing about the job. @default none */
  readonly transient?: readonly string[];
  /** What the state machine must be allowed. */
  readonly statements: readonly StatementIr[];
  /** File that exports `handler`, which takes the service's place on a laptop. */
  readonly standIn?: string;
  /** Where the call begins a session of another pipeline: the state names it. @default it does not */
  readonly call?: CallIr;
}

/** A container that runs on Fargate from start to end. */
export interface ContainerParts {
  readonly container: ContainerIr;
  /** What runs in its place on a laptop. @default nothing: a job of it fails there */
  readonly command?: { readonly words: readonly string[]; readonly folder: string };
}

/** A kind of operations. */
export interface OperationKind {
  readonly interface: number;
  /** Lower-case letter, then letters, digits and `-`. */
  readonly kind: string;
  /** One character. */
  readonly icon: string;
  /** One sentence. */
  readonly summary: string;
  /** Markdown: what an operation of it is given, and an example. Shown by `bunsui plugin show`. @default none */
  readonly docs?: string;
  /**
   * What its settings may be, beside the fields that every contract has. It must not be asynchronous.
   * @default they are checked with the pipeline
   */
  readonly settings?: Schema;
  /** What an operation with such settings becomes. They have been checked. */
  lower(
    settings: never,
    about: About,
  ): { readonly handler: HandlerParts } | { readonly task: TaskParts } | ContainerParts;
}

/** An operation of a kind: what the function returns that authors of pipelines call. */
export function operationOf<I extends Schema, O extends Schema>(
  definition: OperationKind,
  id: string,
  contract: Contract<I, O>,
): Operation<I, O> {
  const { input, output, ...rest } = contract;
  return { kind: definition.kind, id, input, output, contract: rest, definition, source: useSite() };
}
