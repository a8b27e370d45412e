/**
 * Reads sources on the AST and says where they leave the layer picture.
 *
 * On the AST, not by regular expression, because an import can be written in six ways (declaration, `export from`,
 * `import()`, `import('…').T`, `import x = require()`, a reference comment) and a global can hide behind `globalThis`.
 * There is no type checker here: a name is a global where no enclosing scope of its file declares it, which is decided
 * lexically. So the check needs no build and takes milliseconds a file.
 */
import ts from 'typescript';

import type { Layer } from './layers.js';

export interface Source {
  /** Relative to `src/`, with forward slashes: `tasks/nursery.ts`. */
  readonly path: string;
  readonly text: string;
}

type Layers = Readonly<Record<string, Layer>>;

interface Import {
  readonly specifier: string;
  /** It is gone after compilation. */
  readonly typeOnly: boolean;
  readonly node: ts.Node;
}

/** Globals that only Node has, and the timers, which belong to the ambient clock. */
const nodeGlobals = new Set([
  'Buffer',
  'NodeJS',
  '__dirname',
  '__filename',
  'clearImmediate',
  'clearInterval',
  'clearTimeout',
  'exports',
  'global',
  'module',
  'process',
  'require',
  'setImmediate',
  'setInterval',
  'setTimeout',
]);

/** What makes a protocol core depend on more than its arguments. */
const impureGlobals = new Set(['Date', 'Promise', 'crypto', 'performance', 'queueMicrotask']);

/** Every violation in the sources, as `path:line: what`. */
export function violations(sources: readonly Source[], layers: Layers): string[] {
  return [...sources.flatMap((source) => violationsOf(source, layers)), ...valueCycles(sources)];
}

/** The row of the table that a file belongs to, or undefined. */
export function layerOf(path: string, layers: Layers): string | undefined {
  const segments = path.split('/');
  const first = segments[0] as string;
  if (first === 'protocols' && segments.length > 2) return `protocols/${segments[1] as string}`;
  if (segments.length === 1) return path in layers ? path : undefined;
  return first in layers ? first : undefined;
}

function violationsOf({ path, text }: Source, layers: Layers): string[] {
  const found: string[] = [];
  const file = parse(path, text);
  const report = (node: ts.Node, what: string): void => {
    found.push(`${path}:${file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1}: ${what}`);
  };
  const own = layerOf(path, layers);
  const layer = own === undefined ? undefined : (layers[own] ?? layers['protocols']);
  if (own === undefined || layer === undefined) return [`${path}:1: is in no layer of the table`];

  for (const { specifier, node } of importsOf(file)) {
    if (specifier.startsWith('node:')) {
      if (layer.platform !== 'node') report(node, `${own} may not import ${specifier}`);
      else if (layer.nodeModules?.includes(specifier) === false) report(node, `${own} may not import ${specifier}`);
      continue;
    }
    if (!specifier.startsWith('.')) {
      report(node, `'${specifier}' is neither relative nor node: (there are no runtime dependencies)`);
      continue;
    }
    if (!specifier.endsWith('.ts')) report(node, `'${specifier}' does not end in .ts`);
    const target = resolve(path, specifier);
    if (target === undefined) {
      report(node, `'${specifier}' leaves src`);
      continue;
    }
    const other = layerOf(target, layers);
    if (other === undefined) report(node, `'${specifier}' is in no layer of the table`);
    else if (other !== own && !layer.imports.some((allowed) => allowed === other || allowed === other.split('/')[0])) {
      report(node, `${own} may not import ${other}`);
    }
  }

  visit(file, (node) => {
    const makes = ts.isNewExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'Promise';
    if (makes && layer.makesPromises !== true) report(node, `${own} may not make a promise: wait through suspend`);
    // Both leave the losers running with nobody to hear of their errors.
    const member = memberOf(node);
    if (member?.object === 'Promise' && (member.name === 'race' || member.name === 'any')) {
      report(node, `${own} may not use Promise.${member.name}: firstOf cancels the losers and waits for them`);
    }
  });

  if (layer.platform === 'node') return found;
  for (const reference of file.typeReferenceDirectives)
    found.push(`${path}:1: types="${reference.fileName}" in ${own}`);
  visit(file, (node) => {
    if (ts.isIdentifier(node)) {
      const forbidden = nodeGlobals.has(node.text) || (layer.platform === 'pure' && impureGlobals.has(node.text));
      if (forbidden && refersToGlobal(node)) report(node, `${own} may not use ${node.text}`);
    }
    const member = memberOf(node);
    if (member?.object === 'globalThis') {
      if (nodeGlobals.has(member.name)) report(node, `${own} may not use ${member.name}`);
      if (layer.platform === 'pure' && impureGlobals.has(member.name))
        report(node, `${own} may not use ${member.name}`);
    }
    if (layer.platform !== 'pure') return;
    if (member?.object === 'Math' && member.name === 'random') report(node, `${own} may not use Math.random`);
    if (node.kind === ts.SyntaxKind.AsyncKeyword) report(node, `${own} may not be async`);
    if (node.kind === ts.SyntaxKind.AwaitKeyword || ts.isAwaitExpression(node)) report(node, `${own} may not await`);
  });
  return found;
}

