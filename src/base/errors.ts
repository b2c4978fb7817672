/**
 * The one table of error codes. A code is never reused; docs/errors.md is kept equal to it by a
 * test. What a user meets is printed as `[CODE] what; kept; todo`. Details never hold keys, key
 * names or values of users.
 * @module
 */
import { adminErrors } from "./errors/admin.ts";
import { controlErrors } from "./errors/control.ts";
import { fileErrors } from "./errors/files.ts";
import { keyErrors } from "./errors/keys.ts";
import { nodeErrors } from "./errors/node.ts";
import { platformErrors } from "./errors/platform.ts";
import { toolErrors } from "./errors/tools.ts";

export type { ErrorRow } from "./errors/row.ts";

/** Code → what it means, what was kept safe, what to do, and whether a retry can help. */
export const errorTable = {
  ...keyErrors,
  ...fileErrors,
  ...controlErrors,
  ...nodeErrors,
  ...platformErrors,
  ...toolErrors,
  ...adminErrors,
} as const;

export type ErrorCode = keyof typeof errorTable;

/** The one error that is thrown for what the world can break. Branch on `code`. */
export class StrongroomError extends Error {
  override readonly name = "StrongroomError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, detail = "", options?: ErrorOptions) {
    super(detail === "" ? `[${code}] ${errorTable[code].what}` : `[${code}] ${detail}`, options);
    this.code = code;
  }

  get retryable(): boolean {
    return errorTable[this.code].retryable;
  }

  /** For people: `[CODE] what is wrong (detail); what was kept; what to do`. */
  explain(): string {
    const row = errorTable[this.code];
    const detail = this.message.slice(this.code.length + 3);
    const what = detail === row.what ? row.what : `${row.what} (${detail})`;
    return `[${this.code}] ${what}; ${row.kept}; ${row.todo}`;
  }
}

/** True if `error` is ours and carries one of `codes` (any code if none is given). */
export function isStrongroomError(error: unknown, ...codes: ErrorCode[]): boolean {
  if (!(error instanceof StrongroomError)) return false;
  return codes.length === 0 || codes.includes(error.code);
}
