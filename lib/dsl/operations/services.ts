/**
 * Jobs that other services run, and that a pipeline waits for: Glue, SageMaker, Batch, EMR and EKS. One table: what
 * Step Functions calls, what it must be allowed in order to start, watch and stop such a job, and the rule by which it
 * hears of the end. A job that is cancelled or runs out of time is stopped there too.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html
 */
import * as z from 'zod';
import type { StatementIr } from '../../ir/nodes.ts';
import type { In, Ref } from '../refs.ts';
import type { JsonOnly, Schema } from '../schemas.ts';
import {
  type Contract,
  type JobFacts,
  kindInterface,
  type Operation,
  type OperationKind,
  operationOf,
} from './kind.ts';
import { arns, filePath, isWild, requestFunction, wildcardReason } from './settings.ts';

interface Service {
  readonly kind: string;
  readonly icon: string;
  readonly summary: string;
  /** The calls that a contract's `run` may name; the first is what it is without. */
  readonly runs: { readonly [run: string]: Run };
}

interface Run {
  /** After `arn:aws:states:::`, without `.sync`. */
  readonly resource: string;
  /** Allowed on the resources that the contract names. */
  readonly actions: readonly string[];
  /** Allowed on everything, because AWS knows no resources for them. */
  readonly anywhere?: readonly string[];
  /** EventBridge's rule that Step Functions makes for itself. */
  readonly rule?: string;
  /** The service that takes the role named in `passes`. */
  readonly passesTo?: string;
}

const sageMaker = (job: string, rule: string): Run => ({
  resource: `sagemaker:create${job}`,
  actions: [`sagemaker:Create${job}`, `sagemaker:Describe${job}`, `sagemaker:Stop${job}`, 'sagemaker:AddTags'],
  anywhere: ['sagemaker:ListTags'],
  rule: `StepFunctionsGetEventsForSageMaker${rule}`,
  passesTo: 'sagemaker.amazonaws.com',
});

const services = {
  glue: {
    kind: 'glue',
    icon: '⛭',
    summary: 'a job of AWS Glue',
    runs: {
      job: {
        resource: 'glue:startJobRun',
        actions: ['glue:StartJobRun', 'glue:GetJobRun', 'glue:GetJobRuns', 'glue:BatchStopJobRun'],
      },
    },
  },
  sagemaker: {
    kind: 'sagemaker',
    icon: '✦',
    summary: 'a training, processing or transform job of SageMaker',
    runs: {
      training: sageMaker('TrainingJob', 'TrainingJobsRule'),
      processing: sageMaker('ProcessingJob', 'ProcessingJobsRule'),
      transform: sageMaker('TransformJob', 'TransformJobsRule'),
    },
  },
  batch: {
    kind: 'batch',
    icon: '▤',
    summary: 'a job of AWS Batch',
    runs: {
      job: {
        resource: 'batch:submitJob',
        actions: ['batch:SubmitJob'],
        anywhere: ['batch:DescribeJobs', 'batch:TerminateJob'],
        rule: 'StepFunctionsGetEventsForBatchJobsRule',
      },
    },
  },
  emr: {
    kind: 'emr',
    icon: '≋',
    summary: 'a step of an EMR cluster, or a job of EMR Serverless',
    runs: {
      step: {
        resource: 'elasticmapreduce:addStep',
        actions: ['elasticmapreduce:AddJobFlowSteps', 'elasticmapreduce:DescribeStep', 'elasticmapreduce:CancelSteps'],
        rule: 'StepFunctionsGetEventForEMRAddJobFlowStepsRule',
      },
      serverless: {
        resource: 'emr-serverless:startJobRun',
        actions: ['emr-serverless:StartJobRun', 'emr-serverless:GetJobRun', 'emr-serverless:CancelJobRun'],
        rule: 'StepFunctionsGetEventsForEMRServerlessJobRule',
        passesTo: 'emr-serverless.amazonaws.com',
      },
    },
  },
  eks: {
    kind: 'eks',
    icon: '⎈',
    summary: 'a job of a Kubernetes cluster on EKS, whose own rules say what it may do',
    runs: { job: { resource: 'eks:runJob', actions: [] } },
  },
} as const satisfies { readonly [name: string]: Service };

type Name = keyof typeof services;

const common = {
  request: requestFunction,
  result: z.array(z.string().min(1)).max(10).optional(),
  resources: arns.optional(),
  wildcard: wildcardReason.optional(),
  passes: z
    .string()
    .regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,600}$/, { error: 'give the ARN of a role' })
    .optional(),
  local: filePath.optional(),
};

