/**
 * Control states fed by hand-made entries, for tests of the applier: a state with its keys, several
 * nodes that propose, and a way to sign as any of them. Entries are built by the real encoders.
 * @module
 */
import { createHmac } from "node:crypto";
import { assert } from "../../base/assert.ts";
import type { Epoch, KeyId } from "../../base/brand.ts";
import { equalBytes } from "../../base/bytes.ts";
import {
  type ControlOpcode,
  controlOpcodes,
  encodeBootstrap,
  encodeControlPayload,
  encodeRegistration,
} from "../../entry/control.ts";
import { encodeKeyChange, type KeyChange } from "../../entry/keychange.ts";
import type { EntryHeader } from "../../entry/logentry.ts";
import { type Registration, sessionIdOf } from "../../entry/registration.ts";
import type { Wrap } from "../../entry/wraps.ts";
import { type Admission, advance, judge } from "../admit.ts";
import { applyControl, type ControlEntry } from "../apply.ts";
import { type MacSource, signControl, verifierOf } from "../macs.ts";
import type { ControlResult } from "../outcome.ts";
import { identityOf, type NodeIdentity } from "../planning.ts";
import { stateBytes } from "../records.ts";
import { ControlState } from "../state.ts";
import { deps } from "./world.ts";

export const cluster = Buffer.alloc(16, 0xc1);
export const key = (id: number): KeyId => id as KeyId;
export const salt = (byte: number): Buffer => deps.sha256(Buffer.from([byte >> 8, byte & 255]));
export const wrapsOf = (byte: number): Wrap[] => [{ kekId: "test", bytes: Buffer.alloc(60, byte) }];
export const nodeA = identityOf("node-a");
export const nodeB = identityOf("node-b");

/** Every key is held. */
export const macs: MacSource = {
  hmac: (keyId, kind, data) => createHmac("sha256", `${keyId}/${kind}`).update(data).digest(),
};

export function registrationOf(
  dek: number,
  node: NodeIdentity,
  epoch: number,
  saltByte: number,
): Registration {
  return { dek, fullNodeId: node.fullNodeId, epoch: epoch as Epoch, salt: salt(saltByte) };
}

export const sessionOf = (saltByte: number): bigint => sessionIdOf(salt(saltByte), deps.sha256);

export function bootstrapBody(registrations: readonly Registration[], wrapByte = 1): Buffer {
  return encodeBootstrap({
    cluster,
    storage: { keyId: key(1), wraps: wrapsOf(wrapByte) },
    log: { keyId: key(2), wraps: wrapsOf(wrapByte) },
    index: { keyId: key(3), wraps: wrapsOf(wrapByte) },
    registrations,
  });
}

/** An entry without its index. */
export interface Entry {
  readonly header: EntryHeader;
  readonly opcode: ControlOpcode;
  readonly body: Buffer;
}

/** Signed for its place with the log DEK `macKey`, unsigned for null. */
export function entryOf(
  opcode: ControlOpcode,
  body: Buffer,
  at: { session: bigint; seq: number },
  macKey: number | null = 2,
  group: number = deps.group,
): Entry {
  const header = { keyId: 0, session: at.session, seq: at.seq };
  const place = { cluster, group, ...at };
  const payload =
    macKey === null
      ? encodeControlPayload(opcode, body, null)
      : signControl(macs, key(macKey), place, opcode, body);
  return { header, opcode, body: payload.subarray(1) };
}

/** A state that remembers its index and who is where in which session. */
export class Cluster {
  readonly state = new ControlState(deps);
  index = 0;
  readonly seqs = new Map<bigint, number>();

  apply(entry: Entry, source: MacSource = macs): ControlResult {
    const whole: ControlEntry = { ...entry, index: ++this.index };
    return applyControl(this.state, whole, verifierOf(source));
  }

  /** Bootstrap by node A: epoch 1, salts 1 (log) and 2 (storage). */
  bootstrap(): ControlResult {
    return this.apply(bootstrapEntry());
  }

  /** In session of `saltByte`, with the next number. */
  change(change: KeyChange, saltByte = 1, macKey = 2): ControlResult {
    return this.apply(this.entry(change, saltByte, macKey));
  }

  entry(change: KeyChange, saltByte = 1, macKey = 2): Entry {
    const at = { session: sessionOf(saltByte), seq: this.next(saltByte) };
    return entryOf(controlOpcodes.keyChange, encodeKeyChange(change), at, macKey);
  }

  /** First and last epoch in the row of a writer, null without one. */
  row(dek: number, node = nodeA): readonly number[] | null {
    const found = this.state.writer(dek, node.node16);
    return found === null ? null : [found.firstSeen, found.lastSeen];
  }

  /** Runs `act`, by which nothing but the turn in a session may change. */
  unchanged(act: () => string): string {
    const before = stateBytes(this.state);
    const what = act();
    assert(equalBytes(stateBytes(this.state), before), `${what}: the state has changed`);
    return what;
  }

  /** The number after the last applied one of a session. */
  next(saltByte: number): number {
    return (this.state.sessions.get(sessionOf(saltByte))?.lastSeq ?? 0) + 1;
  }

  register(
    dek: number,
    node: NodeIdentity,
    epoch: number,
    saltByte: number,
    inSession: number | null = null,
    macKey: number | null = 2,
  ): ControlResult {
    const registration = registrationOf(dek, node, epoch, saltByte);
    return this.apply(registrationEntry(registration, saltByte, this, inSession, macKey));
  }
}

/** Opens its own session, or stands in that of `inSession`. */
export function registrationEntry(
  registration: Registration,
  saltByte: number,
  world: Cluster,
  inSession: number | null = null,
  macKey: number | null = 2,
): Entry {
  const at =
    inSession === null
      ? { session: sessionOf(saltByte), seq: 0 }
      : { session: sessionOf(inSession), seq: world.next(inSession) };
  return entryOf(controlOpcodes.registration, encodeRegistration(registration), at, macKey);
}

export function bootstrapEntry(wrapByte = 1): Entry {
  const registrations = [registrationOf(2, nodeA, 1, 1), registrationOf(1, nodeA, 1, 2)];
  const at = { session: sessionOf(1), seq: 0 };
  return entryOf(controlOpcodes.bootstrap, bootstrapBody(registrations, wrapByte), at, null);
}

/** Judges, and on "apply" counts the entry at once. */
export function admit(state: ControlState, header: EntryHeader, index: number): Admission {
  const admission = judge(state, header, index);
  if (admission === "apply") advance(state, header);
  return admission;
}

/** In short: what became of it. */
export function told({ outcome }: ControlResult): string {
  switch (outcome.kind) {
    case "accepted":
      return "accepted";
    case "noop":
      return outcome.alarm ? `alarm ${outcome.reason}` : outcome.reason;
    default:
      return `${outcome.kind} ${outcome.code}`;
  }
}

/** Changes of a rotation of node A, with made-up wraps and salt. */
export const add = (id: number, purpose: "storage" | "log", previous: number): KeyChange => ({
  kind: "add",
  keyId: key(id),
  purpose,
  previous: key(previous),
  wraps: wrapsOf(id),
});
export const activate = (
  id: number,
  purpose: "storage" | "log",
  previous: number,
  saltByte = 10,
): KeyChange => ({
  kind: "activate",
  keyId: key(id),
  purpose,
  previous: key(previous),
  registrations: [registrationOf(id, nodeA, 1, saltByte)],
});
