/**
 * The pipeline as data: what an author meant, frozen and JSON-able. Every front end (TypeScript, YAML, graphs)
 * makes this, every back end (compiler, graph, report, fingerprints) reads only this.
 */
import type { SourcePosition } from '../errors.ts';
import type { Expression, Json } from './expressions.ts';

/** The version of this shape. Raised when a reader of the old shape would misread the new one. */
export const irVersion = 1;

/** JSON Schema (draft 2020-12) as zod prints it. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** A whole pipeline. */
export interface PipelineIr {
  readonly irVersion: typeof irVersion;
  readonly id: string;
  readonly description?: string;
  readonly source: SourcePosition;
  /** Schema of what a caller gives (before defaults are filled in). */
  readonly input: JsonSchema;
  /** What the pipeline gives back, and its schema. */
  readonly output?: { readonly schema: JsonSchema; readonly value: Expression };
  /** Whole run, seconds. */
  readonly timeoutSeconds?: number;
  /** Whole run, seconds: when it takes longer somebody is told, and it goes on. */
  readonly deadlineSeconds?: number;
  /** When it starts by itself. @default never */
  readonly schedules?: readonly ScheduleIr[];
  /** What starts it. @default nothing */
  readonly triggers?: readonly TriggerIr[];
  /** What happens when it is to start while a session of it runs. @default "allow" */
  readonly overlap?: OverlapPolicy;
  /** Who is told of what, beyond what the platform says. @default nobody */
  readonly notify?: readonly NotifyIr[];
  /**
   * How orders are kept that nested sequences and parallels cannot express: `exact` by gates, so that every job starts
   * when its own inputs are there; `barrier` by making jobs wait for more than that; `auto` by barriers where they cost
   * next to nothing by the recorded durations, by gates elsewhere. @default "exact"
   */
  readonly mode?: 'exact' | 'barrier' | 'auto';
  /** Seconds that nodes took in earlier sessions, by id. They choose barriers, and nothing else. */
  readonly durations?: { readonly [node: string]: number };
  /** Operations by id; jobs name them. */
  readonly operations: { readonly [id: string]: OperationIr };
  readonly body: ScopeIr;
}

/**
 * `allow` runs them side by side, `skip` drops the new one (on record), `queue` starts it when the others have ended,
 * in order, `cancel-running` cancels what runs and starts the new one.
 */
export type OverlapPolicy = 'allow' | 'skip' | 'queue' | 'cancel-running';

/**
 * JSON in which an object with one key `bunsui:logical` stands for the scheduled time in that format and the
 * schedule's time zone, and one with `bunsui:event` for the event's field at that path.
 */
export type FiringInput = { readonly [field: string]: Json };

/** Firing times, in the words of EventBridge Scheduler. */
export interface ScheduleIr {
  /** Unique in the pipeline. */
  readonly id: string;
  /** `cron(…)`, `rate(…)` or `at(…)` in AWS's grammar. */
  readonly expression: string;
  /** IANA name. */
  readonly timezone: string;
  /** Invoked at some minute of the window. @default exactly */
  readonly flexibleWindowMinutes?: number;
  /** ISO 8601 in UTC: not before, not after. */
  readonly start?: string;
  readonly end?: string;
  readonly enabled: boolean;
  readonly input: FiringInput;
  /** Which of the firings are made up that were due while nobody could fire them. */
  readonly catchUp: 'none' | 'last' | 'all';
  readonly source: SourcePosition;
}

/** Events that start a session. The trigger is unique in the pipeline. */
export type TriggerIr = { readonly id: string; readonly input: FiringInput; readonly source: SourcePosition } & (
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix?: string; readonly suffix?: string }
  /** An EventBridge pattern, on the default bus unless one is named. */
  | { readonly kind: 'event'; readonly pattern: { readonly [field: string]: Json }; readonly bus?: string }
  /** A session of another pipeline on the same platform has completed. */
  | { readonly kind: 'pipeline'; readonly pipeline: string }
);

/** What of a session somebody can be told. */
export const noticeEvents = [
  'started',
  'succeeded',
  'failed',
  'cancelled',
  'retrying',
  'deadline',
  'approval',
] as const;
export type NoticeEvent = (typeof noticeEvents)[number];

/** Which events go to which channels of the platform. */
export interface NotifyIr {
  readonly on: readonly NoticeEvent[];
  /** Names of channels. */
  readonly to: readonly string[];
  readonly source: SourcePosition;
}

