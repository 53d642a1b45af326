/**
 * The check: every mistake of a pipeline that can be known at synth, all at once. In: the IR, whatever front end
 * made it. Out: diagnostics with place and remedy; none of severity `error` means that the compiler may go on.
 */
import type { Diagnostic, SourcePosition } from '../errors.ts';
import { checkApprovals } from './check-approvals.ts';
import { checkCompensation } from './check-compensation.ts';
import { checkFirings } from './check-firings.ts';
import { checkMapS3, checkMapS3Place } from './check-map-s3.ts';
import { checkCases, checkEnds, checkIsolated, checkLoop, checkWait } from './check-structures.ts';
import { checkValues } from './check-values.ts';
import { cyclesOf } from './cycles.ts';
import { nodeOf, type RefTarget, refsOf } from './expressions.ts';
import { mistake, type Path, unknownName } from './mistake.ts';
import type {
  ApprovalIr,
  ContainerOperationIr,
  JobIr,
  LambdaOperationIr,
  MapIr,
  NodeIr,
  OperationIr,
  PipelineIr,
  RetryIr,
  ScopeIr,
  TaskOperationIr,
} from './nodes.ts';
import { isContainer, isLambda } from './operations.ts';
import {
  dependenciesOf,
  innerScopes,
  nodeIndex,
  ownExpressions,
  type PlacedNode,
  placedNodes,
  type ScopeStep,
} from './walk.ts';

const idPattern = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
const idRule = 'a letter, then letters, digits, "-" or "_", 64 at most';

/** Checks a whole pipeline. */
export function checkPipeline(pipeline: PipelineIr): readonly Diagnostic[] {
  const placed = placedNodes(pipeline.body);
  const nodes = nodeIndex(pipeline);
  const cycles = checkCycles(pipeline);
  return [
    ...checkIds(pipeline, placed),
    ...(placed.some(({ node }) => node.kind === 'job' || node.kind === 'approval')
      ? []
      : [
          mistake(
            'BS1114',
            'the pipeline has no jobs',
            [pipeline.id],
            pipeline.source,
            'add one with p.job(id, operation, input)',
          ),
        ]),
    ...Object.values(pipeline.operations).flatMap(checkOperation),
    ...checkTimeout(
      pipeline.timeoutSeconds,
      1,
      31_536_000,
      'the timeout of the pipeline',
      [pipeline.id, 'timeout'],
      pipeline.source,
    ),
    ...checkTimeout(
      pipeline.deadlineSeconds,
      1,
      31_536_000,
      'the deadline of the pipeline',
      [pipeline.id, 'deadline'],
      pipeline.source,
    ),
    ...checkFirings(pipeline),
    ...checkApprovals(pipeline, placed),
    ...checkMode(pipeline),
    ...placed.flatMap(({ node }) => checkPolicy(pipeline, node)),
    ...placed.flatMap((place) => checkMapS3Place(pipeline, place)),
    ...placed.flatMap((place) => checkOrder(pipeline, nodes, place)),
    ...placed.flatMap((place) => checkEnds(pipeline, nodes, place)),
    ...placed.flatMap((place) => checkIsolated(pipeline, place)),
    ...placed.flatMap((place) => checkRefs(pipeline, nodes, place)),
    ...checkOutput(pipeline, nodes),
    ...cycles,
    // Shapes follow refs from node to node: in a cycle there is no end.
    ...(cycles.length > 0 ? [] : checkValues(pipeline)),
    ...(cycles.length > 0 ? [] : placed.flatMap((place) => checkCompensation(pipeline, nodes, place))),
  ];
}

