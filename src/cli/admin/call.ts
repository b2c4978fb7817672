/**
 * One change by a command, at most once. It carries a request id that is drawn here, so that a
 * lost answer can be asked for again: the command does so itself a few times, then tells the id.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import type { Context } from "../context.ts";
import type { Options } from "./target.ts";

const attemptsMax = 3;
/** After these nobody knows whether the change happened; the same id may be asked again. */
const ambiguous = new Set(["ADMIN_OUTCOME_UNKNOWN", "ADMIN_STREAM_BROKEN"]);

function requestIdOf(context: Context, options: Options): string {
  const given = options.requestId;
  if (given === undefined) return context.random.bytes(16).toString("hex");
  if (typeof given !== "string" || !/^[0-9a-f]{32}$/.test(given))
    throw new StrongroomError("CONFIG_INVALID", "--request-id: must be 32 hex digits");
  return given;
}

/**
 * Makes one change, at most once.
 * @throws what the node answered; of an unknown outcome, with the request id in its detail.
 */
export async function change<T>(
  context: Context,
  options: Options,
  call: (requestId: string) => Promise<T>,
): Promise<T> {
  const requestId = requestIdOf(context, options);
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(requestId);
    } catch (error) {
      if (!(error instanceof StrongroomError) || !ambiguous.has(error.code)) throw error;
      if (attempt < attemptsMax) continue;
      const detail = `ask again with --request-id ${requestId}`;
      throw new StrongroomError("ADMIN_OUTCOME_UNKNOWN", detail, { cause: error });
    }
  }
}

/** @throws CONFIRMATION_MISSING unless `--yes` was given. */
export function confirmed(options: Options, what: string): void {
  if (options.yes !== true) throw new StrongroomError("CONFIRMATION_MISSING", what);
}
