// Goal: imports only go down the house, nothing goes in circles, and the world outside (clocks,
// chance, files, sockets) is reached through the ports of `base`.
// Method: every module under src is read; tests and suites may import what they like.
import { posix } from "node:path";
import { expect, test } from "vitest";
import { folderOf, forbiddenNames, mayImportBuiltin, packageFolders, stepOf } from "./layers.ts";
import { importsOf, isTestFile, type SourceFile, sourceFiles, withoutText } from "./sources.ts";

const modules = sourceFiles("src", [".ts"]).filter((file) => !isTestFile(file.path));

/** Imports inside the repository, as paths from its root. */
function internalImports(file: SourceFile): string[] {
  return importsOf(file.text)
    .filter((name) => name.startsWith("."))
    .map((name) => posix.normalize(posix.join(posix.dirname(file.path), name)));
}

function eachModule(complaint: (file: SourceFile, folder: string) => string[]): string[] {
  return modules.flatMap((file) =>
    complaint(file, folderOf(file.path)).map((text) => `${file.path}: ${text}`),
  );
}

test("layers: every folder of src stands in a step", () => {
  expect(
    eachModule((_file, folder) => (stepOf(folder) < 0 ? [`no step for ${folder}`] : [])),
  ).toEqual([]);
});

test("layers: imports only go down", () => {
  const upward = eachModule((file, folder) =>
    internalImports(file).filter((path) => {
      if (!path.startsWith("src/")) return false;
      const target = folderOf(path);
      return target !== folder && stepOf(target) >= stepOf(folder);
    }),
  );
  expect(upward).toEqual([]);
});

test("layers: src imports nothing of the repository outside src, and no test", () => {
  const outside = eachModule((file) =>
    internalImports(file).filter(
      (path) =>
        (!path.startsWith("src/") && !path.startsWith("native/") && path !== "package.json") ||
        isTestFile(path),
    ),
  );
  expect(outside).toEqual([]);
});

test("layers: built-in modules only where they are granted", () => {
  const refused = eachModule((file, folder) =>
    importsOf(file.text).filter(
      (name) => name.startsWith("node:") && !mayImportBuiltin(folder, name),
    ),
  );
  expect(refused).toEqual([]);
});

test("layers: packages only where they are granted", () => {
  const refused = eachModule((file, folder) =>
    importsOf(file.text)
      .filter((name) => /^[a-z@]/.test(name) && !name.startsWith("node:"))
      .filter((name) => !packageFolders[name]?.includes(folder)),
  );
  expect(refused).toEqual([]);
});

test("layers: clocks, chance and the process only where they are granted", () => {
  const refused = eachModule((file, folder) => {
    const code = withoutText(file.text);
    return forbiddenNames(folder).flatMap((name) => code.match(name)?.[0] ?? []);
  });
  expect(refused).toEqual([]);
});

test("layers: no module imports itself through others", () => {
  const graph = new Map(modules.map((file) => [file.path, internalImports(file)]));
  const done = new Set<string>();
  const trail: string[] = [];
  const cycles: string[] = [];
  const visit = (path: string): void => {
    const at = trail.indexOf(path);
    if (at >= 0) cycles.push([...trail.slice(at), path].join(" -> "));
    if (at >= 0 || done.has(path)) return;
    trail.push(path);
    for (const next of graph.get(path) ?? []) visit(next);
    trail.pop();
    done.add(path);
  };
  for (const path of graph.keys()) visit(path);
  expect(cycles).toEqual([]);
});

test("layers: the reader of imports sees every way to import", () => {
  const text = [
    'import type { A } from "./a.ts";',
    'import "./b.ts";',
    'export * from "../c/c.ts";',
    'const d = await import("./d.ts");',
    'new Worker(new URL("./e.ts", import.meta.url));',
    '// import "./not.ts";',
    "import {",
    "  f,",
    '} from "node:fs";',
  ].join("\n");
  const seen = ["./a.ts", "./b.ts", "../c/c.ts", "./d.ts", "./e.ts", "node:fs"];
  expect(importsOf(text)).toEqual(seen);
});
