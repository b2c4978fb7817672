/**
 * Long answers: bounded in number, ended with their caller, and quiet while nothing changes.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import type { KeyOperations, RewriteInfo } from "../node/operations.ts";
import { wireError } from "./errors.ts";

/** Streams of a kind at once. Reading all data twice at a time would only be slower. */
const streamsMax = { verify: 1, watch: 16 } as const;
type StreamKind = keyof typeof streamsMax;

const watchMs = 250;

export class Streams {
  readonly #open: Record<StreamKind, number> = { verify: 0, watch: 0 };

  /** @throws ADMIN_BUSY and what `work` throws, as the wire has them. */
  async *run<T>(
    kind: StreamKind,
    signal: AbortSignal,
    work: () => AsyncIterable<T>,
  ): AsyncGenerator<T> {
    if (this.#open[kind] >= streamsMax[kind]) throw wireError(new StrongroomError("ADMIN_BUSY"));
    this.#open[kind]++;
    try {
      for await (const one of work()) {
        if (signal.aborted) return;
        yield one;
      }
    } catch (error) {
      throw wireError(error);
    } finally {
      this.#open[kind]--;
    }
  }
}

/** Resolves after `ms`, or as soon as the caller is gone. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}

/** The state of a rewrite now, then whenever it changed, until it ends. */
export async function* watchRewrite(
  keys: Pick<KeyOperations, "rewrite">,
  keyId: number,
  signal: AbortSignal,
): AsyncGenerator<RewriteInfo> {
  let told = "";
  while (!signal.aborted) {
    const rewrite = keys.rewrite(keyId);
    if (rewrite === null) {
      if (told === "") throw new StrongroomError("ADMIN_REQUEST_INVALID", "no rewrite of this key");
      return;
    }
    const text = JSON.stringify(rewrite);
    if (text !== told) yield rewrite;
    told = text;
    if (rewrite.state === "done" || rewrite.state === "cancelled") return;
    await pause(watchMs, signal);
  }
}
