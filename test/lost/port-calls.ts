/**
 * What bookkeeping functions wait for, read from their source. A port call is `<client>.send(…)` of a client that was
 * handed in: the tests' world numbers each of them (`sessions/cloud.ts`), so each can be crashed at. What else is awaited
 * must be a function that is read here as well, or be named with the reason why nothing happens to the world in it.
 */
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Clients as bookkeeping functions are handed them. */
const clients = new Set(['db', 'sfn', 's3', 'logs', 'sns']);

/** A call of a client: `lib/sessions/store.ts:22`. */
export type Site = string;

export interface Awaited {
  readonly at: string;
  /** The callee as it is written: `found.Body.transformToString`. */
  readonly what: string;
}

export interface PortCalls {
  readonly files: readonly string[];
  readonly sites: readonly Site[];
  /** Awaits that are neither port calls nor lead to functions that are read here. */
  readonly unnumbered: readonly Awaited[];
  /** Awaits in all. */
  readonly awaits: number;
  /** Ways to the world past the clients: modules, globals, clients made on the spot. */
  readonly around: readonly string[];
}

interface Source {
  readonly file: string;
  readonly node: ts.SourceFile;
  /** Top-level declarations by name. */
  readonly own: ReadonlyMap<string, ts.Node>;
  /** Imported names: where they come from and what they are called there; lazily imported ones too. */
  readonly imported: ReadonlyMap<string, { readonly from: string; readonly name: string }>;
  readonly packages: readonly string[];
}

function read(file: string, text: string): Source {
  const node = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const own = new Map<string, ts.Node>();
  const imported = new Map<string, { readonly from: string; readonly name: string }>();
  const packages: string[] = [];
  for (const statement of node.statements) {
    if (ts.isFunctionDeclaration(statement) && statement.name !== undefined) own.set(statement.name.text, statement);
    if (ts.isVariableStatement(statement)) {
      for (const one of statement.declarationList.declarations) {
        if (ts.isIdentifier(one.name)) own.set(one.name.text, one);
      }
    }
    if (!ts.isImportDeclaration(statement) || statement.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword)
      continue;
    const { text: from } = statement.moduleSpecifier as ts.StringLiteral;
    const bindings = statement.importClause?.namedBindings;
    if (bindings === undefined || !ts.isNamedImports(bindings)) {
      if (!from.startsWith('.')) packages.push(from);
      continue;
    }
    const values = bindings.elements.filter(({ isTypeOnly }) => !isTypeOnly);
    if (values.length > 0 && !from.startsWith('.')) packages.push(from);
    if (!from.startsWith('.')) continue;
    const target = relative(root, join(root, dirname(file), from));
    for (const { name, propertyName } of values) {
      imported.set(name.text, { from: target, name: propertyName?.text ?? name.text });
    }
  }
  return { file, node, own, imported, packages };
}

/** The call at the bottom of `a().then(…).catch(…)`; of `a ? b() : c()` both. */
function bottom(expression: ts.Expression): readonly ts.Expression[] {
  if (ts.isParenthesizedExpression(expression)) return bottom(expression.expression);
  if (ts.isConditionalExpression(expression)) return [expression.whenTrue, expression.whenFalse].flatMap(bottom);
  if (!ts.isCallExpression(expression)) return [expression];
  const { expression: callee } = expression;
  if (ts.isPropertyAccessExpression(callee) && ['then', 'catch', 'finally'].includes(callee.name.text)) {
    return bottom(callee.expression);
  }
  return [expression];
}

const isSend = (node: ts.Node): node is ts.CallExpression & { readonly expression: ts.PropertyAccessExpression } =>
  ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) && node.expression.name.text === 'send';

function clientOf({
  expression: { expression: client },
}: {
  readonly expression: ts.PropertyAccessExpression;
}): string {
  return ts.isPropertyAccessExpression(client) ? client.name.text : client.getText();
}

/**
 * Reads what is reachable from the top level of some files: functions by their names, through their imports.
 *
 * @param texts of files that there are not, or that are to be read as they are not
 */
