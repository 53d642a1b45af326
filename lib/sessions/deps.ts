/** What session functions are handed: clients, names, time and randomness. Made once per process by who calls them. */
import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SFNClient } from '@aws-sdk/client-sfn';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { PlatformNames } from '../storage-layout.ts';
import type { PipelineItem } from './items.ts';
import type { NoticeDeps } from './notices.ts';

export interface StoreDeps {
  readonly db: Pick<DynamoDBDocumentClient, 'send'>;
  readonly names: Omit<PlatformNames, 'bucket'>;
}

/** Where pipelines are that CloudFormation has deployed; see `deployed.ts`. */
export interface Deployments {
  /** ARN of state machines up to the pipeline's id: `arn:aws:states:<region>:<account>:stateMachine:<prefix>-`. */
  readonly machines: string;
  readonly s3: Pick<S3Client, 'send'>;
  readonly bucket: string;
  /** What this process has found out about machines, by ARN. Left out where a process starts no more than a session. */
  readonly known?: Map<string, KnownMachine>;
}

/** A machine as it was described, and what sessions of it start on. */
export interface KnownMachine {
  readonly definition: string;
  readonly revision: string;
  readonly item: PipelineItem;
  /** When it was found out, milliseconds since the epoch. */
  readonly atMs: number;
  /** How long it is believed to be all there is to know, where nothing is published. */
  readonly believedMs: number;
}

export interface StartDeps extends StoreDeps {
  /** Left out where nobody is told. */
  readonly notices?: NoticeDeps;
  readonly sfn: Pick<SFNClient, 'send'>;
  /** Where large inputs go. */
  readonly s3: Pick<S3Client, 'send'>;
  readonly names: PlatformNames;
  readonly region: string;
  /** Left out where who deploys a pipeline also registers it. */
  readonly deployments?: Deployments;
  /** The table in which approvals wait; left out where nobody has to do with them. */
  readonly gatesTable?: string;
  /** The platform's environment, as records show it: `dev`, `prod`. */
  readonly environment?: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** 80 random bits. */
  readonly entropy: () => bigint;
}

/** What it takes to follow executions. */
export type LiveDeps = StartDeps;

export interface LogDeps {
  readonly sfn: Pick<SFNClient, 'send'>;
  readonly s3: Pick<S3Client, 'send'>;
  readonly logs: Pick<CloudWatchLogsClient, 'send'>;
  readonly names: PlatformNames;
}

export interface EndDeps extends LiveDeps, LogDeps {
  readonly names: PlatformNames;
}