/** An operation: the smallest unit that computes, typed in and out. */
export type OperationIr = LambdaOperationIr | TaskOperationIr | ContainerOperationIr;

interface OperationBase {
  readonly id: string;
  readonly description?: string;
  readonly source: SourcePosition;
  readonly input: JsonSchema;
  readonly output: JsonSchema;
  /** Default retry of the jobs that use this operation. */
  readonly retry?: RetryIr;
  /** A rerun never takes an earlier result of it for a new one. @default a rerun does where nothing has changed */
  readonly reuse?: 'never';
}

/** A handler of the author's, deployed as a Lambda function. */
export interface LambdaOperationIr extends OperationBase {
  readonly kind: 'lambda';
  /** Absolute path of the file that exports `handler`. */
  readonly entry: string;
  /** Function timeout, 1 to 900 seconds. */
  readonly timeoutSeconds: number;
  /** Function memory, 128 to 10240 MiB. */
  readonly memoryMiB: number;
  readonly environment: { readonly [name: string]: string };
  /** What the function must be allowed, beside what every function is. */
  readonly statements?: readonly StatementIr[];
  /** It finds out which jobs of its session have completed: its function may look through the records of jobs. */
  readonly looksThroughJobs?: true;
}

/** A call of a service by the state machine itself. What its kind makes of its author's settings stands here, whole. */
export interface TaskOperationIr extends OperationBase {
  /** Name of the kind (`lambdaArn`, `aws`, …, or a plugin's). */
  readonly kind: string;
  /** One character that pictures show before the names of its jobs. */
  readonly icon: string;
  readonly task: TaskIr;
  /** What the state machine must be allowed for it. */
  readonly statements: readonly StatementIr[];
  /** One attempt, seconds, unless the job says otherwise. @default as long as the service takes */
  readonly timeoutSeconds?: number;
  /** Absolute path of a file that exports `handler`: on a laptop it is called with the task's arguments, and answers as the service would. */
  readonly standIn?: string;
  /** What is called is another pipeline: its session is named by the job. */
  readonly call?: CallIr;
}

/** A pipeline that is called, and whether its end is waited for. Without waiting, the output says which session it is. */
export interface CallIr {
  readonly pipeline: string;
  readonly waits: boolean;
}

/** A container that runs on Fargate from start to end. Its input and its output are objects in the platform's bucket. */
export interface ContainerOperationIr extends OperationBase {
  /** Name of the kind (`ecs`, or a plugin's). */
  readonly kind: string;
  readonly icon: string;
  readonly container: ContainerIr;
  /** One attempt, seconds, unless the job says otherwise. @default as long as the container runs */
  readonly timeoutSeconds?: number;
  /** What runs in its place on a laptop: a program with its arguments, in a folder. */
  readonly command?: { readonly words: readonly string[]; readonly folder: string };
}

/** What a container is, and where it runs. */
export interface ContainerIr {
  /** An image by its address, or the folder of a Dockerfile (absolute). */
  readonly image: { readonly address: string } | { readonly folder: string };
  /** 1,024 is one CPU. */
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly architecture: 'ARM64' | 'X86_64';
  /** @default what the image says */
  readonly command?: readonly string[];
  readonly environment: { readonly [name: string]: string };
  /** GiB of its own disk, 21 to 200. @default 20 */
  readonly storageGiB?: number;
  /** ARN of a cluster. @default one of the pipeline's own */
  readonly cluster?: string;
  /** Ids. @default where the pipeline's functions stand */
  readonly network?: {
    readonly subnets: readonly string[];
    readonly securityGroups: readonly string[];
    readonly publicIp: boolean;
  };
}

/** A Task state, as far as the operation decides it. */
export interface TaskIr {
  /** As Step Functions names it: `arn:aws:states:::glue:startJobRun.sync`. */
  readonly resource: string;
  /** What the service is called with. Refs to the input are refs to the input of the job. */
  readonly arguments: Expression;
  /** Field names from the service's answer inwards to the operation's output. */
  readonly result: readonly string[];
  /** Errors of the service itself, which say nothing about the job: tried again whatever the job's policy is. */
  readonly transient: readonly string[];
}

