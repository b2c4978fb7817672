/**
 * Writes docs/errors.md from the error table: `npm run errors:doc`. The page is never edited by
 * hand, so what a user looks up is what the program says; a test keeps the two equal.
 * @module
 */
import { writeFileSync } from "node:fs";
import { errorTable } from "../src/base/errors.ts";

interface Row {
  readonly retryable: boolean;
  readonly what: string;
  readonly kept: string;
  readonly todo: string;
}

const introduction = `# Errors

Generated from \`src/base/errors.ts\` by \`npm run errors:doc\`. A refusal is printed as
\`[CODE] what is wrong; what was kept; what to do\`, and a program branches on the code alone: texts
may change, a code is never used again for something else. "Retry" says whether the same attempt can
succeed later without anybody doing something. No error holds a key, a key name or a value.
`;

/** First letter in upper case, a full stop at the end. */
function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** The whole page, codes in alphabetical order. */
export function renderErrors(table: Readonly<Record<string, Row>>): string {
  const sections = Object.keys(table)
    .sort()
    .map((code) => {
      const row = table[code] as Row;
      return [
        `## ${code}`,
        "",
        sentence(row.what),
        "",
        `- **Kept:** ${sentence(row.kept)}`,
        `- **To do:** ${sentence(row.todo)}`,
        `- **Retry:** ${row.retryable ? "may succeed later by itself." : "fails until mended."}`,
        "",
      ].join("\n");
    });
  return [introduction, ...sections].join("\n");
}

if (import.meta.main) {
  writeFileSync(new URL("../docs/errors.md", import.meta.url), renderErrors(errorTable));
}
