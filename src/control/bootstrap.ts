/**
 * Entry 0x04, accepted once: the cluster's first storage, log and index DEK and the registration of
 * the node that proposes it. The same bytes again are a no-op, so that a crash between entry and
 * commit does not halt the node for ever. Also the first entry of a log in clear (0x05/0a).
 * docs/formats/log-entry.md.
 * @module
 */
import type { KeyId, LogIndex } from "../base/brand.ts";
import { type Bootstrap, decodeBootstrap, stampOf } from "../entry/control.ts";
import type { KeyChange } from "../entry/keychange.ts";
import type { EntryHeader } from "../entry/logentry.ts";
import { node16Of, type Registration, sessionIdOf } from "../entry/registration.ts";
import type { Stamp } from "../entry/stamp.ts";
import type { Purpose, Wrap } from "../entry/wraps.ts";
import { keepEvent, toldOf } from "./events.ts";
import { accepted, type Draft, halt, noop, type Outcome, refused } from "./outcome.ts";
import { enterRegistration, judgeRegistration, proposerOf } from "./registry.ts";
import { type ControlState, type KeyRow, placeOf } from "./state.ts";

/** A key as the entry at `index` adds it. */
export function newKey(
  key: { keyId: KeyId; wraps: readonly Wrap[]; purpose: Purpose },
  index: number,
  active: boolean,
  timeMs: number,
): KeyRow {
  return {
    id: key.keyId,
    purpose: key.purpose,
    wraps: key.wraps,
    state: active ? "active" : "decrypt-only",
    created: index as LogIndex,
    activated: active ? index : 0,
    createdMs: timeMs,
    activatedMs: active ? timeMs : 0,
  };
}

/**
 * Judges the registrations of one entry together, against keys that the entry names.
 * @returns null if all may be entered (or are replays); else the outcome. Changes no rows.
 */
export function judgeAll(
  state: ControlState,
  registrations: readonly Registration[],
  keyOf: (dek: number) => KeyRow | null,
  draft: Draft,
): Outcome | null {
  const places = new Set<number>();
  for (const registration of registrations) {
    const key = keyOf(registration.dek);
    const place = placeOf(registration.dek, node16Of(registration.fullNodeId));
    if (key === null)
      return refused("CONTROL_REGISTRATION_FOREIGN", `key ${registration.dek} is not the entry's`);
    if (places.has(place))
      return refused("CONTROL_REGISTRATION_REPEATED", `key ${registration.dek}`);
    places.add(place);
    const verdict = judgeRegistration(state, registration, key);
    if (verdict.verdict !== "refuse") continue;
    draft.refusedLoads.push({ registration, code: verdict.code, detail: verdict.detail });
    return refused(verdict.code, verdict.detail);
  }
  return null;
}

export function applyBootstrap(
  state: ControlState,
  index: number,
  header: EntryHeader,
  body: Buffer,
  draft: Draft,
): Outcome {
  const digest = state.deps.sha256(body);
  if (state.bootstrapped && digest.equals(state.bootstrapDigest))
    return noop("replayed", state.bootstrapIndex);
  let bootstrap: Bootstrap;
  try {
    bootstrap = decodeBootstrap(body);
  } catch (error) {
    // An undecodable bootstrap after the first is nobody's we know: it carries no HMAC.
    if (state.bootstrapped) return noop("unauthenticated");
    return halt("CONTROL_ENTRY_UNDECODABLE", `bootstrap: ${(error as Error).message}`);
  }
  if (state.bootstrapped)
    return refused("CONTROL_ALREADY_BOOTSTRAPPED", `at entry ${state.bootstrapIndex}`);
  if (state.cluster !== null && !state.cluster.equals(bootstrap.cluster))
    return noop("other-cluster");
  const opens = bootstrap.registrations.some(
    (one) =>
      one.dek === bootstrap.log.keyId &&
      sessionIdOf(one.salt, state.deps.sha256) === header.session,
  );
  if (!opens || header.seq !== 0) return noop("out-of-session");
  const stamp = stampOf(body);
  const rows = newRows(bootstrap, index, stamp.timeMs);
  const refusal = judgeBootstrap(state, bootstrap, rows, draft);
  if (refusal !== null) return refusal;
  enterBootstrap(state, bootstrap, rows, index, draft);
  const detail = [...rows.values()].map((row) => `${row.purpose} key ${row.id}`).join(", ");
  const told = { kind: "bootstrap", keyId: 0, purpose: null, detail } as const;
  keepEvent(state, { index, stamp, proposer: proposerOf(state, header) }, told);
  state.bootstrapDigest = digest;
  return accepted;
}

function newRows(bootstrap: Bootstrap, index: number, timeMs: number): Map<number, KeyRow> {
  const rows = new Map<number, KeyRow>();
  for (const purpose of ["storage", "log", "index"] as const) {
    const row = newKey({ ...bootstrap[purpose], purpose }, index, true, timeMs);
    rows.set(row.id, row);
  }
  return rows;
}

function judgeBootstrap(
  state: ControlState,
  bootstrap: Bootstrap,
  rows: Map<number, KeyRow>,
  draft: Draft,
): Outcome | null {
  if (rows.size < 3) return refused("CONTROL_KEY_IDS_NOT_DISTINCT", "bootstrap");
  if (state.clearIndexKeyId !== 0 && state.clearIndexKeyId !== bootstrap.index.keyId)
    return refused("CONTROL_KEY_ID_TAKEN", `the index key in use is ${state.clearIndexKeyId}`);
  return judgeAll(state, bootstrap.registrations, (dek) => rows.get(dek) ?? null, draft);
}

function enterBootstrap(
  state: ControlState,
  bootstrap: Bootstrap,
  rows: Map<number, KeyRow>,
  index: number,
  draft: Draft,
): void {
  state.cluster = Buffer.from(bootstrap.cluster);
  for (const row of rows.values()) {
    state.keys.set(row.id, row);
    state.touchedKeys.add(row.id);
    draft.unwrap.push(row.id);
  }
  for (const registration of bootstrap.registrations)
    enterRegistration(state, registration, rows.get(registration.dek)?.purpose ?? null, draft);
  state.bootstrapIndex = index;
  state.keyringIndex = index;
  state.clearIndexKeyId = 0;
  state.clearIndexKey?.fill(0);
  state.clearIndexKey = null;
  state.touchedMeta = true;
  draft.sidecar = true;
}

/** 0x05/0a: only as entry 1 of a log that starts with encryption off. It also opens a session. */
export function applyClearIndexKey(
  state: ControlState,
  index: number,
  header: EntryHeader,
  change: KeyChange & { kind: "clear-index-key" },
  draft: Draft,
  stamp: Stamp,
): Outcome {
  if (index !== 1) return noop("unauthenticated");
  const { registration, cluster, keyId, raw } = change;
  if (state.cluster !== null && !state.cluster.equals(cluster)) return noop("other-cluster");
  const session = sessionIdOf(registration.salt, state.deps.sha256);
  if (registration.dek !== 0 || header.seq !== 0 || header.session !== session)
    return noop("out-of-session");
  state.cluster = Buffer.from(cluster);
  state.clearIndexKeyId = keyId;
  state.clearIndexKey = Buffer.from(raw);
  state.keyringIndex = index;
  state.touchedMeta = true;
  enterRegistration(state, registration, null, draft);
  const proposer = registration.fullNodeId;
  keepEvent(state, { index, stamp, proposer }, toldOf(change, null, []));
  draft.clearIndexKey = { keyId, raw: Buffer.from(raw) };
  draft.sidecar = true;
  return accepted;
}