/** A statement of a policy. In texts `${AWS::Partition}`, `${AWS::Region}` and `${AWS::AccountId}` stand for what is deployed to. */
export interface StatementIr {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions?: { readonly [operator: string]: { readonly [key: string]: Json } };
  /** Why a wildcard stands in `resources`. Nothing without a reason is deployed. */
  readonly wildcard?: string;
}

/** When and how a failed job is tried again. Times in seconds. */
export interface RetryIr {
  /** Tries after the first one. */
  readonly max: number;
  /** Before the first retry. @default 1 */
  readonly delaySeconds: number;
  /** Factor from one wait to the next, at least 1. @default 2 */
  readonly backoff: number;
  /** Ceiling of a single wait. */
  readonly maxDelaySeconds?: number;
  /** Draw each wait between 0 and its length. */
  readonly jitter: boolean;
  /** Error names that are retried. @default ["States.ALL"] */
  readonly errors: readonly string[];
}

/** Nodes that run together, in the order they were written; their order at run time comes from refs and `after`. */
export interface ScopeIr {
  readonly nodes: readonly NodeIr[];
  /** What the scope gives to the branch or map around it. */
  readonly result?: Expression;
}

/** A node of the graph. Ids are unique in the whole pipeline: they become state names. */
export type NodeIr = JobIr | BranchIr | SwitchIr | MapIr | MapS3Ir | LoopIr | WaitIr | GuardIr | ApprovalIr;

interface NodeBase {
  readonly id: string;
  readonly source: SourcePosition;
  /** Ids of nodes of the same scope that must have ended first, beyond what refs say. */
  readonly after: readonly string[];
  /** How nodes of `after` must have ended, by id; the node is skipped where one has not. @default in any way */
  readonly requires?: { readonly [node: string]: RequiredEnd };
  /** Runs only if this is true; otherwise the node is skipped and its output absent. */
  readonly when?: Expression;
  /** It is a machine of its own, with a history of its own, whatever its size. @default where the pipeline is too large for one */
  readonly isolate?: true;
}

/** `success`: it ran and has not failed; `failure`: it has failed, which it tolerates. */
export type RequiredEnd = 'success' | 'failure';

/** One operation with its input and policy. */
export interface JobIr extends NodeBase {
  readonly kind: 'job';
  readonly operation: string;
  readonly input: Expression;
  readonly retry?: RetryIr;
  /** @default the operation's */
  readonly reuse?: 'never';
  /** One attempt, seconds. */
  readonly timeoutSeconds?: number;
  /** Names of errors after which the pipeline goes on, with the job's output absent. @default none */
  readonly tolerate?: readonly string[];
  /** Id of the operation that undoes what it has done, when the pipeline fails and it has completed. */
  readonly compensate?: string;
  /**
   * It undoes what another job has done (`compensation.ts`). What it is given is not its `input`, which holds secrets
   * alone, but what is on record of that job: `{ input, output }`.
   */
  readonly compensates?: CompensatesIr;
}

/** Which job is undone: its id, and at run time its path, an empty text where there is nothing to undo. */
export interface CompensatesIr {
  readonly job: string;
  readonly path: Expression;
}

/** One of two scopes, by a condition. Its output is that of the side taken; absent when the side taken has none. */
export interface BranchIr extends NodeBase {
  readonly kind: 'branch';
  readonly condition: Expression;
  readonly yes: ScopeIr;
  readonly no?: ScopeIr;
}

/** One of several scopes, by a text. Its output is that of the case taken; absent when that gives nothing or there is none. */
export interface SwitchIr extends NodeBase {
  readonly kind: 'switch';
  readonly value: Expression;
  readonly cases: readonly { readonly is: string; readonly scope: ScopeIr }[];
  /** When the text is none of the cases. @default nothing runs */
  readonly otherwise?: ScopeIr;
}

/**
 * A scope that runs again and again, one round after the other, with a state that is carried on: its output is the last
 * one. The result of the body is the state of the next round.
 */
export interface LoopIr extends NodeBase {
  readonly kind: 'loop';
  readonly state: JsonSchema;
  readonly start: Expression;
  readonly rounds: RoundsIr;
  /** Rounds at most; one more fails the loop. */
  readonly max: number;
  readonly body: ScopeIr;
}

/** A round for each item of a list or whole number of a range; or while a condition on the state holds, or until it does. */
export type RoundsIr =
  | { readonly kind: 'list'; readonly items: Expression }
  /** Both ends included. */
  | { readonly kind: 'range'; readonly from: Expression; readonly to: Expression }
  /** Looked at before each round. */
  | { readonly kind: 'while'; readonly condition: Expression }
  /** Looked at after each round: there is one at least. */
  | { readonly kind: 'until'; readonly condition: Expression };

