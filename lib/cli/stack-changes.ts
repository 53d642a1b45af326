/** What a deployment would change: two templates of CloudFormation in, resources and permissions that differ out. */

/** A template as far as it is compared. */
export interface Template {
  readonly Resources?: { readonly [id: string]: Resource };
  readonly [section: string]: unknown;
}

interface Resource {
  readonly Type: string;
  readonly Properties?: { readonly [name: string]: unknown };
  readonly Metadata?: { readonly [name: string]: unknown };
  readonly DeletionPolicy?: string;
}

export interface ResourceChange {
  readonly change: 'add' | 'update' | 'replace' | 'remove' | 'leave';
  readonly type: string;
  /** Path in the stack, as its constructs name it: `Pipeline/Operation-load/Function`. */
  readonly path: string;
  /** Properties that differ; of updates only. */
  readonly properties: readonly string[];
}

/** What somebody may or may not do from now on. */
export interface PermissionChange {
  readonly change: 'add' | 'remove';
  /** The role, function, queue, … that it is written at. */
  readonly at: string;
  /** `may lambda:InvokeFunction on …`. */
  readonly text: string;
}

export interface StackChanges {
  readonly stack: string;
  readonly isNew: boolean;
  readonly resources: readonly ResourceChange[];
  readonly permissions: readonly PermissionChange[];
  /** Outputs, parameters, conditions or the description differ. */
  readonly other: boolean;
}

export const hasChanges = ({ isNew, resources, other }: StackChanges) => isNew || other || resources.length > 0;

