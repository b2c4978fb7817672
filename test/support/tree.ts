/**
 * The repository as a clone would have it, in another folder: what npm does there touches nothing
 * of the working tree.
 * @module
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./server.ts";

/** Linked instead of copied where the disk allows it. */
function bring(path: string, tree: string): void {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  execFileSync("sh", [
    "-c",
    'cp -al "$1" "$2" 2>/dev/null || cp -a "$1" "$2"',
    "sh",
    join(root, path),
    join(tree, path),
  ]);
}

/** A row of the lock file's `packages`, by the package's folder. */
export interface LockedPackage {
  readonly dev?: boolean;
}

export function lockedPackages(): Readonly<Record<string, LockedPackage>> {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, LockedPackage>;
  };
  return lock.packages;
}

/**
 * Makes `tree` out of the files that git knows or does not ignore, and the installed packages.
 * @param modules - `run`: what `npm ci --omit=dev` would install; `all`: the tools, too.
 */
export function copyTree(tree: string, modules: "run" | "all"): void {
  const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  });
  for (const file of files.split("\n").filter((name) => name !== "")) {
    if (!existsSync(join(root, file))) continue;
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    cpSync(join(root, file), join(tree, file));
  }
  for (const [path, { dev }] of Object.entries(lockedPackages())) {
    if (path === "" || (dev === true && modules === "run") || !existsSync(join(root, path)))
      continue;
    if (!existsSync(join(tree, path))) bring(path, tree);
  }
  if (modules === "all") bring("node_modules/.bin", tree);
  // Younger than the lock file: nothing is installed anew.
  const installed = "node_modules/.package-lock.json";
  cpSync(join(root, installed), join(tree, installed));
}
