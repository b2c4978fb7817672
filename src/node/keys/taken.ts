/**
 * Wraps that a KEK made and that were taken away since: the keyring does not hold them any more,
 * but older control records and log entries do until they are cleared. Hazard: who has the data
 * and the KEK that was given up, because it leaked perhaps, would open every key with such a copy.
 * docs/operations/keks.md.
 * @module
 */
import { tookWrapAway } from "../../control/events.ts";
import type { ControlEvent } from "../../control/history.ts";
import { controlTables, keyringKey } from "../../control/records.ts";
import { clearWraps } from "../clearing.ts";
import type { Runtime } from "../runtime.ts";
import { clearing } from "./retirement.ts";

/**
 * Takes them out of every file. What a stop leaves is done by the next start, or by the same
 * request again.
 * @throws as `clearWraps`.
 */
export async function clearTakenWraps(runtime: Runtime): Promise<void> {
  const taken = keysWithTakenWraps(runtime);
  if (taken.size === 0) return;
  await runtime.flusher.flush();
  const { store, log } = runtime.deps;
  const holding = [...taken].filter(([id, event]) => {
    const name = { table: controlTables.keyring, key: keyringKey(id) };
    return event.index >= log.first || store.compactor.olderControls([name]).length > 0;
  });
  if (holding.length > 0)
    await clearWraps(
      clearing(runtime),
      holding.map(([id]) => id),
    );
}

/** Keys whose latest events are rewraps, one of which took a wrap away. */
function keysWithTakenWraps({ deps: { state } }: Runtime): ReadonlyMap<number, ControlEvent> {
  const taken = new Map<number, ControlEvent>();
  for (const event of state.history.events.values()) {
    if (event.kind !== "rewrap") taken.delete(event.keyId);
    else if (tookWrapAway(event.detail)) taken.set(event.keyId, event);
  }
  return taken;
}
