/**
 * Changes of the keyring after the bootstrap: rotation in two steps, rewrap, fence, retire, the two
 * cutovers, feature levels. Idempotency compares content, never ids alone; each change is judged
 * whole before any part of it is made. docs/formats/log-entry.md.
 * @module
 */
import { type KeyChange, wrapsDigest } from "../entry/keychange.ts";
import type { Stamp } from "../entry/stamp.ts";
import { sameWraps } from "../entry/wraps.ts";
import { judgeAll, newKey } from "./bootstrap.ts";
import { accepted, type Draft, halt, noop, type Outcome, refused } from "./outcome.ts";
import { closeSessionsOf, dropSlices, enterRegistration, judgeRegistration } from "./registry.ts";
import type { ControlState, KeyRow } from "./state.ts";

/** Most keys ever, retired ones included: the ids of retired keys are never used again. */
const keysMax = 4096;

type Change<Kind extends KeyChange["kind"]> = KeyChange & { kind: Kind };

function changed(state: ControlState, key: KeyRow, index: number, draft: Draft): Outcome {
  state.touchedKeys.add(key.id);
  state.touchedMeta = true;
  state.keyringIndex = index;
  draft.sidecar = true;
  return accepted;
}

export function applyAdd(
  state: ControlState,
  index: number,
  change: Change<"add">,
  draft: Draft,
  { timeMs }: Stamp,
): Outcome {
  const known = state.keys.get(change.keyId);
  if (known !== undefined) {
    const same = known.purpose === change.purpose && sameWraps(known.wraps, change.wraps);
    return same
      ? noop("replayed", known.created)
      : refused("CONTROL_KEY_ID_TAKEN", `key ${change.keyId}`);
  }
  if (change.purpose === "index")
    return refused("CONTROL_KEY_PURPOSE", "the index key names every record and is not rotated");
  if (state.active(change.purpose)?.id !== change.previous)
    return refused("CONTROL_ACTIVE_CHANGED", `key ${change.previous} is not the active one`);
  if (state.keys.size >= keysMax) return refused("CONTROL_KEYRING_FULL", `${keysMax} keys`);
  const key = newKey(change, index, false, timeMs);
  state.keys.set(key.id, key);
  draft.unwrap.push(key.id);
  return changed(state, key, index, draft);
}

export function applyActivate(
  state: ControlState,
  index: number,
  change: Change<"activate">,
  draft: Draft,
  { timeMs }: Stamp,
): Outcome {
  const key = state.keys.get(change.keyId);
  if (key === undefined) return refused("CONTROL_KEY_UNKNOWN", `key ${change.keyId}`);
  if (key.purpose !== change.purpose)
    return refused("CONTROL_KEY_PURPOSE", `key ${key.id} is a ${key.purpose} key`);
  if (key.state === "fenced" || key.state === "retired")
    return refused("CONTROL_KEY_FENCED", `key ${key.id}`);
  const active = state.active(change.purpose);
  if (active === key) {
    const replayed = change.registrations.every(
      (one) => one.dek === key.id && judgeRegistration(state, one, key).verdict === "replay",
    );
    return replayed
      ? noop("already-active", key.activated)
      : refused("CONTROL_ACTIVE_CHANGED", `key ${key.id} is active already`);
  }
  if (active === null || active.id !== change.previous)
    return refused("CONTROL_ACTIVE_CHANGED", `key ${change.previous} is not the active one`);
  if (key.activated > 0)
    return refused("CONTROL_KEY_NOT_ACTIVE", `key ${key.id} was active before`);
  const keyOf = (dek: number): KeyRow | null => (dek === key.id ? key : null);
  const refusal = judgeAll(state, change.registrations, keyOf, draft);
  if (refusal !== null) return refusal;
  for (const registration of change.registrations)
    if (judgeRegistration(state, registration, key).verdict !== "replay")
      enterRegistration(state, registration, key.purpose, draft);
  active.state = "decrypt-only";
  state.touchedKeys.add(active.id);
  key.state = "active";
  key.activated = index;
  key.activatedMs = timeMs;
  return changed(state, key, index, draft);
}

export function applyRewrap(
  state: ControlState,
  index: number,
  change: Change<"rewrap">,
  draft: Draft,
): Outcome {
  const key = state.keys.get(change.keyId);
  if (key === undefined) return refused("CONTROL_KEY_UNKNOWN", `key ${change.keyId}`);
  if (key.state === "retired") return refused("CONTROL_KEY_FENCED", `key ${key.id} is retired`);
  if (sameWraps(key.wraps, change.wraps)) return noop("replayed");
  if (!wrapsDigest(key.wraps, state.deps.sha256).equals(change.replaces))
    return refused("CONTROL_WRAPS_CHANGED", `key ${key.id}`);
  key.wraps = change.wraps;
  return changed(state, key, index, draft);
}

export function applyFence(
  state: ControlState,
  index: number,
  change: Change<"fence">,
  draft: Draft,
): Outcome {
  const key = state.keys.get(change.keyId);
  if (key === undefined) return refused("CONTROL_KEY_UNKNOWN", `key ${change.keyId}`);
  if (key.state === "fenced" || key.state === "retired") return noop("replayed");
  if (key.state === "active") return refused("CONTROL_KEY_ACTIVE", `key ${key.id}`);
  key.state = "fenced";
  closeSessionsOf(state, key.id, draft);
  return changed(state, key, index, draft);
}

/** The proof that nothing is left under the key is the proposer's; the fence keeps it true. */
export function applyRetire(
  state: ControlState,
  index: number,
  change: Change<"retire">,
  draft: Draft,
): Outcome {
  const key = state.keys.get(change.keyId);
  if (key === undefined) return refused("CONTROL_KEY_UNKNOWN", `key ${change.keyId}`);
  if (key.state === "retired") return noop("replayed");
  if (key.state !== "fenced") return refused("CONTROL_KEY_NOT_FENCED", `key ${key.id}`);
  key.state = "retired";
  key.wraps = [];
  dropSlices(state, key.id, draft);
  draft.forget.push(key.id);
  return changed(state, key, index, draft);
}

export function applyCutover(
  state: ControlState,
  index: number,
  kind: "enable-storage" | "enable-log",
  draft: Draft,
): Outcome {
  if (index === 0) return refused("CONTROL_CUTOVER_INVALID", "index 0 means not yet");
  const storage = kind === "enable-storage";
  const before = storage ? state.storageCutover : state.logCutover;
  if (before > 0) return noop("already-active", before);
  // What is sealed in the log is sealed in the store too, never the other way round.
  if (!storage && state.storageCutover === 0)
    return refused("CONTROL_CUTOVER_ORDER", "the storage envelope is not on");
  draft.cutover = storage ? "storage" : "log";
  if (storage) state.storageCutover = index;
  else {
    state.logCutover = index;
    // Sessions in clear end here: every entry from now on is sealed.
    dropSlices(state, 0, draft);
  }
  state.touchedCutovers = true;
  state.touchedMeta = true;
  state.keyringIndex = index;
  draft.sidecar = true;
  return accepted;
}

export function applyFeatureLevel(state: ControlState, level: number): Outcome {
  const max = state.deps.featureLevelMax ?? 1;
  if (level > max)
    return halt("CONTROL_FEATURE_UNKNOWN", `level ${level}, this build knows ${max}`);
  if (level === state.featureLevel) return noop("replayed");
  if (level < state.featureLevel)
    return refused("CONTROL_FEATURE_BACKWARDS", `level ${level} after ${state.featureLevel}`);
  state.featureLevel = level;
  state.touchedMeta = true;
  return accepted;
}