function checkIds(pipeline: PipelineIr, placed: readonly PlacedNode[]): readonly Diagnostic[] {
  const bad = (what: string, id: string, source: SourcePosition) =>
    idPattern.test(id)
      ? []
      : [
          mistake(
            'BS1101',
            `${what} ${JSON.stringify(id.slice(0, 80))} is not allowed`,
            [pipeline.id, id],
            source,
            `an id is ${idRule}`,
          ),
        ];
  const first = new Map<string, NodeIr>();
  return [
    ...bad('the pipeline id', pipeline.id, pipeline.source),
    // That of a call is made of the id of what it calls, and stands in no name of a function.
    ...Object.values(pipeline.operations).flatMap((operation) =>
      'call' in operation ? [] : bad('the operation id', operation.id, operation.source),
    ),
    ...placed.flatMap(({ node }) => {
      const other = first.get(node.id);
      if (!other) first.set(node.id, node);
      const duplicate = other
        ? [
            mistake(
              'BS1102',
              `two nodes are named "${node.id}"`,
              [pipeline.id, node.id],
              node.source,
              `rename one of them; the other stands at ${placeOf(other.source)}`,
            ),
          ]
        : [];
      return [...bad(`the ${node.kind} id`, node.id, node.source), ...duplicate];
    }),
  ];
}

function placeOf({ file, line }: SourcePosition): string {
  return `${file}:${line}`;
}

function checkTimeout(
  seconds: number | undefined,
  low: number,
  high: number,
  what: string,
  path: Path,
  source: SourcePosition,
): readonly Diagnostic[] {
  if (seconds === undefined || (Number.isInteger(seconds) && seconds >= low && seconds <= high)) return [];
  return [
    mistake(
      'BS1110',
      `${what} is ${seconds} seconds`,
      path,
      source,
      `whole seconds from ${low} to ${high} are allowed${high === 900 ? ' (Lambda ends a call after 15 minutes)' : ''}`,
    ),
  ];
}

const modes = ['exact', 'barrier', 'auto'];

/** What a file holds is not always what its type says. Durations of jobs that are gone are no mistake: they are old. */
function checkMode({ id, mode, durations = {}, source }: PipelineIr): readonly Diagnostic[] {
  const wrong = Object.entries(durations).find(([, seconds]) => !(Number.isFinite(seconds) && seconds >= 0));
  return [
    ...(mode === undefined || modes.includes(mode)
      ? []
      : [
          mistake(
            'BS1119',
            `the mode is ${JSON.stringify(mode)}`,
            [id, 'mode'],
            source,
            `give one of ${modes.map((one) => `"${one}"`).join(', ')}`,
          ),
        ]),
    ...(wrong === undefined
      ? []
      : [
          mistake(
            'BS1119',
            `the duration of "${wrong[0]}" is ${JSON.stringify(wrong[1])}`,
            [id, 'durations', wrong[0]],
            source,
            `seconds from 0 on are allowed; "bunsui durations ${id}" prints those of earlier sessions`,
          ),
        ]),
  ];
}

function checkRetry(retry: RetryIr | undefined, path: Path, source: SourcePosition): readonly Diagnostic[] {
  if (!retry) return [];
  const rules: readonly (readonly [boolean, string, string])[] = [
    [
      Number.isInteger(retry.max) && retry.max >= 0 && retry.max <= 99,
      `max is ${retry.max}`,
      'give a whole number from 0 to 99',
    ],
    [
      Number.isInteger(retry.delaySeconds) && retry.delaySeconds >= 1 && retry.delaySeconds <= 99_999_999,
      `delay is ${retry.delaySeconds} seconds`,
      'Step Functions waits whole seconds, at least 1',
    ],
    [retry.backoff >= 1 && retry.backoff <= 100, `backoff is ${retry.backoff}`, 'give a number of at least 1'],
    [
      retry.maxDelaySeconds === undefined ||
        (Number.isInteger(retry.maxDelaySeconds) &&
          retry.maxDelaySeconds > retry.delaySeconds &&
          retry.maxDelaySeconds < 31_622_400),
      `maxDelay is ${retry.maxDelaySeconds} seconds`,
      'give whole seconds, more than delay and less than 366 days',
    ],
    [
      retry.errors.length > 0 && retry.errors.every((name) => name.length > 0 && name.length <= 256),
      'errors is empty or holds an empty name',
      'name at least one error, or leave errors out',
    ],
  ];
  return rules
    .filter(([fine]) => !fine)
    .map(([, found, hint]) => mistake('BS1111', `${path.slice(1).join('.')}: ${found}`, path, source, hint));
}

