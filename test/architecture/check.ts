/** Checks files against the table of rooms. Each finding is one line: file, import, rule. */
import { posix } from 'node:path';
import type { SourceFile } from './read-imports.ts';
import type { RoomRule } from './rules.ts';
import { compositionRoots, ownEntries } from './rules.ts';

type Rules = { readonly [room: string]: RoomRule };

/** The room of a path from the root: `lib/dsl/refs.ts` → `dsl`, `lib/errors.ts` → `errors`, `bin/x.ts` → `bin`. */
export function roomOf(path: string): string {
  const [top = '', second = ''] = path.split('/');
  return top === 'lib' ? second.replace(/\.[a-z]+$/, '') : top;
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

function allowsPackage(rule: RoomRule, name: string): boolean {
  if (rule.packages === 'any') return true;
  return rule.packages.some((allowed) =>
    allowed.endsWith('/*') ? name.startsWith(allowed.slice(0, -1)) : allowed === name,
  );
}

function allowsRoom(rule: RoomRule, room: string): boolean {
  return rule.rooms === 'any' ? !(rule.not ?? []).includes(room) : rule.rooms.includes(room);
}

function list(names: readonly string[] | 'any'): string {
  return names === 'any' ? 'any' : names.length === 0 ? 'none' : names.join(', ');
}

/** Where an import leads: a room of ours (with the file, when it is written as a path), a package, or Node. */
function targetOf(
  from: string,
  specifier: string,
): { readonly room: string; readonly file?: string } | { readonly package: string } | 'node' {
  if (specifier.startsWith('node:')) return 'node';
  if (specifier.startsWith('.')) {
    const file = posix.join(posix.dirname(from), specifier);
    return { room: roomOf(file), file };
  }
  const entry = ownEntries[specifier];
  return entry === undefined ? { package: packageOf(specifier) } : { room: entry };
}

function checkFile(rules: Rules, file: SourceFile): readonly string[] {
  const room = roomOf(file.path);
  const rule = rules[room];
  if (rule === undefined) return [`${file.path}: room "${room}" has no row in test/architecture/rules.ts`];
  const findings: string[] = [];
  for (const { specifier, line } of file.imports) {
    const where = `${file.path}:${line} imports '${specifier}'`;
    const target = targetOf(file.path, specifier);
    if (target === 'node') {
      const inRoom = posix.basename(file.path);
      if (rule.node === 'any' || (rule.node !== 'none' && rule.node.includes(inRoom))) continue;
      findings.push(
        `${where}: room ${room} may import node: modules in ${rule.node === 'none' ? 'no file' : list(rule.node)}`,
      );
    } else if ('package' in target) {
      if (!allowsPackage(rule, target.package)) {
        findings.push(`${where}: packages allowed in room ${room} are ${list(rule.packages)}`);
      }
    } else if (target.room !== room && !allowsRoom(rule, target.room)) {
      const allowed = rule.rooms === 'any' ? `any but ${list(rule.not ?? [])}` : list(rule.rooms);
      findings.push(`${where}: room ${room} may import ${allowed}, not ${target.room}`);
    }
  }
  if (!compositionRoots.some((root) => file.path.startsWith(root))) {
    for (const { name, line } of file.clients) {
      findings.push(
        `${file.path}:${line} makes a ${name}: clients are made in ${list(compositionRoots)} and handed in`,
      );
    }
  }
  return findings;
}

/** The cycles of a graph, each once, as the nodes on it with the first repeated at the end. */
function cyclesOf(edges: ReadonlyMap<string, ReadonlySet<string>>): readonly (readonly string[])[] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): void => {
    const at = path.indexOf(node);
    if (at >= 0) {
      cycles.push([...path.slice(at), node]);
      return;
    }
    if (done.has(node)) return;
    for (const next of edges.get(node) ?? []) visit(next, [...path, node]);
    done.add(node);
  };
  for (const node of [...edges.keys()].sort()) visit(node, []);
  return cycles;
}

function addEdge(edges: Map<string, Set<string>>, from: string, to: string): void {
  const known = edges.get(from);
  if (known === undefined) edges.set(from, new Set([to]));
  else known.add(to);
}

/** Rooms: imports of every kind, for a type that two rooms pass to and fro binds them all the same. */
function roomCycles(files: readonly SourceFile[]): readonly string[] {
  const edges = new Map<string, Set<string>>();
  for (const { path, imports } of files) {
    for (const { specifier } of imports) {
      const target = targetOf(path, specifier);
      if (target !== 'node' && 'room' in target && target.room !== roomOf(path))
        addEdge(edges, roomOf(path), target.room);
    }
  }
  return cyclesOf(edges).map((cycle) => `rooms form a cycle: ${cycle.join(' → ')}`);
}

/** Files: what runs when a module is loaded. Types are erased and `import()` waits until it is called. */
function fileCycles(files: readonly SourceFile[]): readonly string[] {
  const edges = new Map<string, Set<string>>();
  for (const { path, imports } of files) {
    for (const { specifier, kind } of imports) {
      const target = targetOf(path, specifier);
      if (kind === 'runtime' && target !== 'node' && 'file' in target && target.file !== undefined) {
        addEdge(edges, path, target.file);
      }
    }
  }
  return cyclesOf(edges).map((cycle) => `files load each other: ${cycle.join(' → ')}`);
}

/** Everything that breaks the rules, in the order of the files. */
export function checkArchitecture(rules: Rules, files: readonly SourceFile[]): readonly string[] {
  return [...files.flatMap((file) => checkFile(rules, file)), ...roomCycles(files), ...fileCycles(files)];
}
