/**
 * Adds up what `scripts/test.sh` ran and prints the last line, `N passed, N failed`. The folder
 * holds `<step>.status`, an exit status, and for a step of tests `<step>.json`, vitest's report.
 * The hazard is a silent pass: a step that failed without a failed test still counts as one.
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2] ?? ".";
let passed = 0;
let failed = 0;
for (const file of readdirSync(folder)
  .filter((name) => name.endsWith(".status"))
  .sort()) {
  const step = file.slice(0, -".status".length);
  const succeeded = readFileSync(join(folder, file), "utf8").trim() === "0";
  const report = join(folder, `${step}.json`);
  const counts = existsSync(report)
    ? (JSON.parse(readFileSync(report, "utf8")) as Record<string, number>)
    : { numPassedTests: succeeded ? 1 : 0, numFailedTests: succeeded ? 0 : 1 };
  const failures = counts.numFailedTests ?? 0;
  passed += counts.numPassedTests ?? 0;
  failed += succeeded ? failures : Math.max(failures, 1);
  if (!succeeded) console.log(`failed: ${step}`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