/** Time that passes: so many seconds, or until a time (ISO 8601 with an offset). Its output is an empty object. */
export interface WaitIr extends NodeBase {
  readonly kind: 'wait';
  readonly lasts:
    | { readonly kind: 'for'; readonly seconds: Expression }
    | { readonly kind: 'until'; readonly time: Expression };
}

/**
 * A scope whose end is seen to. When it fails another one runs, or one runs however it has ended; then what has failed
 * fails on, with the same error. Its output is that of the body.
 */
export interface GuardIr extends NodeBase {
  readonly kind: 'guard';
  readonly body: ScopeIr;
  readonly handler: { readonly on: 'failure' | 'end'; readonly scope: ScopeIr };
}

/** A scope per item of a list; its output is the list of the scope's results, in the list's order; null for one that is absent. */
export interface MapIr extends NodeBase {
  readonly kind: 'map';
  readonly items: Expression;
  readonly body: ScopeIr;
  /** Items at once; 0 is without limit. */
  readonly concurrency: number;
}

/**
 * A scope per record of objects in S3, or per batch of them, each in an execution of its own. Its output says how many
 * records there were, what has become of them, and where the results of the scope lie.
 */
export interface MapS3Ir extends NodeBase {
  readonly kind: 'mapS3';
  readonly reader: ReaderIr;
  /** What a record looks like as it is read. */
  readonly item: JsonSchema;
  /** The scope is given a list of records: at most so many, and at most so many bytes of JSON. @default one record */
  readonly batch?: { readonly items?: number; readonly bytes?: number };
  readonly body: ScopeIr;
  /** Executions at once; 0 is as many as Step Functions runs. */
  readonly concurrency: number;
  /** Records that may fail: so many, or such a share of all (0 to 1); one more fails the node. @default none */
  readonly tolerate?: { readonly count?: number; readonly share?: number };
  /** Where the results go. @default the platform's bucket */
  readonly results?: { readonly bucket: Expression; readonly prefix: Expression; readonly buckets?: readonly string[] };
}

/** What records are read from. */
export interface ReaderIr {
  /** `objects` lists them; `manifest` is that of an S3 inventory, whose lists hold the records. */
  readonly format: RecordFormat;
  /** @default the platform's */
  readonly bucket?: Expression;
  /** Where the bucket is known only at run time: those that it may be. */
  readonly buckets?: readonly string[];
  /** The key of one object, or the beginning of the keys of all that are read. */
  readonly at: Expression;
  readonly by: 'key' | 'prefix';
  /** No more records than that are read. @default all */
  readonly limit?: number;
  /** Of CSV: names of the columns. @default the first row has them */
  readonly columns?: readonly string[];
  /** Of CSV. @default "COMMA" */
  readonly delimiter?: CsvDelimiter;
  /** Of JSON: where in the file the list is, as a pointer of RFC 6901. @default the file is the list */
  readonly pointer?: string;
}

export const recordFormats = ['objects', 'csv', 'json', 'jsonl', 'manifest'] as const;
export type RecordFormat = (typeof recordFormats)[number];
export const csvDelimiters = ['COMMA', 'PIPE', 'SEMICOLON', 'SPACE', 'TAB'] as const;
export type CsvDelimiter = (typeof csvDelimiters)[number];

/** A person's answer, which the pipeline waits for. Its output says who answered what, when and by which way. */
export interface ApprovalIr extends NodeBase {
  readonly kind: 'approval';
  /** What the person is asked: text. */
  readonly message: Expression;
  /** Names of people and groups that are asked: a list of text. @default nobody in particular */
  readonly who?: Expression;
  /** What the person fills in: the schema of an object. */
  readonly form: JsonSchema;
  /** How long an answer is waited for. */
  readonly timeoutSeconds: number;
  /** What happens then: the job fails, or an answer is taken in place of a person's. */
  readonly onTimeout:
    | { readonly kind: 'fail' }
    | { readonly kind: 'reject' }
    | { readonly kind: 'approve'; readonly answer: Json };
  /** What a rejection does: it fails the job, or is an answer as others. */
  readonly onReject: 'fail' | 'continue';
}
