/**
 * Adds up what `scripts/test.sh` ran, names each test that failed with the first lines of its
 * message, and prints the last line, `N passed, N failed`. The folder holds `<step>.status`, an
 * exit status, and for a step of tests `<step>.json`, vitest's report. The hazard is a silent
 * pass: a step that failed without a failed test still counts as one.
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

const messageLines = 6;
const folder = process.argv[2] ?? ".";
let passed = 0;
let failed = 0;
for (const file of readdirSync(folder)
  .filter((name) => name.endsWith(".status"))
  .sort()) {
  const step = file.slice(0, -".status".length);
  const succeeded = readFileSync(join(folder, file), "utf8").trim() === "0";
  const path = join(folder, `${step}.json`);
  const report = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Report) : undefined;
  const failures = report?.numFailedTests ?? (succeeded ? 0 : 1);
  passed += report?.numPassedTests ?? (succeeded ? 1 : 0);
  failed += succeeded ? failures : Math.max(failures, 1);
  if (succeeded) continue;
  console.log(`failed: ${step}`);
  if (report !== undefined) explain(report);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

function explain(report: Report): void {
  for (const { name, message, assertionResults } of report.testResults) {
    const file = relative(process.cwd(), name);
    const broken = assertionResults.filter(({ status }) => status === "failed");
    if (broken.length === 0 && message !== "") tell(file, message);
    for (const test of broken) tell(`${file} > ${test.fullName}`, test.failureMessages.join("\n"));
  }
}

function tell(what: string, message: string): void {
  console.log(`  ${what}`);
  for (const line of message.split("\n").slice(0, messageLines)) console.log(`    ${line}`);
}