export function portCalls(entries: readonly string[], texts: Readonly<Record<string, string>> = {}): PortCalls {
  const sources = new Map<string, Source>();
  const source = (file: string) => {
    const known = sources.get(file) ?? read(file, texts[file] ?? readFileSync(join(root, file), 'utf8'));
    sources.set(file, known);
    return known;
  };
  const sites = new Set<Site>();
  const unnumbered: Awaited[] = [];
  const around: string[] = [];
  let awaits = 0;
  const seen = new Set<ts.Node>();

  const visitOf = (of: Source) => {
    const at = (node: ts.Node) => `${of.file}:${of.node.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
    const follow = (name: string) => {
      const own = of.own.get(name);
      const elsewhere = of.imported.get(name);
      if (own !== undefined) visit(own);
      else if (elsewhere !== undefined) {
        const there = source(elsewhere.from);
        const declared = there.own.get(elsewhere.name);
        if (declared !== undefined) visitOf(there)(declared);
      }
    };
    /** True for what leads to functions that are read here: by name, or the list of `Promise.all`, read by itself. */
    const isRead = (awaited: ts.Expression): boolean => {
      if (!ts.isCallExpression(awaited)) return false;
      const { expression: callee } = awaited;
      if (ts.isIdentifier(callee)) return of.own.has(callee.text) || of.imported.has(callee.text) || isLocal(callee);
      return /^Promise\.(all|allSettled)$/.test(callee.getText());
    };
    const visit = (node: ts.Node): void => {
      if (seen.has(node)) return;
      seen.add(node);
      if (isSend(node)) {
        if (clients.has(clientOf(node))) sites.add(at(node));
        else around.push(`${at(node)} ${node.expression.getText()}`);
      }
      if (ts.isAwaitExpression(node)) {
        awaits += 1;
        for (const call of bottom(node.expression)) {
          if (isSend(call) || isRead(call)) continue;
          unnumbered.push({ at: of.file, what: (ts.isCallExpression(call) ? call.expression : call).getText() });
        }
      }
      if (ts.isForOfStatement(node) && node.awaitModifier !== undefined) {
        awaits += 1;
        for (const call of bottom(node.expression)) {
          if (!isRead(call)) unnumbered.push({ at: of.file, what: call.getText() });
        }
      }
      if (ts.isNewExpression(node) && /Client$/.test(node.expression.getText()))
        around.push(`${at(node)} ${node.getText()}`);
      if (ts.isCallExpression(node) && /^(fetch|setTimeout|setInterval)$/.test(node.expression.getText())) {
        around.push(`${at(node)} ${node.expression.getText()}`);
      }
      if (ts.isIdentifier(node)) follow(node.text);
      ts.forEachChild(node, visit);
    };
    return visit;
  };
  for (const file of entries) {
    const entry = source(file);
    for (const statement of entry.node.statements) if (!ts.isImportDeclaration(statement)) visitOf(entry)(statement);
  }
  for (const { file, packages } of sources.values()) {
    for (const name of packages) if (!isHarmless(name)) around.push(`${file} ${name}`);
  }
  return { files: [...sources.keys()].sort(), sites: [...sites].sort(), unnumbered, awaits, around };
}

/** A function that is declared within another one is read with it. */
function isLocal(callee: ts.Identifier): boolean {
  for (let scope: ts.Node | undefined = callee.parent; scope !== undefined; scope = scope.parent) {
    if (!ts.isBlock(scope)) continue;
    const found = scope.statements.some(
      (statement) =>
        (ts.isFunctionDeclaration(statement) && statement.name?.text === callee.text) ||
        (ts.isVariableStatement(statement) &&
          statement.declarationList.declarations.some(
            ({ name, initializer }) =>
              name.getText() === callee.text &&
              initializer !== undefined &&
              (ts.isArrowFunction(initializer) || ts.isFunctionExpression(initializer)),
          )),
    );
    if (found) return true;
  }
  return false;
}

/** Packages that do nothing by themselves: commands and errors of SDKs, and computing. */
function isHarmless(name: string): boolean {
  return (
    /^@aws-sdk\/(client-(dynamodb|sfn|s3|sns|cloudwatch-logs)|lib-dynamodb)$/.test(name) ||
    ['node:util', 'node:crypto', 'node:zlib', 'node:buffer'].includes(name)
  );
}
