/** Finds the fenced code blocks of a Markdown file. */
export interface CodeBlock {
  /** The line of the opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  /** What follows the language: `run`, `no-run`. */
  readonly marks: readonly string[];
  readonly text: string;
}

export function codeBlocks(markdown: string): CodeBlock[] {
  const found: CodeBlock[] = [];
  const lines = markdown.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const opening = /^( *)(`{3,})([^`]*)$/.exec(lines[i] ?? '');
    if (opening === null) continue;
    const [, indent = '', fence = '', info = ''] = opening;
    const [language = '', ...marks] = info.trim().split(/\s+/);
    const body: string[] = [];
    const line = i + 1;
    for (i++; ; i++) {
      const text = lines[i];
      if (text === undefined) throw new SyntaxError(`the code block of line ${line} is not closed`);
      if (text.trim() === fence) break;
      body.push(text.startsWith(indent) ? text.slice(indent.length) : text.trimStart());
    }
    found.push({ line, language, marks, text: `${body.join('\n')}\n` });
  }
  return found;
}
