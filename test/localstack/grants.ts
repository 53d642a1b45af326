/**
 * What functions did against what they may: the calls that LocalStack wrote down, as the actions and resources that IAM
 * asks for, and the statements of the roles they ran with. LocalStack itself lets everybody do everything.
 */

/** A statement of a policy, as IAM keeps it. */
export interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
  readonly Condition?: object;
}

/** One thing that a function did: `s3:GetObject` on an ARN. */
export interface Use {
  /** ARN of the role that the function has. */
  readonly role: string;
  readonly action: string;
  readonly resource: string;
}

interface ProcessLine {
  readonly function: string;
  readonly role: string;
  readonly accessKey: string;
}

interface CallLine {
  readonly accessKey: string;
  readonly service: string;
  readonly operation: string;
  readonly resources: Readonly<Record<string, string | readonly string[]>>;
  readonly status: number;
}

/** The account that LocalStack takes callers for. */
const at = (service: string, rest: string) => `arn:aws:${service}:us-east-1:000000000000:${rest}`;
const arnOr = (value: string, otherwise: string) => (value.startsWith('arn:') ? value : otherwise);

/** A resource that the call does not name. */
const unknown = '?';

/** Where the action is named otherwise than the call. @see https://docs.aws.amazon.com/service-authorization/latest/reference */
const s3Actions: { readonly [operation: string]: readonly string[] } = {
  HeadObject: ['GetObject'],
  HeadBucket: ['ListBucket'],
  ListObjects: ['ListBucket'],
  ListObjectsV2: ['ListBucket'],
  CreateMultipartUpload: ['PutObject'],
  UploadPart: ['PutObject'],
  CompleteMultipartUpload: ['PutObject'],
  CopyObject: ['PutObject'],
};

function actionsAndResources({ service, operation, resources }: CallLine): readonly (readonly [string, string])[] {
  const text = (name: string) => {
    const value = resources[name];
    return typeof value === 'string' ? value : '';
  };
  switch (service) {
    case 'dynamodb': {
      const names = resources['TableNames'] ?? [text('TableName')];
      const index = text('IndexName') === '' ? '' : `/index/${text('IndexName')}`;
      return (typeof names === 'string' ? [names] : names).map((name) => [
        `dynamodb:${operation}`,
        `${arnOr(name, at('dynamodb', `table/${name}`))}${index}`,
      ]);
    }
    case 's3':
      return (s3Actions[operation] ?? [operation]).map((action) => [
        `s3:${action}`,
        `arn:aws:s3:::${text('Bucket')}${action === 'ListBucket' ? '' : `/${text('Key')}`}`,
      ]);
    case 'stepfunctions':
      // A task token stands for a machine, and nobody outside of Step Functions can tell for which.
      if (operation.startsWith('SendTask')) return [[`states:${operation}`, unknown]];
      return [[`states:${operation}`, text('executionArn') || text('stateMachineArn') || '*']];
    case 'lambda': {
      const name = text('FunctionName');
      const action = operation === 'Invoke' ? 'InvokeFunction' : operation;
      return [[`lambda:${action}`, arnOr(name, at('lambda', `function:${name}`))]];
    }
    case 'logs': {
      const group = text('logGroupIdentifier') || text('logGroupName');
      return [[`logs:${operation}`, `${arnOr(group, at('logs', `log-group:${group}`))}:*`]];
    }
    case 'sqs':
      // Some calls name a queue without its address.
      return [
        [`sqs:${operation}`, text('QueueUrl') === '' ? unknown : at('sqs', text('QueueUrl').split('/').at(-1) ?? '')],
      ];
    case 'sns':
      return [[`sns:${operation}`, text('TopicArn') || text('TargetArn')]];
    case 'secretsmanager':
      // A secret's ARN ends with six characters that only Secrets Manager knows.
      return [
        [
          `secretsmanager:${operation}`,
          arnOr(text('SecretId'), at('secretsmanager', `secret:${text('SecretId')}-AbCdEf`)),
        ],
      ];
    default:
      return [[`${service}:${operation}`, '*']];
  }
}

/** What functions did, each thing once. Calls of others (CDK, tests, LocalStack itself) are left out. */
export function usesIn(calls: string): readonly Use[] {
  const lines = calls
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as ProcessLine | CallLine);
  const roles = new Map<string, string>();
  const uses = new Map<string, Use>();
  for (const line of lines) if ('function' in line) roles.set(line.accessKey, line.role);
  for (const line of lines) {
    const role = roles.get(line.accessKey);
    if (role === undefined || 'function' in line) continue;
    for (const [action, resource] of actionsAndResources(line)) {
      uses.set(`${role} ${action} ${resource}`, { role, action, resource });
    }
  }
  return [...uses.values()];
}

function matches(pattern: string, value: string): boolean {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's').test(value);
}

function list(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value;
}

/**
 * Whether a statement lets it happen. A condition is taken as met: those of our policies narrow a wildcard by a tag, which
 * stands in no recorded call.
 */
export function allows({ Effect, Action, Resource }: Statement, use: Pick<Use, 'action' | 'resource'>): boolean {
  return (
    Effect === 'Allow' &&
    list(Action).some((action) => matches(action.toLowerCase(), use.action.toLowerCase())) &&
    (use.resource === unknown || list(Resource).some((resource) => matches(resource, use.resource)))
  );
}

/** Actions that a role is granted and that no call has used: `role action`. */
export function unused(statements: readonly Statement[], uses: readonly Use[]): readonly string[] {
  const granted = new Set(statements.flatMap(({ Action }) => list(Action)));
  return [...granted].filter((action) => !uses.some((use) => matches(action.toLowerCase(), use.action.toLowerCase())));
}
