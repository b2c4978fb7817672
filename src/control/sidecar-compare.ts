/**
 * Compares a sidecar with a state: the same history, an older part of it, or another one.
 * docs/formats/sidecar.md.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import type { SidecarDocument } from "./document.ts";
import { documentOf, sidecarText } from "./sidecar.ts";
import type { ControlState } from "./state.ts";

/** True if both say the same, byte for byte. */
export function sameDocument(one: SidecarDocument, other: SidecarDocument): boolean {
  return sidecarText(one, null) === sidecarText(other, null);
}

/** True if a document is what the state would write, this node's epochs aside. */
export function tellsTheSame(document: SidecarDocument, state: ControlState): boolean {
  const epochs = (id: number): number =>
    (id === 0 ? document.clear?.localEpoch : document.keys.get(id)?.localEpoch) ?? 0;
  const raw = document.clear?.raw ?? null;
  if (state.clearIndexKeyId !== 0 && raw === null) return false;
  const expected = documentOf(state, document.nodeId, epochs, raw);
  return expected !== null && sameDocument(document, expected);
}

/**
 * An older document of the same history names only keys that the state knows, for the same purpose,
 * and cutovers that the state has. One whose bootstrap is pending claims nothing yet.
 * @throws SIDECAR_CONFLICT.
 */
export function needOlder(document: SidecarDocument, state: ControlState): void {
  if (document.appliedIndex === 0) return;
  for (const [id, key] of document.keys)
    if (state.keys.get(id)?.purpose !== key.purpose)
      throw new StrongroomError("SIDECAR_CONFLICT", `key ${id}`);
  const { storageCutover, logCutover } = document;
  if (storageCutover !== 0 && storageCutover !== state.storageCutover)
    throw new StrongroomError("SIDECAR_CONFLICT", "storage cutover");
  if (logCutover !== 0 && logCutover !== state.logCutover)
    throw new StrongroomError("SIDECAR_CONFLICT", "log cutover");
}
