/**
 * The applier of control entries. Sans-IO: it judges an entry against the state, changes the state,
 * and returns what must be durable before the entry counts as applied. An entry that halts changes
 * nothing. Order of judgement: authentic, readable, in its session's order, allowed; so whoever
 * merely writes to the log can neither stop a node nor move a session. DESIGN "Halting".
 * @module
 */
import { assert } from "../base/assert.ts";
import type { KeyId } from "../base/brand.ts";
import { StrongroomError } from "../base/errors.ts";
import {
  type ControlOpcode,
  controlMacInput,
  controlOpcodes,
  decodeRegistration,
  splitTrailer,
  stampOf,
  type Trailer,
} from "../entry/control.ts";
import { decodeKeyChange, type KeyChange } from "../entry/keychange.ts";
import type { EntryHeader } from "../entry/logentry.ts";
import { type Registration, sessionIdOf } from "../entry/registration.ts";
import { isAsked, noStamp, type Stamp } from "../entry/stamp.ts";
import { applyBootstrap, applyClearIndexKey } from "./bootstrap.ts";
import { keepEvent, toldOf } from "./events.ts";
import type { ControlEvent } from "./history.ts";
import {
  applyActivate,
  applyAdd,
  applyCutover,
  applyFeatureLevel,
  applyFence,
  applyRetire,
  applyRewrap,
} from "./keyring.ts";
import {
  accepted,
  type ControlResult,
  Draft,
  halt,
  noop,
  type Outcome,
  refused,
} from "./outcome.ts";
import { enterRegistration, judgeRegistration, opensSession, proposerOf } from "./registry.ts";
import type { ControlState } from "./state.ts";

/**
 * Verifies an HMAC under the control MAC key of a log DEK. `unavailable`: the keystore does not
 * hold that DEK (yet), so nothing can be said.
 */
export type VerifyMac = (
  keyId: KeyId,
  input: Buffer,
  tag: Buffer,
) => "valid" | "invalid" | "unavailable";

export interface ControlEntry {
  readonly index: number;
  readonly header: EntryHeader;
  readonly opcode: ControlOpcode;
  /** What follows the opcode, trailer included. */
  readonly body: Buffer;
}

/** Judges and applies one entry 0x03, 0x04 or 0x05, in log order. */
export function applyControl(
  state: ControlState,
  entry: ControlEntry,
  verifyMac: VerifyMac,
): ControlResult {
  assert(entry.index > 0, "log indexes count from 1");
  const draft = new Draft();
  return { outcome: judgeEntry(state, entry, verifyMac, draft), effects: draft };
}

function judgeEntry(
  state: ControlState,
  entry: ControlEntry,
  verifyMac: VerifyMac,
  draft: Draft,
): Outcome {
  const { header, opcode, body, index } = entry;
  // Control entries are in clear. A sealed one opened under a current session: no honest node.
  if (header.keyId !== 0) return halt("CONTROL_ENTRY_UNDECODABLE", "a sealed control entry");
  if (opcode === controlOpcodes.bootstrap) return applyBootstrap(state, index, header, body, draft);
  if (!state.bootstrapped) return applyUnkeyed(state, entry, draft);
  const trailer = splitTrailer(body);
  if (trailer === null) return noop("unauthenticated");
  const authentic = authenticate(state, entry, trailer, verifyMac);
  if (authentic !== null) return authentic;
  return withDecoded(opcode, trailer.body, (registration, change, stamp) =>
    registration !== null
      ? applyRegistration(state, index, header, registration, draft, stamp)
      : applyChange(state, index, header, change, draft, stamp),
  );
}

/** Decodes, and hands on exactly one of the two; undecodable halts. */
function withDecoded(
  opcode: ControlOpcode,
  body: Buffer,
  then: (registration: Registration | null, change: KeyChange, stamp: Stamp) => Outcome,
): Outcome {
  let registration: Registration | null = null;
  let change: KeyChange = { kind: "enable-log" };
  let stamp = noStamp;
  try {
    if (opcode === controlOpcodes.registration) registration = decodeRegistration(body);
    else change = decodeKeyChange(body);
    stamp = stampOf(body);
  } catch (error) {
    if (!(error instanceof StrongroomError)) throw error;
    return halt("CONTROL_ENTRY_UNDECODABLE", error.message);
  }
  return then(registration, change, stamp);
}

/** Null if the trailer is valid; any key that opens entries may sign, a fenced one may not. */
function authenticate(
  state: ControlState,
  entry: ControlEntry,
  trailer: Trailer,
  verifyMac: VerifyMac,
): Outcome | null {
  const key = state.keys.get(trailer.keyId);
  if (key === undefined || key.purpose !== "log") return noop("unauthenticated");
  if (key.state === "fenced" || key.state === "retired") return noop("unauthenticated");
  assert(state.cluster !== null);
  const { session, seq } = entry.header;
  const place = { cluster: state.cluster, group: state.deps.group, session, seq };
  const input = controlMacInput(place, entry.opcode, trailer.keyId, trailer.body);
  const verdict = verifyMac(trailer.keyId, input, trailer.tag);
  if (verdict === "valid") return null;
  if (verdict === "invalid") return noop("unauthenticated");
  return halt("CONTROL_KEY_UNAVAILABLE", `log key ${trailer.keyId}`);
}

