/** The check of structures: cases of a switch, bounds of loops, times of waits, and ends that nodes wait for. */
import type { Diagnostic } from '../errors.ts';
import { refsOf } from './expressions.ts';
import { mistake, type Path, unknownName } from './mistake.ts';
import type { LoopIr, PipelineIr, SwitchIr, WaitIr } from './nodes.ts';
import { ownExpressions, type PlacedNode } from './walk.ts';

export function checkCases({ id }: PipelineIr, node: SwitchIr): readonly Diagnostic[] {
  const path = [id, node.id, 'cases'];
  const cases = node.cases.map(({ is }) => is);
  const twice = cases.find((is, index) => cases.indexOf(is) !== index);
  if (twice !== undefined) {
    const found = `switch "${node.id}" has two cases for ${JSON.stringify(twice)}`;
    return [mistake('BS1121', found, path, node.source, 'put them together: the first one is taken')];
  }
  if (cases.length > 0) return [];
  const hint = 'name a text and what runs then, or write the jobs without a switch';
  return [mistake('BS1121', `switch "${node.id}" has no cases`, path, node.source, hint)];
}

const mostRounds = 10_000;

/** A loop is bounded, and says what it carries on. */
export function checkLoop({ id }: PipelineIr, node: LoopIr): readonly Diagnostic[] {
  const isBounded = Number.isInteger(node.max) && node.max >= 1 && node.max <= mostRounds;
  return [
    ...(isBounded
      ? []
      : [
          mistake(
            'BS1122',
            `loop "${node.id}" has at most ${node.max} rounds`,
            [id, node.id, 'max'],
            node.source,
            `give max, a whole number from 1 to ${mostRounds}; a loop that needs more rounds fails with Bunsui.LoopBound`,
          ),
        ]),
    ...(node.body.result
      ? []
      : [
          mistake(
            'BS1122',
            `loop "${node.id}" carries nothing on`,
            [id, node.id, 'next'],
            node.source,
            'return the state of the next round from the body',
          ),
        ]),
  ];
}

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const longestWait = 31_536_000;

/** What constants of a wait Step Functions takes. What refs give it looks at itself. */
export function checkWait({ id }: PipelineIr, node: WaitIr): readonly Diagnostic[] {
  const { lasts } = node;
  const given = lasts.kind === 'for' ? lasts.seconds : lasts.time;
  if (given.kind !== 'literal') return [];
  const { value } = given;
  const fits =
    lasts.kind === 'for'
      ? typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= longestWait
      : typeof value === 'string' && time.test(value) && !Number.isNaN(Date.parse(value));
  if (fits) return [];
  const found = `wait "${node.id}" lasts ${lasts.kind} ${JSON.stringify(value)}${lasts.kind === 'for' ? ' seconds' : ''}`;
  const hint =
    lasts.kind === 'for'
      ? `whole seconds from 0 to ${longestWait} are allowed`
      : 'write a time as 2026-01-31T06:00:00Z, or with an offset such as +09:00';
  return [mistake('BS1123', found, [id, node.id, lasts.kind], node.source, hint)];
}

/** Ends that are waited for, and failures that are read, of nodes whose failure ends the pipeline. */
export function checkEnds(
  pipeline: PipelineIr,
  nodes: ReadonlyMap<string, PlacedNode>,
  { node }: PlacedNode,
): readonly Diagnostic[] {
  const tolerates = (id: string) => {
    const other = nodes.get(id)?.node;
    return other === undefined || other.kind === 'guard' || (other.kind === 'job' && other.tolerate !== undefined);
  };
  const never = (id: string, path: Path, what: string) =>
    mistake(
      'BS1124',
      `"${node.id}" ${what} when "${id}" fails, and then the pipeline fails`,
      path,
      node.source,
      nodes.get(id)?.node.kind === 'job'
        ? `give "${id}" { tolerate: true }, or the names of the errors after which the pipeline goes on`
        : 'only jobs can tolerate failures: name a job',
    );
  const required = Object.entries(node.requires ?? {}).flatMap(([id, end]) => {
    const path = [pipeline.id, node.id, 'after'];
    if (!node.after.includes(id)) return [unknownName('order after', id, node.after, path, node.source)];
    return end === 'failure' && !tolerates(id) ? [never(id, path, 'runs only')] : [];
  });
  const read = ownExpressions(node).flatMap(({ place, expression }) =>
    refsOf(expression).flatMap(({ target }) =>
      target.kind === 'failure' && !tolerates(target.id)
        ? [never(target.id, [pipeline.id, node.id, place], 'reads what is there only')]
        : [],
    ),
  );
  return [...required, ...read];
}

/** Only what stands in the pipeline itself can be a machine of its own: what is inside of a map or branch runs in that. */
export function checkIsolated({ id }: PipelineIr, { node, scope }: PlacedNode): readonly Diagnostic[] {
  const [outermost] = scope.filter(({ part }) => part !== 'guarded');
  if (!node.isolate || outermost === undefined) return [];
  const handler = { failure: 'p.onFailure', end: 'p.finally' }[outermost.part];
  return [
    mistake(
      'BS1126',
      `"${node.id}" asks for a machine of its own inside of ${handler ?? `"${outermost.node}"`}`,
      [id, node.id, 'isolate'],
      node.source,
      handler === undefined ? `give isolate to "${outermost.node}" itself, or take it out` : 'take isolate out',
    ),
  ];
}
