/**
 * Exactly once and in order: which entries of commands may be applied, decided from header and
 * registry alone, so that every node decides the same and a clone, a dead process's late entry, a
 * repetition or a batch under a fenced key is a no-op and halts nobody. Hot: once a batch, no
 * allocation. DESIGN "Exactly once and in order"; docs/formats/log-entry.md.
 * @module
 */
import { assert } from "../base/assert.ts";
import type { EntryHeader } from "../entry/logentry.ts";
import type { ControlState, Load } from "./state.ts";

export type Admission =
  | "apply"
  /** The session is unknown, or a newer one of its node has closed it. */
  | "stale-session"
  /** seq is not last + 1: repeated, or overtaken by a later one. */
  | "gap"
  | "fenced-key"
  /** Sealed under another key than the session's. */
  | "wrong-key"
  /** Proposed in clear before the log envelope was on, ordered after: seal it and try again. */
  | "clear-after-cutover"
  | "sealed-before-cutover";

/** Changes nothing. */
export function judge(state: ControlState, header: EntryHeader, index: number): Admission {
  const keyId = header.keyId;
  if (keyId !== 0) {
    const key = state.keys.get(keyId);
    if (key !== undefined && (key.state === "fenced" || key.state === "retired"))
      return "fenced-key";
  }
  const load = state.sessions.get(header.session);
  if (load === undefined || !load.open) return "stale-session";
  if (keyId === 0) {
    if (state.logSealedAt(index)) return "clear-after-cutover";
  } else {
    if (load.dek !== keyId) return "wrong-key";
    if (!state.logSealedAt(index)) return "sealed-before-cutover";
  }
  return header.seq === load.lastSeq + 1 ? "apply" : "gap";
}

/** Counts an entry that `judge` let through: with its other changes, never before them. */
export function advance(state: ControlState, header: EntryHeader): void {
  const load = state.sessions.get(header.session);
  assert(load?.open === true && header.seq === load.lastSeq + 1, "advance without judge");
  step(state, load, header.seq);
}

/**
 * Counts an entry that an operator lets this node pass, if it was the next of its session: nodes
 * that could apply it have counted it too.
 */
export function advancePassed(state: ControlState, header: EntryHeader): void {
  const load = state.sessions.get(header.session);
  if (load?.open === true && header.seq === load.lastSeq + 1) step(state, load, header.seq);
}

function step(state: ControlState, load: Load, seq: number): void {
  load.lastSeq = seq;
  if (!load.dirty) state.touchLoad(load);
}
