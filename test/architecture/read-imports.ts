/** Reads what a TypeScript file imports and which AWS clients it makes. */
import ts from 'typescript';

/** `type`: erased by the compiler. `lazy`: `import()`, loaded when it is called. */
export interface Import {
  readonly specifier: string;
  readonly kind: 'runtime' | 'type' | 'lazy';
  /** From 1. */
  readonly line: number;
}

export interface SourceFile {
  /** Path from the root of the repository, with `/`. */
  readonly path: string;
  readonly imports: readonly Import[];
  /** Classes that the file makes and whose names end in `Client`. */
  readonly clients: readonly { readonly name: string; readonly line: number }[];
}

/** Reads one file. An `import()` of something that is no literal (an author's file) names nothing to check. */
export function readSource(path: string, text: string): SourceFile {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const imports: Import[] = [];
  const clients: { name: string; line: number }[] = [];
  const lineOf = (node: ts.Node): number => file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
  const add = (specifier: ts.Node | undefined, kind: Import['kind'], node: ts.Node): void => {
    if (specifier !== undefined && ts.isStringLiteralLike(specifier)) {
      imports.push({ specifier: specifier.text, kind, line: lineOf(node) });
    }
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(
        node.moduleSpecifier,
        node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword ? 'type' : 'runtime',
        node,
      );
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly ? 'type' : 'runtime', node);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, 'type', node);
    } else if (ts.isCallExpression(node)) {
      const callee = node.expression;
      if (callee.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0], 'lazy', node);
      if (ts.isIdentifier(callee) && callee.text === 'require') add(node.arguments[0], 'runtime', node);
    } else if (ts.isNewExpression(node)) {
      const callee = node.expression;
      const name = ts.isPropertyAccessExpression(callee)
        ? callee.name.text
        : ts.isIdentifier(callee)
          ? callee.text
          : '';
      if (name.endsWith('Client')) clients.push({ name, line: lineOf(node) });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return { path, imports, clients };
}
