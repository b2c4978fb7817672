/**
 * The writer registry: which node, in which load, may write under which DEK. Hazard: two processes
 * under one (DEK, node16, epoch) would count the same nonces; `last_seen >= epoch` proves nothing,
 * only the exact node, epoch and salt do. A refusal stops the node that asked and nobody else.
 * docs/formats/control-records.md.
 * @module
 */
import { assert } from "../base/assert.ts";
import type { FullNodeId, SessionId } from "../base/brand.ts";
import type { ErrorCode } from "../base/errors.ts";
import type { EntryHeader } from "../entry/logentry.ts";
import { node16Of, type Registration, sessionIdOf } from "../entry/registration.ts";
import type { Purpose } from "../entry/wraps.ts";
import { type ControlState, type KeyRow, type Load, placeOf } from "./state.ts";

export type Verdict =
  | { readonly verdict: "insert" | "advance" | "replay" }
  | { readonly verdict: "refuse"; readonly code: ErrorCode; readonly detail: string };

const insert: Verdict = { verdict: "insert" };
const advance: Verdict = { verdict: "advance" };
const replay: Verdict = { verdict: "replay" };

function refuse(code: ErrorCode, detail: string): Verdict {
  return { verdict: "refuse", code, detail };
}

/** True if loads under this DEK are sessions: log DEKs, and 0 for a log in clear. */
export function opensSession(dek: number, purpose: Purpose | null): boolean {
  return dek === 0 || purpose === "log";
}

/**
 * Judges one registration and changes nothing.
 * @param key - The keyring's row of `registration.dek`, or what the entry is about to add.
 */
export function judgeRegistration(
  state: ControlState,
  registration: Registration,
  key: KeyRow | null,
): Verdict {
  const { dek, epoch, fullNodeId, salt } = registration;
  const place = placeOf(dek, node16Of(fullNodeId));
  const named = `key ${dek}, epoch ${epoch}`;
  const row = state.writers.get(place);
  if (row !== undefined) {
    if (row.fullNodeId !== fullNodeId) return refuse("NODE_ID_COLLISION", named);
    if (epoch < row.lastSeen)
      return refuse("WRITER_ROLLED_BACK", `${named}, registered up to ${row.lastSeen}`);
    if (epoch === row.lastSeen) {
      const load = state.loads.get(place);
      return load?.salt.equals(salt) ? replay : refuse("WRITER_CLONED", named);
    }
  }
  const refusal = judgeKey(state, dek, key);
  if (refusal !== null) return refusal;
  if (opensSession(dek, key?.purpose ?? null)) {
    const session = sessionIdOf(salt, state.deps.sha256);
    if (session === 0n || state.sessions.has(session)) return refuse("WRITER_SESSION_TAKEN", named);
  }
  return row === undefined ? insert : advance;
}

function judgeKey(state: ControlState, dek: number, key: KeyRow | null): Verdict | null {
  if (dek === 0) {
    const clear = state.clearIndexKeyId !== 0 && !state.bootstrapped;
    return clear ? null : refuse("CONTROL_KEY_UNKNOWN", "key 0: the log is not in clear");
  }
  if (key === null) return refuse("CONTROL_KEY_UNKNOWN", `key ${dek}`);
  if (key.purpose === "index") return refuse("CONTROL_KEY_PURPOSE", `key ${dek} is an index key`);
  if (key.state === "fenced" || key.state === "retired")
    return refuse("CONTROL_KEY_FENCED", `key ${dek}`);
  if (key.state === "decrypt-only" && key.activated > 0)
    return refuse("CONTROL_KEY_NOT_ACTIVE", `key ${dek}`);
  return null;
}

/** Whose session an entry stands in: the full node id, 0n if the session is not known. */
export function proposerOf(state: ControlState, header: EntryHeader): FullNodeId {
  const load = state.sessions.get(header.session);
  const row = load === undefined ? null : state.writer(load.dek, load.node16);
  return row?.fullNodeId ?? (0n as FullNodeId);
}

export interface SessionChanges {
  readonly opened: SessionId[];
  readonly closed: SessionId[];
}

/** Enters what was judged "insert" or "advance". A new session closes the node's older one. */
export function enterRegistration(
  state: ControlState,
  registration: Registration,
  purpose: Purpose | null,
  changes: SessionChanges,
): void {
  const { dek, epoch, fullNodeId, salt } = registration;
  const node16 = node16Of(fullNodeId);
  const place = placeOf(dek, node16);
  const row = state.writers.get(place);
  assert(row === undefined || (row.fullNodeId === fullNodeId && row.lastSeen < epoch));
  const firstSeen = row?.firstSeen ?? epoch;
  state.writers.set(place, { dek, node16, fullNodeId, firstSeen, lastSeen: epoch });
  state.touchedWriters.add(place);
  const session = sessionIdOf(salt, state.deps.sha256);
  const opens = opensSession(dek, purpose);
  const older = state.loads.get(place);
  if (opens) {
    const before = state.current.get(fullNodeId);
    if (before !== undefined) closeSession(state, before, fullNodeId, changes);
    if (older !== undefined) state.sessions.delete(older.session);
  }
  const kept = Buffer.from(salt);
  const load: Load = {
    dek,
    node16,
    epoch,
    salt: kept,
    session,
    lastSeq: 0,
    open: opens,
    dirty: false,
  };
  state.loads.set(place, load);
  state.touchLoad(load);
  if (!opens) return;
  state.sessions.set(session, load);
  state.current.set(fullNodeId, load);
  changes.opened.push(session);
}

function closeSession(
  state: ControlState,
  load: Load,
  fullNodeId: bigint,
  changes: SessionChanges,
): void {
  assert(load.open);
  load.open = false;
  state.touchLoad(load);
  state.current.delete(fullNodeId);
  changes.closed.push(load.session);
}

/** Closes every open session under a DEK: at a fence. */
export function closeSessionsOf(state: ControlState, dek: number, changes: SessionChanges): void {
  for (const [fullNodeId, load] of [...state.current])
    if (load.dek === dek) closeSession(state, load, fullNodeId, changes);
}

/** Drops a DEK's rows from registry and loads, its sessions with them: when it is retired. */
export function dropSlices(state: ControlState, dek: number, changes: SessionChanges): void {
  closeSessionsOf(state, dek, changes);
  for (const [place, row] of state.writers) {
    if (row.dek !== dek) continue;
    state.writers.delete(place);
    state.touchedWriters.add(place);
  }
  for (const [place, load] of state.loads) {
    if (load.dek !== dek) continue;
    state.loads.delete(place);
    state.sessions.delete(load.session);
    state.touchedLoads.add(place);
  }
}
