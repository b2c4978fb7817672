/**
 * Refuses a store that cannot do what a node relies on, before the node does anything with it.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import type { Store } from "./store.ts";

/** @throws STORE_CONTROL_UNSUPPORTED unless control records are durable with the applied index. */
export function requireDurableControl<T extends Store>(store: T): T {
  if (!store.capabilities.durableControl) throw new StrongroomError("STORE_CONTROL_UNSUPPORTED");
  return store;
}