/** Before the bootstrap, with encryption off: entry 1 and registrations of sessions in clear. */
function applyUnkeyed(state: ControlState, entry: ControlEntry, draft: Draft): Outcome {
  const { index, header } = entry;
  return withDecoded(entry.opcode, entry.body, (registration, change, stamp) => {
    if (registration !== null)
      return registration.dek === 0
        ? applyRegistration(state, index, header, registration, draft, stamp)
        : refused("CONTROL_NOT_BOOTSTRAPPED", `registration under key ${registration.dek}`);
    if (change.kind === "clear-index-key")
      return applyClearIndexKey(state, index, header, change, draft, stamp);
    return noop("unauthenticated");
  });
}

/** Takes an authentic entry's place in its session, or says why it has none. */
function takeTurn(state: ControlState, header: EntryHeader): Outcome | null {
  const load = state.sessions.get(header.session);
  if (load === undefined || !load.open) return noop("stale-session");
  if (header.seq !== load.lastSeq + 1) return noop("gap");
  load.lastSeq = header.seq;
  state.touchLoad(load);
  return null;
}

/** A registration under a log DEK opens its own session, as number 0; others stand in a session. */
function applyRegistration(
  state: ControlState,
  index: number,
  header: EntryHeader,
  registration: Registration,
  draft: Draft,
  stamp: Stamp,
): Outcome {
  const key = state.keys.get(registration.dek) ?? null;
  if (opensSession(registration.dek, key?.purpose ?? null)) {
    const own = sessionIdOf(registration.salt, state.deps.sha256);
    if (header.session !== own || header.seq !== 0) return noop("out-of-session");
  } else {
    const turn = takeTurn(state, header);
    if (turn !== null) return turn;
  }
  const earlier = doneBefore(state, stamp);
  if (earlier !== null) return noop("repeated", earlier.index);
  const verdict = judgeRegistration(state, registration, key);
  if (verdict.verdict === "replay") return noop("replayed");
  if (verdict.verdict === "refuse") {
    draft.refusedLoads.push({ registration, code: verdict.code, detail: verdict.detail });
    return refused(verdict.code, verdict.detail);
  }
  enterRegistration(state, registration, key?.purpose ?? null, draft);
  // The loads of ordinary starts stand in the registry; here stand those that were asked for.
  if (isAsked(stamp)) {
    const { dek, epoch, fullNodeId: proposer } = registration;
    const told = { kind: "register", keyId: dek, purpose: key?.purpose ?? null } as const;
    keepEvent(state, { index, stamp, proposer }, { ...told, detail: `epoch ${epoch}` });
  }
  return accepted;
}

/** The event of the same request, if it is known. */
function doneBefore(state: ControlState, stamp: Stamp): ControlEvent | null {
  return isAsked(stamp) ? state.history.find(stamp.request) : null;
}

function applyChange(
  state: ControlState,
  index: number,
  header: EntryHeader,
  change: KeyChange,
  draft: Draft,
  stamp: Stamp,
): Outcome {
  if (change.kind === "clear-index-key") return noop("unauthenticated");
  // The one change that can halt is judged first: what halts takes no turn.
  if (change.kind === "feature-level" && change.level > (state.deps.featureLevelMax ?? 1))
    return applyFeatureLevel(state, change.level);
  const turn = takeTurn(state, header);
  if (turn !== null) return turn;
  const earlier = doneBefore(state, stamp);
  if (earlier !== null) return noop("repeated", earlier.index);
  // As they are before: the change may take the proposer's session and the key's wraps away.
  const proposer = proposerOf(state, header);
  const key = "keyId" in change ? (state.keys.get(change.keyId) ?? null) : null;
  const wraps = key?.wraps ?? [];
  const outcome = performChange(state, index, change, draft, stamp);
  if (outcome.kind === "accepted")
    keepEvent(state, { index, stamp, proposer }, toldOf(change, key, wraps));
  return outcome;
}

function performChange(
  state: ControlState,
  index: number,
  change: Exclude<KeyChange, { kind: "clear-index-key" }>,
  draft: Draft,
  stamp: Stamp,
): Outcome {
  switch (change.kind) {
    case "add":
      return applyAdd(state, index, change, draft, stamp);
    case "activate":
      return applyActivate(state, index, change, draft, stamp);
    case "rewrap":
      return applyRewrap(state, index, change, draft);
    case "fence":
      return applyFence(state, index, change, draft);
    case "retire":
      return applyRetire(state, index, change, draft);
    case "enable-storage":
    case "enable-log":
      return applyCutover(state, index, change.kind, draft);
    case "feature-level":
      return applyFeatureLevel(state, change.level);
    case "skip":
      // The node that halted there has read it ahead (readSkip); in its turn it changes nothing.
      return accepted;
  }
}

/**
 * A skip entry found ahead of a halted node: which entry may be passed, for what reason. Only the
 * HMAC can be checked ahead of its turn. Null if it is no authentic skip.
 */
export function readSkip(
  state: ControlState,
  entry: ControlEntry,
  verifyMac: VerifyMac,
): (KeyChange & { kind: "skip" }) | null {
  if (entry.opcode !== controlOpcodes.keyChange || entry.header.keyId !== 0) return null;
  if (!state.bootstrapped) return null;
  const trailer = splitTrailer(entry.body);
  if (trailer === null || authenticate(state, entry, trailer, verifyMac) !== null) return null;
  try {
    const change = decodeKeyChange(trailer.body);
    return change.kind === "skip" ? change : null;
  } catch {
    return null;
  }
}