/** What the functions for services are given. */
export interface ServiceContract<I, O, R extends string> extends Contract<I, O> {
  /** Which of the service's jobs it is. @default the only one, or the first */
  readonly run?: R;
  /** What the service is called with, from the job's input. Names begin with a capital. */
  readonly request: (input: Ref<I extends Schema ? z.output<I> : never>, facts: JobFacts) => In<unknown>;
  /** Field names from the service's last word on the job inwards to the output. @default all of it */
  readonly result?: readonly string[];
  /** ARNs of what is started: the Glue job, the queue and definition of Batch, the cluster of EMR, … */
  readonly resources?: readonly string[];
  /** Why a wildcard stands in `resources`. */
  readonly wildcard?: string;
  /** ARN of the role that the service's job works with, where the request names one. */
  readonly passes?: string;
  /** File that exports `handler`, which takes the request and answers as the service at the job's end, on a laptop. */
  readonly local?: string;
}

function kindOf(service: Service): OperationKind {
  const names = Object.keys(service.runs);
  const settings = z
    .strictObject({ ...common, run: z.enum(names).default(names[0] ?? '') })
    .refine(({ resources = [], wildcard }) => wildcard !== undefined || !resources.some(isWild), {
      path: ['resources'],
      error: 'a wildcard stands here: name the resources, or say in `wildcard` why they cannot be named',
    })
    .refine(({ run, resources }) => resources !== undefined || service.runs[run]?.actions.length === 0, {
      path: ['resources'],
      error: 'name what is started by its ARN: the policy allows that and nothing else',
    });
  return {
    interface: kindInterface,
    kind: service.kind,
    icon: service.icon,
    summary: service.summary,
    settings,
    lower(given: z.output<typeof settings>, { input, facts, resolve }) {
      const { request, result, local } = given;
      const run = service.runs[given.run] ?? { resource: '', actions: [] };
      return {
        task: {
          resource: `arn:aws:states:::${run.resource}.sync`,
          arguments: request(input as never, facts) as In<unknown>,
          ...(result === undefined ? {} : { result }),
          statements: statementsOf(run, given),
          ...(local === undefined ? {} : { standIn: resolve(local) }),
        },
      };
    },
  };
}

function statementsOf(
  run: Run,
  {
    resources = [],
    wildcard,
    passes,
  }: {
    readonly resources?: readonly string[] | undefined;
    readonly wildcard?: string | undefined;
    readonly passes?: string | undefined;
  },
): readonly StatementIr[] {
  const { actions, anywhere, rule, passesTo } = run;
  return [
    ...(actions.length === 0 ? [] : [{ actions, resources, ...(wildcard === undefined ? {} : { wildcard }) }]),
    ...(anywhere === undefined
      ? []
      : [{ actions: anywhere, resources: ['*'], wildcard: 'AWS knows no resources for these actions' }]),
    ...(rule === undefined
      ? []
      : [
          {
            actions: ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'],
            resources: [`arn:\${AWS::Partition}:events:\${AWS::Region}:\${AWS::AccountId}:rule/${rule}`],
          },
        ]),
    ...(passes === undefined
      ? []
      : [
          {
            actions: ['iam:PassRole'],
            resources: [passes],
            ...(passesTo === undefined ? {} : { conditions: { StringEquals: { 'iam:PassedToService': passesTo } } }),
          },
        ]),
  ];
}

export const serviceKinds = Object.fromEntries(
  Object.entries(services).map(([name, service]) => [name, kindOf(service)]),
) as { readonly [name in Name]: OperationKind };

type RunOf<N extends Name> = keyof (typeof services)[N]['runs'] & string;

function operationsOf<N extends Name>(name: N) {
  return <I extends Schema, O extends Schema>(
    id: string,
    contract: ServiceContract<I, O & JsonOnly<z.output<O>>, RunOf<N>>,
  ): Operation<I, O> => operationOf(serviceKinds[name], id, contract as unknown as Contract<I, O>);
}

/**
 * Declares an operation that is a job of AWS Glue.
 *
 * @example
 * export const compact = glue('compact', {
 *   input: z.object({ date: z.iso.date() }),
 *   output: z.object({ JobRunState: z.string() }),
 *   request: (input) => ({ JobName: 'compact', Arguments: { '--date': input.date } }),
 *   resources: ['arn:aws:glue:${AWS::Region}:${AWS::AccountId}:job/compact'],
 * });
 */
export const glue: ReturnType<typeof operationsOf<'glue'>> = operationsOf('glue');
/** Declares an operation that is a training, processing or transform job of SageMaker. @example see `glue` */
export const sagemaker: ReturnType<typeof operationsOf<'sagemaker'>> = operationsOf('sagemaker');
/** Declares an operation that is a job of AWS Batch. @example see `glue` */
export const batch: ReturnType<typeof operationsOf<'batch'>> = operationsOf('batch');
/** Declares an operation that is a step of an EMR cluster or a job of EMR Serverless. @example see `glue` */
export const emr: ReturnType<typeof operationsOf<'emr'>> = operationsOf('emr');
/** Declares an operation that is a job of a Kubernetes cluster on EKS. @example see `glue` */
export const eks: ReturnType<typeof operationsOf<'eks'>> = operationsOf('eks');
