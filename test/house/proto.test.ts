// Goal: the code that speaks a schema is the code of that schema, and the schema is in good order.
// Method: generate again into an empty folder, with the pinned tools and no network; compare.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./sources.ts";

/** Every file below a folder, by its path there. */
function filesOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    files.map((path) => [path.slice(folder.length + 1), readFileSync(path, "utf8")]),
  );
}

test("proto: src/proto is what proto/ generates (else: npm run proto)", { timeout: 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "proto-"));
  try {
    execFileSync("sh", [join(root, "scripts/proto.sh"), folder], { cwd: root, stdio: "pipe" });
    const generated = filesOf(join(folder, "src/proto"));
    expect(Object.keys(generated)).not.toEqual([]);
    expect(filesOf(join(root, "src/proto"))).toEqual(generated);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