function checkOperation(operation: OperationIr): readonly Diagnostic[] {
  const at = ['operations', operation.id];
  if (isContainer(operation)) return checkContainer(operation, at);
  if (!isLambda(operation)) return checkTask(operation, at);
  const memoryFits =
    Number.isInteger(operation.memoryMiB) && operation.memoryMiB >= 128 && operation.memoryMiB <= 10_240;
  return [
    ...checkTimeout(
      operation.timeoutSeconds,
      1,
      900,
      `the timeout of operation "${operation.id}"`,
      [...at, 'timeout'],
      operation.source,
    ),
    ...checkRetry(operation.retry, [...at, 'retry'], operation.source),
    ...checkStatements(operation, at),
    ...(memoryFits
      ? []
      : [
          mistake(
            'BS1110',
            `the memory of operation "${operation.id}" is ${operation.memoryMiB} MiB`,
            [...at, 'memory'],
            operation.source,
            'give whole MiB from 128 to 10240',
          ),
        ]),
  ];
}

/** Pairs of CPU and memory that Fargate has: CPU → MiB, at least, at most, in steps. @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html */
const fargateSizes: ReadonlyMap<number, readonly [least: number, most: number, step: number]> = new Map([
  [256, [512, 2_048, 512]],
  [512, [1_024, 4_096, 1_024]],
  [1_024, [2_048, 8_192, 1_024]],
  [2_048, [4_096, 16_384, 1_024]],
  [4_096, [8_192, 30_720, 1_024]],
  [8_192, [16_384, 61_440, 4_096]],
  [16_384, [32_768, 122_880, 8_192]],
]);

/** What Fargate would refuse. */
function checkContainer(operation: ContainerOperationIr, at: Path): readonly Diagnostic[] {
  const { id, source, timeoutSeconds, container } = operation;
  const { cpu, memoryMiB } = container;
  const sizes = fargateSizes.get(cpu);
  const [least, most, step] = sizes ?? [0, 0, 1];
  const fits = memoryMiB >= least && memoryMiB <= most && (memoryMiB - least) % step === 0;
  return [
    ...checkTimeout(timeoutSeconds, 1, 99_999_999, `the timeout of operation "${id}"`, [...at, 'timeout'], source),
    ...checkRetry(operation.retry, [...at, 'retry'], source),
    ...(sizes === undefined
      ? [
          mistake(
            'BS1140',
            `the CPU of operation "${id}" is ${cpu}`,
            [...at, 'cpu'],
            source,
            `Fargate has ${[...fargateSizes.keys()].join(', ')}, where 1024 is one CPU`,
          ),
        ]
      : fits
        ? []
        : [
            mistake(
              'BS1140',
              `the memory of operation "${id}" is ${memoryMiB} MiB`,
              [...at, 'memory'],
              source,
              `with ${cpu} of CPU Fargate has ${least} to ${most} MiB in steps of ${step}`,
            ),
          ]),
  ];
}

/** What Step Functions asks of a Task, whoever has made it: a kind of a package's, or a file. */
function checkTask(operation: TaskOperationIr, at: Path): readonly Diagnostic[] {
  const { id, kind, task, source, timeoutSeconds } = operation;
  return [
    ...checkTimeout(timeoutSeconds, 1, 99_999_999, `the timeout of operation "${id}"`, [...at, 'timeout'], source),
    ...checkRetry(operation.retry, [...at, 'retry'], source),
    ...(task.resource === '' ||
    /^arn:aws:states:::[a-z0-9-]+:[A-Za-z0-9:-]+(\.(sync(:2)?|waitForTaskToken))?$/.test(task.resource)
      ? []
      : [
          mistake(
            'BS1140',
            `operation "${id}" of kind "${kind}" calls ${JSON.stringify(task.resource)}`,
            [...at, 'resource'],
            source,
            'a resource is written arn:aws:states:::SERVICE:ACTION, with .sync where the end is waited for',
          ),
        ]),
    ...checkStatements(operation, at),
  ];
}

