// Goal: what the program prints, what the documents say and what programs branch on are one table.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { renderErrors } from "../../scripts/errors-doc.ts";
import { errorTable } from "../../src/base/errors.ts";
import { root } from "./sources.ts";

const rows = Object.entries(errorTable);

test("errors: docs/errors.md equals the table (else: npm run errors:doc)", () => {
  expect(readFileSync(join(root, "docs/errors.md"), "utf8")).toBe(renderErrors(errorTable));
});

test("errors: a code is words in capitals, joined by underscores", () => {
  const odd = rows
    .map(([code]) => code)
    .filter((code) => !/^[A-Z][A-Z0-9]+(_[A-Z0-9]+)+$/.test(code));
  expect(odd).toEqual([]);
});

test("errors: every row says in one clause what is wrong, what was kept and what to do", () => {
  const odd = rows.filter(([, row]) =>
    [row.what, row.kept, row.todo].some((text) => text.length < 8 || /[.\n]$/.test(text)),
  );
  expect(odd.map(([code]) => code)).toEqual([]);
});
