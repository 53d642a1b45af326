/**
 * Input and answers for a definition that nobody has written any for: one object that has whatever the definition reads,
 * as text, number or list by how it is read. What a Choice compares takes, run by run, another of the constants that it
 * is compared with.
 */
import type { Json } from '../../lib/asl/definition.ts';

type Tree = { [key: string]: Tree | Json | undefined };

const timestamp = '2026-03-01T12:00:00Z';

/** Every value in a definition, with the names of the fields around it, nearest first. */
function* valuesIn(value: unknown, around: readonly string[] = []): Generator<readonly [readonly string[], unknown]> {
  yield [around, value];
  if (typeof value !== 'object' || value === null) return;
  for (const [key, part] of Object.entries(value)) yield* valuesIn(part, [key, ...around]);
}

/** Paths in a text: a path alone, or in the call of an intrinsic function, or in a JSONata expression. */
function pathsIn(text: string): readonly string[] {
  const jsonata = text.matchAll(/\$states\.(?:input|result)((?:\.[A-Za-z_]\w*|\[[^\]]*\])+)/g);
  if (text.startsWith('{%')) return [...jsonata].map(([, path = '']) => `$${path}`);
  if (!/^\$|^States\./.test(text)) return [];
  const own = text.replaceAll('$$.Execution.Input', '$');
  return [...own.matchAll(/(?<![\w$])\$((?:\.\.?[\w-]+|\[[^\]]*\])+)/g)].map(([path]) => path);
}

/** The names along a path; what is in brackets counts as a list, unless it is a name in quotes. */
function partsOf(path: string): readonly string[] {
  const parts = path.slice(1).match(/\.\.?[\w-]+|\['[^']*'\]|\[[^\]]*\]/g) ?? [];
  return parts.map((part) => {
    if (part.startsWith('.')) return part.replace(/^\.+/, '');
    return part.startsWith("['") ? part.slice(2, -2) : '[]';
  });
}

/** @param constants that something is compared with, and the number of the run chooses */
function comparedWith(rule: { readonly [field: string]: unknown }, run: number, constants: readonly unknown[]): Json {
  const operators = Object.keys(rule);
  if (operators.some((name) => name.startsWith('Boolean'))) return run % 2 === 0;
  if (operators.some((name) => name.startsWith('Timestamp'))) return timestamp;
  const chosen = constants[run % constants.length] as Json;
  if (operators.some((name) => name.startsWith('Numeric'))) {
    // Either side of what it is compared with.
    return typeof chosen === 'number' ? chosen + ([0, 1, -1][Math.floor(run / constants.length) % 3] ?? 0) : 1;
  }
  return typeof chosen === 'string' ? chosen : 'text';
}

/** Puts a value where a path reads it, and where the ends of the path do: an answer may be put anywhere. */
function put(tree: Tree, parts: readonly string[], leaf: Json): void {
  for (const [index, part] of parts.entries()) if (part !== '[]') putAt(tree, parts.slice(index), leaf);
}

function putAt(tree: Tree, parts: readonly string[], leaf: Json): void {
  const [name, ...rest] = parts;
  if (name === undefined) return;
  if (rest.length === 0) {
    tree[name] ??= leaf;
    return;
  }
  const known = tree[name];
  const isTree = typeof known === 'object' && known !== null && !Array.isArray(known);
  const inner = isTree ? (known as Tree) : {};
  tree[name] = inner;
  putAt(inner, rest, leaf);
}

/** Lists where brackets were; a text is a text to the end. */
function madeOf(tree: Tree | Json | undefined): Json {
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) return (tree ?? null) as Json;
  const { '[]': item, ...fields } = tree as Tree;
  if (item !== undefined) return [madeOf(item), madeOf(item)];
  return Object.fromEntries(Object.entries(fields).map(([key, part]) => [key, madeOf(part)]));
}

/** What a machine is given, and each of its tasks answers, in a run. */
export function everythingRead(definition: unknown, run: number): { readonly [field: string]: Json } {
  const tree: Tree = {};
  const all = [...valuesIn(definition)];
  const rules = all.flatMap(([, value]) => {
    const isRule = typeof value === 'object' && value !== null && 'Variable' in value;
    return isRule ? [value as { readonly [field: string]: unknown; readonly Variable: string }] : [];
  });
  for (const rule of rules) {
    const same = rules.filter(({ Variable }) => Variable === rule.Variable);
    const constants = same.flatMap((each) =>
      Object.entries(each).flatMap(([name, constant]) => (/Equals|Than|Matches/.test(name) ? [constant] : [])),
    );
    const isAbsent = 'IsPresent' in rule && run % 2 === 1 && constants.length === 0;
    if (!isAbsent) put(tree, partsOf(rule.Variable), comparedWith(rule, run, constants));
  }
  const texts = all.flatMap(([, value]) => (typeof value === 'string' ? [value] : []));
  const read = texts.flatMap((text) => /^\$\$\.Map\.Item\.Value(\..+)$/.exec(text)?.[1] ?? []);
  const inItems = [['item'], ...read.map((path) => partsOf(`$${path}`))];
  for (const [[field = ''], value] of all) {
    if (typeof value !== 'string') continue;
    for (const path of pathsIn(value)) {
      const parts = partsOf(path);
      if (field === 'ItemsPath' || field === 'Items') {
        for (const inner of inItems) put(tree, [...parts, '[]', ...inner], 'text');
      }
      if (field === 'SecondsPath') put(tree, parts, 1);
      else if (field === 'TimestampPath') put(tree, parts, timestamp);
      else if (!/^(ResultPath|Variable)$/.test(field)) put(tree, parts, 'text');
    }
  }
  return madeOf(tree) as { readonly [field: string]: Json };
}