/** JSON text that is the same for the same value, whatever the order of its fields. */
function canonical(value: unknown): string {
  return JSON.stringify(value ?? null, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

const isSame = (a: unknown, b: unknown) => canonical(a) === canonical(b);
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const asList = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : value === undefined ? [] : [value];

const resourcesOf = (template: Template | undefined) => template?.Resources ?? {};

/** `bunsuidev-shop/Pipeline/Role/Resource` without stack and `Resource`. */
function pathOf(id: string, { Metadata }: Resource): string {
  const path = Metadata?.['aws:cdk:path'];
  return typeof path === 'string'
    ? path
        .split('/')
        .slice(1)
        .join('/')
        .replace(/\/Resource$/, '')
    : id;
}

/** Properties by which a resource is known: with another one CloudFormation makes a new resource. */
const identity =
  /^(?:TableName|KeySchema|BucketName|QueueName|TopicName|RoleName|FunctionName|LogGroupName|StateMachineName|Name)$/;

function changeOf(id: string, before: Resource | undefined, after: Resource | undefined): ResourceChange | undefined {
  if (after === undefined) {
    if (before === undefined) return undefined;
    const change = before.DeletionPolicy === 'Retain' ? 'leave' : 'remove';
    return { change, type: before.Type, path: pathOf(id, before), properties: [] };
  }
  const at = { type: after.Type, path: pathOf(id, after) };
  if (before === undefined) return { change: 'add', ...at, properties: [] };
  const names = [...new Set([...Object.keys(before.Properties ?? {}), ...Object.keys(after.Properties ?? {})])];
  const properties = names.filter((name) => !isSame(before.Properties?.[name], after.Properties?.[name])).toSorted();
  const isOther = before.Type !== after.Type;
  if (isOther || properties.some((name) => identity.test(name))) return { change: 'replace', ...at, properties };
  const { Metadata: _before, Properties: _old, ...restBefore } = before;
  const { Metadata: _after, Properties: _new, ...restAfter } = after;
  return properties.length > 0 || !isSame(restBefore, restAfter) ? { change: 'update', ...at, properties } : undefined;
}

/** Where a parameter of the template comes from, in SSM. */
function parameterOf(id: unknown, { Parameters: parameters }: Template): string | undefined {
  const found = isRecord(parameters) ? parameters[String(id)] : undefined;
  const value = isRecord(found) ? found['Default'] : undefined;
  return typeof value === 'string' ? value : undefined;
}

/** What a statement names, in short: constructs by their path, what is joined as one text. */
function nameOf(value: unknown, template: Template): string {
  if (typeof value === 'string') return value;
  if (!isRecord(value)) return JSON.stringify(value);
  const [[kind, argument] = ['', undefined]] = Object.entries(value);
  const known = (id: unknown) => {
    const resource = resourcesOf(template)[String(id)];
    return resource === undefined ? String(id) : pathOf(String(id), resource);
  };
  if (kind === 'Ref')
    return `{${parameterOf(argument, template) ?? known(argument)}}`.replace(/^\{AWS::(.*)\}$/, '{$1}');
  if (kind === 'Fn::Sub') return String(asList(argument)[0]).replaceAll(/\$\{(?:AWS::)?([^}]*)\}/g, '{$1}');
  if (kind === 'Fn::GetAtt') return `{${known(asList(argument)[0])}}`;
  if (kind === 'Fn::Join') {
    const [separator, parts] = asList(argument);
    return asList(parts)
      .map((part) => nameOf(part, template))
      .join(String(separator));
  }
  if (kind === 'Fn::ImportValue') return `{${nameOf(argument, template)}}`;
  return Object.entries(value)
    .map(
      ([name, part]) =>
        `${name} ${asList(part)
          .map((one) => nameOf(one, template))
          .join(', ')}`,
    )
    .join(', ');
}

/** `key`: the same for the same permission, however its constructs are named. */
type Permission = Omit<PermissionChange, 'change'> & { readonly key: string };

/** Statements of a resource. */
function statementsOf(id: string, resource: Resource, template: Template): readonly Permission[] {
  const { Type: type, Properties: properties = {} } = resource;
  const at = pathOf(id, resource).replace(/\/DefaultPolicy$/, '');
  const text = (value: unknown) =>
    asList(value)
      .map((one) => nameOf(one, template))
      .toSorted()
      .join(', ');
  const statements = (document: unknown) => (isRecord(document) ? asList(document['Statement']) : []).filter(isRecord);
  const line = (statement: Record<string, unknown>): string => {
    const { Action: action, NotAction: notAction, Resource: on, Principal: who, Condition: when } = statement;
    return [
      `${who === undefined ? '' : `${text(who)} `}${statement['Effect'] === 'Deny' ? 'must not' : 'may'} `,
      action === undefined ? `do all but ${text(notAction)}` : text(action),
      on === undefined ? '' : ` on ${text(on)}`,
      when === undefined ? '' : ` if ${nameOf(when, template)}`,
    ].join('');
  };
  const permission = (source: unknown, said: string): Permission => ({
    key: `${id} ${canonical(source)}`,
    at,
    text: said,
  });
  if (type === 'AWS::Lambda::Permission') {
    const { Principal: who, Action: action, SourceArn: from } = properties;
    const said = `${text(who)} may ${text(action)}${from === undefined ? '' : ` from ${text(from)}`}`;
    return [permission(properties, said)];
  }
  const documents = [properties['PolicyDocument'], properties['AssumeRolePolicyDocument']];
  const inline = asList(properties['Policies']).map((one) => (isRecord(one) ? one['PolicyDocument'] : undefined));
  const managed = asList(properties['ManagedPolicyArns']);
  return [
    ...[...documents, ...inline].flatMap(statements).map((one) => permission(one, line(one))),
    ...managed.map((one) => permission(one, `has ${nameOf(one, template)}`)),
  ];
}

/** By key, so that each is there once. */
function permissionsOf(template: Template | undefined): ReadonlyMap<string, Permission> {
  const resources = Object.entries(resourcesOf(template));
  const all = resources.flatMap(([id, resource]) => statementsOf(id, resource, template ?? {}));
  return new Map(all.map((one) => [one.key, one]));
}

const order: { readonly [change in ResourceChange['change']]: number } = {
  replace: 0,
  remove: 1,
  leave: 2,
  update: 3,
  add: 4,
};

/** @param before what is deployed; `undefined` when nothing is. */
export function changesOf(stack: string, before: Template | undefined, after: Template): StackChanges {
  const [old, next] = [resourcesOf(before), resourcesOf(after)];
  const ids = [...new Set([...Object.keys(old), ...Object.keys(next)])];
  const resources = ids
    .map((id) => changeOf(id, old[id], next[id]))
    .filter((change) => change !== undefined)
    .toSorted((a, b) => order[a.change] - order[b.change] || (a.path < b.path ? -1 : 1));
  const [had, has] = [permissionsOf(before), permissionsOf(after)];
  const differing = (a: typeof had, b: typeof had) =>
    [...a].filter(([key]) => !b.has(key)).map(([, { at, text }]) => ({ at, text }));
  const permissions = [
    ...differing(has, had).map((one) => ({ change: 'add' as const, ...one })),
    ...differing(had, has).map((one) => ({ change: 'remove' as const, ...one })),
  ].toSorted((a, b) => (a.at < b.at || (a.at === b.at && a.text < b.text) ? -1 : 1));
  const { Resources: _old, Metadata: _oldData, ...restBefore } = before ?? {};
  const { Resources: _next, Metadata: _nextData, ...restAfter } = after;
  const isNew = before === undefined;
  return { stack, isNew, resources, permissions, other: !isNew && !isSame(restBefore, restAfter) };
}
