/**
 * The public surface for pipeline authors: the DSL and the errors. Constructs and the test kit are entries of their
 * own, so that an author never loads CDK.
 */
export type { ApprovalWay } from './approval-layout.ts';
export type { Approval, ApprovalContract } from './dsl/approvals.ts';
export type { Duration } from './dsl/durations.ts';
export {
  event,
  eventField,
  type FiringFields,
  type FiringIn,
  type FiringValue,
  logical,
  type Notify,
  pipelineSucceeded,
  type Schedule,
  s3,
  type Trigger,
} from './dsl/firings.ts';
export {
  add,
  and,
  count,
  eq,
  get,
  gt,
  gte,
  lt,
  lte,
  multiply,
  ne,
  not,
  or,
  orElse,
  pluck,
  subtract,
  sum,
  tpl,
} from './dsl/functions.ts';
export { type JsonLines, type JsonLinesSchema, jsonLines } from './dsl/json-lines.ts';
export type {
  Batch,
  MapS3Policy,
  ObjectsSource,
  RecordsSource,
  S3Object,
  Totals,
} from './dsl/map-s3.ts';
export {
  type About,
  type ContainerParts,
  type Contract,
  type HandlerParts,
  type JobFacts,
  kindInterface,
  type Operation,
  type OperationKind,
  operationOf,
  type Retry,
  type TaskParts,
} from './dsl/operations/kind.ts';
export { type AwsContract, aws } from './dsl/operations/aws.ts';
export { type EcsContract, ecs } from './dsl/operations/ecs.ts';
export { type HttpContract, http } from './dsl/operations/http.ts';
export { type LambdaContract, type LambdaOperation, lambda, type OperationHandler } from './dsl/operations/lambda.ts';
export { type LambdaArnContract, lambdaArn } from './dsl/operations/lambda-arn.ts';
export { type StorageCopyContract, storageCopy } from './dsl/operations/storage-copy.ts';
export { batch, eks, emr, glue, type ServiceContract, sagemaker } from './dsl/operations/services.ts';
export {
  type ChannelKind,
  defineConfig,
  type NoticeTexts,
  type Plugin,
  type PostMessage,
  type ProjectConfig,
} from './dsl/plugins.ts';
export { pipeline } from './dsl/pipeline.ts';
export { type In, type Ref, type RefBase, type Secret, secret } from './dsl/refs.ts';
export type { JsonOnly, Schema } from './dsl/schemas.ts';
export type {
  After,
  ApprovalOptions,
  CallOptions,
  Ended,
  Failure,
  Job,
  JobOptions,
  LoopOptions,
  MapS3Body,
  OrderOptions,
  Pipeline,
  PipelineOptions,
  PipelineScope,
  Round,
  Rounds,
  Scope,
  Started,
} from './dsl/scope.ts';
export {
  BunsuiError,
  type Diagnostic,
  type ErrorCode,
  type ErrorFamily,
  errorCodes,
  jobErrors,
  type SourcePosition,
} from './errors.ts';
export type { Expression, ExpressionFunction, Json } from './ir/expressions.ts';
export type {
  ApprovalIr,
  BranchIr,
  ContainerIr,
  ContainerOperationIr,
  GuardIr,
  JobIr,
  JsonSchema,
  LambdaOperationIr,
  LoopIr,
  MapIr,
  MapS3Ir,
  NodeIr,
  OperationIr,
  PipelineIr,
  ReaderIr,
  RequiredEnd,
  RetryIr,
  RoundsIr,
  ScopeIr,
  StatementIr,
  TaskIr,
  TaskOperationIr,
  SwitchIr,
  WaitIr,
} from './ir/nodes.ts';
export type { HandlerContext } from './wrapper/wrap-handler.ts';
