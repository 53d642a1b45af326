/** A plan for a person: who may do more than before first, then the resources. And for a program, as lines. */
import { harmlessLine } from './harmless.ts';
import { jsonLine } from './json-lines.ts';
import { hasChanges, type PermissionChange, type ResourceChange, type StackChanges } from './stack-changes.ts';
import type { Output, Paint } from './terminal.ts';
import { cut } from './text-width.ts';

const signs: { readonly [change in ResourceChange['change']]: string } = {
  add: '+',
  update: '~',
  replace: '±',
  remove: '-',
  leave: '-',
};
const words: { readonly [change in ResourceChange['change']]: string } = {
  add: '',
  update: '',
  replace: 'made anew: what it holds is lost',
  remove: 'removed',
  leave: 'given up, but kept',
};

/** New resources of one type, as one line. */
function added(resources: readonly ResourceChange[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { change, type } of resources) if (change === 'add') counts.set(type, (counts.get(type) ?? 0) + 1);
  return [...counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([type, count]) => `${type}${count > 1 ? ` × ${count}` : ''}`);
}

/** A plan with more of them is read by nobody: each holder has one line then. */
const mostPermissions = 40;

function permissionRows(permissions: readonly PermissionChange[]): readonly (readonly [sign: string, text: string])[] {
  const signOf = (change: PermissionChange['change']) => (change === 'add' ? '+' : '-');
  if (permissions.length <= mostPermissions) {
    return permissions.map(({ change, at, text }) => [signOf(change), `${at} ${text}`]);
  }
  const byHolder = Map.groupBy(permissions, ({ change, at }) => `${signOf(change)}${at}`);
  return [
    ...[...byHolder].map(([holder, all]): readonly [string, string] => {
      const services = new Set(
        all.flatMap(({ text }) => [...text.matchAll(/\b([a-z0-9]+):[A-Z]/g)].map((match) => match[1])),
      );
      const count = all.length === 1 ? '' : `, ${all.length} statements`;
      return [
        holder.slice(0, 1),
        `${holder.slice(1)}: ${[...services]
          .filter((service) => service !== 'aws')
          .toSorted()
          .join(', ')}${count}`,
      ];
    }),
    [' ', 'each of them is in --json'],
  ];
}

function stackLines(changes: StackChanges, output: Output): readonly string[] {
  const { stack, isNew, resources, permissions, other } = changes;
  const { bold, dim, green, red, yellow } = output.palette;
  if (!hasChanges(changes)) return [`${bold(stack)}  ${dim('no changes')}`];
  const paints: { readonly [sign: string]: Paint } = { '+': green, '-': red, '±': red, '~': yellow };
  const columns = output.live ? output.size().columns - 1 : Number.POSITIVE_INFINITY;
  const line = (sign: string, text: string) => (paints[sign] ?? dim)(cut(`  ${sign} ${harmlessLine(text)}`, columns));
  const changed = resources.filter(({ change }) => change !== 'add');
  return [
    `${bold(stack)}  ${isNew ? 'new' : 'changed'}`,
    ...(permissions.length === 0 ? [] : [`  ${bold('Permissions')}`]),
    ...permissionRows(permissions).map(([sign, text]) => line(sign, text)),
    ...(resources.length === 0 && !other ? [] : [`  ${bold('Resources')}`]),
    ...changed.map(({ change, type, path, properties }) => {
      const note = [words[change], properties.join(', ')].filter((part) => part !== '').join('; ');
      return line(signs[change], `${type} ${path}${note === '' ? '' : `: ${note}`}`);
    }),
    ...added(resources).map((text) => line('+', text)),
    ...(other ? [line('~', 'parameters, outputs or description')] : []),
  ];
}

/** The plan of all stacks. */
export function planLines(plan: readonly StackChanges[], output: Output): readonly string[] {
  return plan.flatMap((changes) => [...stackLines(changes, output), '']);
}

/** A line of `--json` for each stack. */
export function planJson(changes: StackChanges): string {
  const { stack, isNew, resources, permissions, other } = changes;
  return jsonLine('plan', { stack, is_new: isNew, changes: hasChanges(changes), resources, permissions, other });
}
