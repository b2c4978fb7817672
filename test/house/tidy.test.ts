// Goal: the repository stays readable and speaks of the product alone.
// Method: every text file of the repository, by pattern. Data (vectors, recordings) may be long.
import { existsSync } from "node:fs";
import { posix } from "node:path";
import { expect, test } from "vitest";
import { isTestFile, root, type SourceFile, sourceFiles } from "./sources.ts";

const linesMax = 400;
const functionLinesMax = 70;
const columnsMax = 100;

const code = sourceFiles("", [".ts", ".tsx", ".mjs", ".c", ".h", ".sh", ".css", ".ci/run"]);
const prose = sourceFiles("", [".md", ".json", ".yml", ".npmrc", ".proto"]);
const all = [...code, ...prose];
/** Data, and code that a tool writes from a schema (proto.test.ts watches it). */
const isData = (path: string): boolean =>
  /(^|\/)(vectors|testdata)(\/|\.|-)|^src\/proto\//.test(path);

/** `path:line` of every line that `matches`. */
function lines(files: readonly SourceFile[], matches: (line: string) => boolean): string[] {
  return files.flatMap((file) =>
    file.text
      .split("\n")
      .flatMap((line, at) => (matches(line) ? [`${file.path}:${at + 1}: ${line.trim()}`] : [])),
  );
}

test("tidy: files have at most 400 lines", () => {
  const long = code
    .filter((file) => !isData(file.path))
    .map((file) => ({ path: file.path, lines: file.text.split("\n").length - 1 }))
    .filter((file) => file.lines > linesMax);
  expect(long).toEqual([]);
});

test("tidy: lines have at most 100 columns, but for URLs and data", () => {
  const files = code.filter((file) => !isData(file.path));
  const long = lines(files, (line) => [...line].length > columnsMax && !/https?:\/\//.test(line));
  expect(long).toEqual([]);
});

test("tidy: C functions stay under 70 lines (the linter watches TypeScript)", () => {
  const long = code
    .filter((file) => /\.[ch]$/.test(file.path))
    .flatMap((file) => {
      let start = -1;
      return file.text.split("\n").flatMap((line, at) => {
        if (/^[\w}].*\{$|^\{$/.test(line)) start = at;
        const ends = line.startsWith("}") && start >= 0 && at - start >= functionLinesMax;
        return ends ? [`${file.path}:${start + 1}: ${at - start + 1} lines`] : [];
      });
    });
  expect(long).toEqual([]);
});

test("tidy: every module of src opens with what it is for", () => {
  const bare = sourceFiles("src", [".ts"])
    .filter((file) => !isTestFile(file.path) && !isData(file.path))
    .filter((file) => !/^(#!.*\n)?(\/\/.*\n)*\/\*\*\n \* \S[\s\S]*?@module/.test(file.text));
  expect(bare.map((file) => file.path)).toEqual([]);
});

test("tidy: no work is left for later in the source", () => {
  const later = new RegExp(["\\bTO", "DO\\b|\\bFIX", "ME\\b|\\bfor n", "ow\\b"].join(""));
  expect(lines(code, (line) => later.test(line))).toEqual([]);
});

test("tidy: no test is skipped, narrowed or promised", () => {
  const skipped =
    /\b(test|it|describe|suite)\.(skip|only|todo|skipIf|runIf|fails)\b|\bx(it|describe)\(/;
  const tests = code.filter((file) => file.path !== "test/house/tidy.test.ts");
  expect(lines(tests, (line) => skipped.test(line))).toEqual([]);
});

test("tidy: no path of somebody's machine, no package registry", () => {
  const local = /(^|[\s"'`(=:])\/(home|root|Users|work)\/\w/;
  const registry = /https?:\/\/[\w.-]*registry|registry\.\w+\.\w+|\bregistry\s*=|"resolved"/;
  const files = all.filter((file) => file.path !== "test/house/tidy.test.ts");
  expect(lines(files, (line) => local.test(line) || registry.test(line))).toEqual([]);
});

test("tidy: text is UTF-8 with line feeds, ends in one, and has no trailing blanks", () => {
  const odd = all
    .filter((file) => !isData(file.path))
    .filter((file) => /\r|\ufffd|[ \t]\n|\n\n$|[^\n]$/.test(file.text));
  expect(odd.map((file) => file.path)).toEqual([]);
});

test("tidy: a link inside the documents leads somewhere", () => {
  const broken = prose
    .filter((file) => file.path.endsWith(".md"))
    .flatMap((file) =>
      [...file.text.matchAll(/\]\((?!https?:)([^)#\s]+)/g)]
        .map((match) => posix.join(posix.dirname(file.path), match[1] as string))
        .filter((path) => !existsSync(posix.join(root, path)))
        .map((path) => `${file.path}: ${path}`),
    );
  expect(broken).toEqual([]);
});