/** A kind says why it asks for more than it can name. */
function checkStatements(operation: LambdaOperationIr | TaskOperationIr, at: Path): readonly Diagnostic[] {
  const { id, kind, source, statements = [] } = operation;
  const wild = statements.find(
    ({ resources, wildcard }) => wildcard === undefined && resources.some((resource) => resource.includes('*')),
  );
  if (wild === undefined) return [];
  const asked = `${wild.actions.join(', ')} on ${wild.resources.join(', ')}`;
  return [
    mistake(
      'BS1140',
      `operation "${id}" of kind "${kind}" asks for ${asked}, and does not say why`,
      [...at, 'statements'],
      source,
      'name the resources, or give the statement a `wildcard` that says why they cannot be named',
    ),
  ];
}

function checkPolicy(pipeline: PipelineIr, node: NodeIr): readonly Diagnostic[] {
  switch (node.kind) {
    case 'job':
      return checkJob(pipeline, node);
    case 'map':
      return checkConcurrency(pipeline, node);
    case 'mapS3':
      return checkMapS3(pipeline, node);
    case 'switch':
      return checkCases(pipeline, node);
    case 'loop':
      return checkLoop(pipeline, node);
    case 'wait':
      return checkWait(pipeline, node);
    case 'approval':
      return checkOwnTimeout(pipeline, node);
    case 'branch':
    case 'guard':
      return [];
  }
}

function checkOwnTimeout({ id }: PipelineIr, node: JobIr | ApprovalIr): readonly Diagnostic[] {
  const what = `the timeout of ${node.kind} "${node.id}"`;
  return checkTimeout(node.timeoutSeconds, 1, 31_536_000, what, [id, node.id, 'timeout'], node.source);
}

function checkConcurrency({ id }: PipelineIr, node: MapIr): readonly Diagnostic[] {
  if (Number.isInteger(node.concurrency) && node.concurrency >= 0 && node.concurrency <= 10_000) return [];
  return [
    mistake(
      'BS1111',
      `the concurrency of map "${node.id}" is ${node.concurrency}`,
      [id, node.id, 'concurrency'],
      node.source,
      'give a whole number from 1, or leave it out for no limit',
    ),
  ];
}

function checkJob(pipeline: PipelineIr, node: JobIr): readonly Diagnostic[] {
  const at = [pipeline.id, node.id];
  const named = node.tolerate ?? ['States.ALL'];
  return [
    ...checkOwnTimeout(pipeline, node),
    ...checkRetry(node.retry, [...at, 'retry'], node.source),
    ...(named.length > 0 && named.every((name) => name.length > 0 && name.length <= 256)
      ? []
      : [
          mistake(
            'BS1111',
            `${node.id}.tolerate is empty or holds an empty name`,
            [...at, 'tolerate'],
            node.source,
            'name at least one error, give true for all of them, or leave tolerate out',
          ),
        ]),
    ...(pipeline.operations[node.operation]
      ? []
      : [
          unknownName('operation', node.operation, Object.keys(pipeline.operations), [...at, 'operation'], node.source),
        ]),
  ];
}

function within(outer: readonly ScopeStep[], inner: readonly ScopeStep[]): boolean {
  return outer.every((step, index) => inner[index]?.node === step.node && inner[index]?.part === step.part);
}

function checkOrder(
  pipeline: PipelineIr,
  nodes: ReadonlyMap<string, PlacedNode>,
  { node, scope }: PlacedNode,
): readonly Diagnostic[] {
  return node.after.flatMap((id) => {
    const path = [pipeline.id, node.id, 'after'];
    const other = nodes.get(id);
    if (!other) return [unknownName('job', id, [...nodes.keys()], path, node.source)];
    if (other.scope.length === scope.length && within(other.scope, scope)) return [];
    return [
      mistake(
        'BS1106',
        `"${node.id}" cannot come after "${id}", which stands in another scope (${placeOf(other.node.source)})`,
        path,
        node.source,
        'name the branch or map around it, or a job of the same scope',
      ),
    ];
  });
}

