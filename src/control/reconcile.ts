/**
 * Sidecar and store compared at start. The sidecar is written before the store says that an entry
 * was applied, so it may be ahead of the store by entries that the log still holds; it is never
 * honestly behind. Behind (an old copy of the file): rebuilt from the store, whose commits are
 * MAC'd. Ahead of the whole log, of another cluster, or of another history: refused.
 * docs/formats/sidecar.md.
 * @module
 */
import type { ClusterId } from "../base/brand.ts";
import { isStrongroomError, StrongroomError } from "../base/errors.ts";
import type { SidecarDocument } from "./document.ts";
import { needOlder, tellsTheSame } from "./sidecar-compare.ts";
import type { ControlState } from "./state.ts";

export type Reconciliation =
  | { readonly kind: "consistent" }
  /** The file is an older one: write it afresh from the state (SidecarKeeper.follow). */
  | { readonly kind: "rewrite" }
  /** The file is ahead: the log must lead the state to this index (confirmReplayed). */
  | { readonly kind: "await-log"; readonly index: number };

/**
 * Compares the verified sidecar with the state from the store's records, before any replay.
 * @throws SIDECAR_FOREIGN, SIDECAR_CONFLICT, ENCRYPTION_ON_OVER_CLEAR, ENCRYPTION_OFF_OVER_SEALED.
 */
export function reconcile(
  document: SidecarDocument,
  state: ControlState,
  encryption: "on" | "off",
): Reconciliation {
  if (state.cluster !== null && !state.cluster.equals(document.cluster))
    throw new StrongroomError("SIDECAR_FOREIGN");
  // A file that is ahead may stand behind the bootstrap: then the replay has the last word.
  const ahead = document.appliedIndex > state.keyringIndex;
  const behind = ahead && document.clear === null && encryption === "on";
  if (!behind) judgeStore(state, encryption);
  if (ahead) return { kind: "await-log", index: document.appliedIndex };
  if (state.keyringIndex === 0) return { kind: "consistent" };
  if (document.appliedIndex === state.keyringIndex) {
    if (!tellsTheSame(document, state)) throw new StrongroomError("SIDECAR_CONFLICT");
    return { kind: "consistent" };
  }
  needOlder(document, state);
  return { kind: "rewrite" };
}

/** The store's own word on encryption, however the sidecar was edited or exchanged. */
function judgeStore(state: ControlState, encryption: "on" | "off"): void {
  if (encryption === "on" && state.clearIndexKeyId !== 0)
    throw new StrongroomError("ENCRYPTION_ON_OVER_CLEAR");
  const sealed = state.bornEncrypted || state.storageCutover + state.logCutover > 0;
  if (encryption === "off" && sealed) throw new StrongroomError("ENCRYPTION_OFF_OVER_SEALED");
}

/**
 * After the log has been replayed to its end: has it led where the sidecar says this node was?
 * @throws SIDECAR_NEWER, SIDECAR_CONFLICT, and those of `judgeStore`.
 */
export function confirmReplayed(
  document: SidecarDocument,
  state: ControlState,
  encryption: "on" | "off",
): void {
  judgeStore(state, encryption);
  if (document.appliedIndex === 0) return;
  if (document.appliedIndex > state.keyringIndex)
    throw new StrongroomError(
      "SIDECAR_NEWER",
      `it stands at entry ${document.appliedIndex}, the log led to ${state.keyringIndex}`,
    );
  if (document.appliedIndex === state.keyringIndex && !tellsTheSame(document, state))
    throw new StrongroomError("SIDECAR_CONFLICT");
}

/**
 * The sidecar is missing but data is there: where its content can come from. `store`: unwrap what
 * the control records name, open the store with its MACs, then write the file. `log`: replay from
 * entry 1. The node draws a new id unless one is configured; the registry keeps its epochs.
 * @throws SIDECAR_MISSING if neither holds the keys; and those of `judgeStore`.
 */
export function judgeRebuild(
  state: ControlState,
  log: { readonly first: number; readonly last: number },
  encryption: "on" | "off",
): "store" | "log" {
  judgeStore(state, encryption);
  if (state.bootstrapped) return "store";
  if (log.first === 1 && log.last >= 1 && state.keyringIndex === 0) return "log";
  throw new StrongroomError("SIDECAR_MISSING");
}

/** Refuses files of another cluster than the sidecar's. @throws SIDECAR_FOREIGN. */
export function judgeCluster(document: SidecarDocument, ofFiles: ClusterId | Buffer | null): void {
  if (ofFiles !== null && !document.cluster.equals(ofFiles))
    throw new StrongroomError("SIDECAR_FOREIGN");
}

/**
 * What a failure to open the store means once the sidecar's keys are held: a key that the store
 * names and the sidecar does not know is SIDECAR_OLDER; anything else is as it is.
 */
export function explainStoreFailure(error: unknown): unknown {
  if (!isStrongroomError(error, "CRYPTO_KEY_UNKNOWN")) return error;
  const detail = (error as StrongroomError).message;
  return new StrongroomError("SIDECAR_OLDER", detail, { cause: error });
}
