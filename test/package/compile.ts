/** Compiles files as a strict user of the package would, in this process. */
import ts from 'typescript';

export interface CompileOptions {
  readonly types: readonly string[];
  readonly lib?: readonly string[] | undefined;
  /** Where the JavaScript goes; absent: nowhere. */
  readonly outDir?: string | undefined;
  /** Checks the declarations of the package and of everything it names as well, which takes seconds. */
  readonly checkLibraries?: boolean | undefined;
  /** The files' common folder; needed where they import the root of the package that they are in. */
  readonly rootDir?: string | undefined;
}

/** The errors, as `file:line: text`. */
export function typeErrors(files: readonly string[], options: CompileOptions): string[] {
  const { types, lib, outDir, rootDir, checkLibraries = false } = options;
  const program = ts.createProgram([...files], {
    target: ts.ScriptTarget.ES2022,
    lib: (lib ?? ['es2023', 'esnext.disposable']).map((name) => `lib.${name}.d.ts`),
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: [...types],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: !checkLibraries,
    ...(rootDir === undefined ? {} : { rootDir }),
    ...(outDir === undefined ? { noEmit: true } : { outDir }),
  });
  if (outDir !== undefined) program.emit();
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const place =
      file === undefined ? '' : `${file.fileName}:${file.getLineAndCharacterOfPosition(start ?? 0).line + 1}: `;
    return place + ts.flattenDiagnosticMessageText(messageText, '\n');
  });
}
