/**
 * The files of the repository and a light reading of TypeScript, for the tests of the house. It
 * reads by pattern, not by grammar: enough for imports and names in code that the formatter has
 * already put into shape.
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

const ignored = new Set([
  ".git",
  "node_modules",
  "coverage",
  "dist",
  "native/build",
  "data",
  ".moto",
]);

export interface SourceFile {
  /** Path from the root of the repository, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** Every text file below `folder` whose name ends with one of `endings`, sorted by path. */
export function sourceFiles(folder: string, endings: readonly string[]): SourceFile[] {
  const found: SourceFile[] = [];
  const visit = (at: string): void => {
    for (const entry of readdirSync(join(root, at), { withFileTypes: true })) {
      const path = at === "" ? entry.name : `${at}/${entry.name}`;
      if (ignored.has(path)) continue;
      if (entry.isDirectory()) visit(path);
      else if (entry.isFile() && endings.some((ending) => path.endsWith(ending)))
        found.push({ path, text: readFileSync(join(root, path), "utf8") });
    }
  };
  visit(folder);
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Tests, and the suites that several implementations run: they may reach for anything. */
export function isTestFile(path: string): boolean {
  return /(\.test\.ts|(^|\/|[.-])suite\.ts)$/.test(path) || /\/(testing|testdata)\//.test(path);
}

const commentOrString =
  /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;

/** The code without comments; strings stay. */
function withoutComments(text: string): string {
  return text.replace(commentOrString, (_match, literal?: string) => literal ?? " ");
}

/** The code without comments and with empty quoted strings; templates stay, they hold code. */
export function withoutText(text: string): string {
  return text.replace(commentOrString, (_match, literal?: string) => {
    if (literal === undefined) return " ";
    return literal.startsWith("`") ? literal : '""';
  });
}

const importPattern =
  /(?:\bfrom\s*|\bimport\s*\(?\s*|\bnew URL\(\s*)"((?:node:|\.{1,2}\/|[a-z@])[^"\n]*)"/g;

/** What a module imports, types and workers (`new URL("./x.ts", import.meta.url)`) included. */
export function importsOf(text: string): string[] {
  return [...withoutComments(text).matchAll(importPattern)].map((match) => match[1] as string);
}