function checkRefs(
  pipeline: PipelineIr,
  nodes: ReadonlyMap<string, PlacedNode>,
  { node, scope }: PlacedNode,
): readonly Diagnostic[] {
  const own = ownExpressions(node).flatMap(({ place, expression }) => {
    // The condition of a loop looks at its state.
    const isOfState = node.kind === 'loop' && (place === 'while' || place === 'until');
    const where = isOfState ? [...scope, { node: node.id, part: 'body' }] : scope;
    return refsOf(expression).map((ref) => ({ place, ref, scope: ref.target.kind === 'state' ? where : scope }));
  });
  const results = innerScopes(node).flatMap(({ part, scope: inner }) =>
    (inner.result ? refsOf(inner.result) : []).map((ref) => ({
      place: 'result',
      ref,
      scope: [...scope, { node: node.id, part }],
    })),
  );
  return [...own, ...results].flatMap(({ place, ref, scope: where }) =>
    checkTarget(nodes, ref.target, where, [pipeline.id, node.id, place], `"${node.id}"`, node.source),
  );
}

function checkTarget(
  nodes: ReadonlyMap<string, PlacedNode>,
  target: RefTarget,
  where: readonly ScopeStep[],
  path: Path,
  reader: string,
  source: SourcePosition,
): readonly Diagnostic[] {
  if (target.kind === 'input') return [];
  const node = nodeOf(target);
  const id = 'map' in target ? target.map : target.id;
  const other = nodes.get(id);
  if (!other) return [unknownName(node === undefined ? 'map or loop' : 'job', id, [...nodes.keys()], path, source)];
  const visible =
    node === undefined ? where.some((step) => step.node === id && step.part === 'body') : within(other.scope, where);
  if (visible) return [];
  const around = other.scope.at(-1)?.node ?? id;
  if (other.scope.at(-1)?.part === 'guarded')
    return [
      mistake(
        'BS1106',
        `${reader} runs when the jobs of the pipeline have ended, and sees no output of theirs, such as that of "${id}"`,
        path,
        source,
        'use the input of the pipeline and how it has ended, or write the job among the others, behind one that tolerates failures',
      ),
    ];
  const what = { node: `the output of "${id}"`, failure: `the failure of "${id}"` };
  const used =
    target.kind === 'node' || target.kind === 'failure'
      ? what[target.kind]
      : `the ${target.kind} of ${other.node.kind} "${id}"`;
  const hint =
    node === undefined
      ? `use it inside the body of "${id}" only`
      : `return the job from the body of "${around}" and use the output of "${around}" instead`;
  return [
    mistake(
      'BS1106',
      `${reader} uses ${used} outside the ${nodes.get(around)?.node.kind ?? 'scope'} that made it (${placeOf(other.node.source)})`,
      path,
      source,
      hint,
    ),
  ];
}

function checkOutput(pipeline: PipelineIr, nodes: ReadonlyMap<string, PlacedNode>): readonly Diagnostic[] {
  const refs = pipeline.output ? refsOf(pipeline.output.value) : [];
  return refs.flatMap((ref) =>
    checkTarget(nodes, ref.target, [], [pipeline.id, 'output'], 'the pipeline output', pipeline.source),
  );
}

function checkCycles(pipeline: PipelineIr): readonly Diagnostic[] {
  const inScope = (scope: ScopeIr): readonly Diagnostic[] => [
    ...cyclesOf(dependenciesOf(scope)).map((cycle) => {
      const [first = ''] = cycle;
      const node = scope.nodes.find(({ id }) => id === first);
      const path = [...cycle, first].join(' → ');
      return mistake(
        'BS1104',
        `the jobs wait for each other: ${path}`,
        [pipeline.id, first],
        node?.source ?? pipeline.source,
        'remove one of these dependencies ("a → b": a waits for b)',
      );
    }),
    ...scope.nodes.flatMap((node) => innerScopes(node).flatMap(({ scope: inner }) => inScope(inner))),
  ];
  return inScope(pipeline.body);
}