/** Cycles of imports that exist at run time, each as one line. A cycle of types only is no cycle for the loader. */
export function valueCycles(sources: readonly Source[]): string[] {
  const edges = new Map<string, string[]>();
  for (const { path, text } of sources) {
    const targets = importsOf(parse(path, text))
      .filter(({ specifier, typeOnly }) => !typeOnly && specifier.startsWith('.'))
      .map(({ specifier }) => resolve(path, specifier))
      .filter((target) => target !== undefined);
    edges.set(path, targets);
  }
  const found: string[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const walk = (path: string): void => {
    const at = trail.indexOf(path);
    if (at !== -1) {
      found.push(`${path}:1: import cycle: ${[...trail.slice(at), path].join(' -> ')}`);
      return;
    }
    if (done.has(path)) return;
    trail.push(path);
    for (const target of edges.get(path) ?? []) walk(target);
    trail.pop();
    done.add(path);
  };
  for (const path of edges.keys()) walk(path);
  return found;
}

function parse(path: string, text: string): ts.SourceFile {
  return ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
}

function visit(node: ts.Node, see: (node: ts.Node) => void): void {
  see(node);
  // Modifiers are children too, so `async` is seen.
  ts.forEachChild(node, (child) => visit(child, see));
}

function importsOf(file: ts.SourceFile): Import[] {
  const found: Import[] = [];
  const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (specifier !== undefined && ts.isStringLiteralLike(specifier)) {
      found.push({ specifier: specifier.text, typeOnly, node });
    } else {
      found.push({ specifier: '(computed)', typeOnly, node });
    }
  };
  visit(file, (node) => {
    if (ts.isImportDeclaration(node)) {
      add(node, node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      add(node, node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportEqualsDeclaration(node) && ts.isExternalModuleReference(node.moduleReference)) {
      add(node, node.moduleReference.expression, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node)) {
      add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node, node.arguments[0], false);
    }
  });
  return found;
}

/** The path that a relative specifier means, or undefined where it leaves `src/`. */
function resolve(from: string, specifier: string): string | undefined {
  const segments = from.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') {
      if (segments.pop() === undefined) return undefined;
    } else if (part !== '.') {
      segments.push(part);
    }
  }
  return segments.join('/');
}

/** `object.name` and `object['name']`, where the object is a plain identifier. */
function memberOf(node: ts.Node): { object: string; name: string } | undefined {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    return { object: node.expression.text, name: node.name.text };
  }
  if (
    ts.isElementAccessExpression(node) &&
    ts.isIdentifier(node.expression) &&
    ts.isStringLiteralLike(node.argumentExpression)
  ) {
    return { object: node.expression.text, name: node.argumentExpression.text };
  }
  return undefined;
}

function refersToGlobal(name: ts.Identifier): boolean {
  const parent = name.parent;
  if (ts.isPropertyAccessExpression(parent) && parent.name === name) return false;
  if (ts.isQualifiedName(parent) && parent.right === name) return false;
  if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent) || ts.isNamespaceExport(parent)) return false;
  if (ts.isBindingElement(parent) && parent.propertyName === name) return false;
  if (isDeclarationName(name)) return false;
  for (let scope: ts.Node | undefined = parent; scope !== undefined; scope = scope.parent) {
    if (declaredIn(scope).has(name.text)) return false;
  }
  return true;
}

/** The name of a declaration, member, property or label, which refers to nothing. */
function isDeclarationName(name: ts.Identifier): boolean {
  const parent = name.parent as ts.Node & { readonly name?: ts.Node; readonly label?: ts.Node };
  if (ts.isShorthandPropertyAssignment(parent)) return false;
  return parent.name === name || parent.label === name;
}

/** Names that a scope itself declares: the bindings of its statements, parameters or head. */
function declaredIn(scope: ts.Node): ReadonlySet<string> {
  const names = new Set<string>();
  const bind = (name: ts.BindingName | undefined): void => {
    if (name === undefined) return;
    if (ts.isIdentifier(name)) names.add(name.text);
    else for (const element of name.elements) if (ts.isBindingElement(element)) bind(element.name);
  };
  const bindList = (list: ts.Node | undefined): void => {
    if (list !== undefined && ts.isVariableDeclarationList(list)) for (const one of list.declarations) bind(one.name);
  };
  if (ts.isFunctionLike(scope)) {
    for (const parameter of scope.parameters) bind(parameter.name);
    for (const parameter of scope.typeParameters ?? []) names.add(parameter.name.text);
    if (ts.isFunctionExpression(scope)) bind(scope.name);
  } else if (ts.isForStatement(scope) || ts.isForOfStatement(scope) || ts.isForInStatement(scope)) {
    bindList(scope.initializer);
  } else if (ts.isCatchClause(scope)) {
    bind(scope.variableDeclaration?.name);
  } else if (ts.isSourceFile(scope) || ts.isBlock(scope) || ts.isCaseOrDefaultClause(scope)) {
    for (const statement of scope.statements) {
      if (ts.isVariableStatement(statement)) bindList(statement.declarationList);
      else if (ts.isImportDeclaration(statement)) bindImport(statement.importClause, names);
      else if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) bind(statement.name);
      else if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) bind(statement.name);
    }
  }
  return names;
}

function bindImport(clause: ts.ImportClause | undefined, names: Set<string>): void {
  if (clause?.name !== undefined) names.add(clause.name.text);
  const bindings = clause?.namedBindings;
  if (bindings === undefined) return;
  if (ts.isNamespaceImport(bindings)) names.add(bindings.name.text);
  else for (const element of bindings.elements) names.add(element.name.text);
}
