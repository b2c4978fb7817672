/** Credential files are read whole or not at all. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readSecretText } from "./secrets.ts";

test("credentials: a file above 64 KiB is refused, one of 64 KiB is read whole", () => {
  const directory = mkdtempSync(join(tmpdir(), "strongroom-secrets-"));
  try {
    const path = join(directory, "token");
    writeFileSync(path, "t".repeat(64 * 1024), { mode: 0o600 });
    expect(readSecretText(path)).toHaveLength(64 * 1024);
    writeFileSync(path, "t".repeat(64 * 1024 + 1), { mode: 0o600 });
    expect(() => readSecretText(path)).toThrow(
      expect.objectContaining({
        code: "KEK_CREDENTIALS",
        message: expect.stringMatching(/larger/),
      }),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});
