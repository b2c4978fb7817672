// Goal: whatever is proposed, by whomever, in whatever order, two replicas that read the same log
// are equal, one that stops and reads its records back too, and the invariants of the registry
// hold. Method: random sequences of honest, repeated, reordered, cloned, rolled back and forged
// entries.
import fc from "fast-check";
import { expect, test } from "vitest";
import { controlOpcodes, encodeRegistration, splitTrailer } from "../entry/control.ts";
import { encodeKeyChange, type KeyChange, wrapsDigest } from "../entry/keychange.ts";
import { applyControl } from "./apply.ts";
import { verifierOf } from "./macs.ts";
import { identityOf } from "./planning.ts";
import { type ControlRecord, stateBytes, takeChangedRecords, toRecords } from "./records.ts";
import { fromRecords } from "./restore.ts";
import type { ControlState } from "./state.ts";
import {
  admit,
  Cluster,
  type Entry,
  entryOf,
  key,
  macs,
  registrationOf,
  sessionOf,
  wrapsOf,
} from "./testing/cluster.ts";
import { deps } from "./testing/world.ts";

const nodes = [identityOf("node-a"), identityOf("node-b"), identityOf("node-c")];
const keyIds = fc.integer({ min: 1, max: 7 });
const salts = fc.integer({ min: 1, max: 40 });

type Step =
  | { kind: "register"; dek: number; node: number; epoch: number; salt: number; mac: number }
  | {
      kind: "change";
      change: number;
      id: number;
      other: number;
      salt: number;
      seqOff: number;
      /** 0: asked for by nobody. */
      request: number;
    }
  | { kind: "batch"; salt: number; keyId: number; seqOff: number }
  | { kind: "replay"; back: number }
  | { kind: "forge"; back: number; bit: number }
  | { kind: "cross"; back: number };

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("register" as const),
    dek: keyIds,
    node: fc.nat(2),
    epoch: fc.integer({ min: 1, max: 6 }),
    salt: salts,
    mac: fc.constantFrom(2, 2, 2, 4, 5),
  }),
  fc.record({
    kind: fc.constant("change" as const),
    change: fc.nat(8),
    id: keyIds,
    other: keyIds,
    salt: salts,
    seqOff: fc.constantFrom(0, 0, 0, 0, 1, -1),
    request: fc.constantFrom(0, 0, 0, 1, 2, 3),
  }),
  fc.record({
    kind: fc.constant("batch" as const),
    salt: salts,
    keyId: fc.constantFrom(0, 2, 4),
    seqOff: fc.constantFrom(0, 0, 0, 1, -1),
  }),
  fc.record({ kind: fc.constant("replay" as const), back: fc.nat(20) }),
  fc.record({ kind: fc.constant("forge" as const), back: fc.nat(20), bit: fc.nat(5000) }),
  fc.record({ kind: fc.constant("cross" as const), back: fc.nat(20) }),
);

function changeOf(step: Step & { kind: "change" }, state: ControlState): KeyChange {
  const { id, other } = step;
  const purpose = id % 2 === 0 ? "log" : "storage";
  const keyId = key(id);
  const previous = state.active(purpose)?.id ?? key(other);
  const wraps = wrapsOf(id);
  const registrations = [registrationOf(id, nodes[other % 3]!, 1 + (other % 3), step.salt + 100)];
  const made: KeyChange[] = [
    { kind: "add", keyId, purpose, previous, wraps },
    { kind: "activate", keyId, purpose, previous, registrations },
    { kind: "activate", keyId, purpose, previous: key(other), registrations: [] },
    {
      kind: "rewrap",
      keyId,
      replaces: wrapsDigest(state.keys.get(id)?.wraps ?? wraps, deps.sha256),
      wraps: wrapsOf(other),
    },
    { kind: "fence", keyId },
    { kind: "retire", keyId },
    { kind: "enable-storage" },
    { kind: state.storageCutover === 0 ? "enable-storage" : "enable-log" },
    { kind: "feature-level", level: 1 },
  ];
  return made[step.change]!;
}

type Any = (Entry & { forged?: true }) | { header: Entry["header"]; opcode: null };

/** An entry as a node in this state might propose it, or an old one again, or a forged one. */
function entryFor(step: Step, state: ControlState, past: readonly Any[]): Any | null {
  // Mostly somebody who has a session speaks: else hardly anything would be accepted.
  const open = [...state.current.values()];
  const speaks = (step.kind === "change" || step.kind === "batch") && step.salt % 8 > 0;
  const pick = speaks ? open[step.salt % Math.max(open.length, 1)] : undefined;
  const session = pick?.session ?? sessionOf("salt" in step ? step.salt : 1);
  const next = (state.sessions.get(session)?.lastSeq ?? 0) + 1;
  switch (step.kind) {
    case "register": {
      const registration = registrationOf(step.dek, nodes[step.node]!, step.epoch, step.salt);
      const isLog = state.keys.get(step.dek)?.purpose === "log";
      const holder = open[0];
      const at =
        isLog || holder === undefined
          ? { session: sessionOf(step.salt), seq: 0 }
          : { session: holder.session, seq: holder.lastSeq + 1 };
      const body = encodeRegistration(registration);
      return entryOf(controlOpcodes.registration, body, at, step.mac);
    }
    case "change": {
      const at = { session, seq: Math.max(0, next + step.seqOff) };
      const macKey = state.active("log")?.id ?? 2;
      const stamp = { request: Buffer.alloc(16, step.request), timeMs: step.salt };
      const body = encodeKeyChange(changeOf(step, state), stamp);
      return entryOf(controlOpcodes.keyChange, body, at, macKey);
    }
    case "batch": {
      const keyId = state.logCutover > 0 ? (pick?.dek ?? step.keyId) : step.keyId;
      return { header: { keyId, session, seq: Math.max(0, next + step.seqOff) }, opcode: null };
    }
    case "replay":
      return past.at(-1 - step.back) ?? null;
    case "cross": {
      // Signed by who may sign, for another group of the cluster.
      const old = past.at(-1 - step.back);
      if (old === undefined || old.opcode === null || old.opcode === 4) return null;
      const { header, opcode } = old;
      // A forged bit may have been one of the trailer's frame: nothing is left to sign.
      const body = splitTrailer(old.body)?.body;
      if (body === undefined) return null;
      return entryOf(opcode, body, header, state.active("log")!.id, 1);
    }
    case "forge": {
      const old = past.at(-1 - step.back);
      if (old === undefined || old.opcode === null || old.opcode === 4) return null;
      // The same bit twice would give what was honest.
      if (old.forged) return null;
      const body = Buffer.from(old.body);
      const bit = step.bit % (body.length * 8);
      body[bit >> 3]! ^= 1 << (bit & 7);
      return { ...old, body, forged: true };
    }
  }
}

function applyAny(state: ControlState, index: number, entry: Any): string {
  if (entry.opcode === null) return admit(state, entry.header, index);
  const { outcome } = applyControl(state, { ...entry, index }, verifierOf(macs));
  if (outcome.kind === "noop") return outcome.alarm ? "alarm" : outcome.reason;
  return outcome.kind;
}

function checkInvariants(state: ControlState): void {
  for (const purpose of ["storage", "log", "index"] as const)
    expect(
      [...state.keys.values()].filter((k) => k.purpose === purpose && k.state === "active").length,
    ).toBe(1);
  for (const [full, load] of state.current) {
    expect(load.open).toBe(true);
    expect(state.sessions.get(load.session)).toBe(load);
    expect(state.writer(load.dek, load.node16)?.fullNodeId).toBe(full);
    expect(["fenced", "retired"]).not.toContain(state.keys.get(load.dek)?.state);
  }
  for (const row of state.writers.values()) {
    expect(row.lastSeen).toBeGreaterThanOrEqual(row.firstSeen);
    expect(state.keys.get(row.dek)?.state).not.toBe("retired");
  }
  const asked = [...state.history.events.values()].filter(({ request }) => request[0] !== 0);
  expect(new Set(asked.map(({ request }) => request[0])).size).toBe(asked.length);
  for (const event of asked) expect(state.history.find(event.request)).toBe(event);
  for (const one of state.keys.values())
    expect(one.wraps.length === 0).toBe(one.state === "retired");
}

/** A store that takes what changed, as a flush does. */
class Rows {
  readonly rows = new Map<string, ControlRecord>();
  take(state: ControlState): void {
    for (const record of takeChangedRecords(state)) {
      const name = `${record.table}/${record.key.toString("hex")}`;
      if (record.deleted) this.rows.delete(name);
      else this.rows.set(name, record);
    }
  }
}

test("two replicas stay equal, one of them restarting from its records after every flush", () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(
      fc.array(fc.tuple(steps, fc.nat(4)), { minLength: 20, maxLength: 80 }),
      (sequence) => {
        const first = new Cluster();
        first.bootstrap();
        const one = first.state;
        let two = fromRecords(toRecords(one), deps);
        const rows = new Rows();
        for (const record of toRecords(one))
          rows.rows.set(`${record.table}/${record.key.toString("hex")}`, record);
        let index = 1;
        const past: Any[] = [];
        const salts = new Map<string, string>();
        for (const [step, flush] of sequence) {
          const entry = entryFor(step, one, past);
          if (entry === null) continue;
          index++;
          past.push(entry);
          const before = stateBytes(one);
          const what = applyAny(one, index, entry);
          seen.set(`${step.kind} ${what}`, (seen.get(`${step.kind} ${what}`) ?? 0) + 1);
          expect(applyAny(two, index, entry)).toBe(what);
          const never = step.kind === "forge" || step.kind === "cross" || what === "halt";
          if (never) expect(stateBytes(one)).toEqual(before);
          expect(stateBytes(two)).toEqual(stateBytes(one));
          checkInvariants(one);
          for (const load of one.loads.values()) {
            const name = `${load.dek}/${load.node16}/${load.epoch}`;
            const salt = load.salt.toString("hex");
            expect(salts.get(name) ?? salt).toBe(salt);
            salts.set(name, salt);
          }
          if (flush > 0) continue;
          rows.take(two);
          expect([...rows.rows.values()].length).toBe(toRecords(two).length);
          two = fromRecords(rows.rows.values(), deps);
        }
        rows.take(two);
        expect(stateBytes(fromRecords(rows.rows.values(), deps))).toEqual(stateBytes(one));
      },
    ),
    { numRuns: 80 },
  );
  for (const wanted of ["register accepted", "change accepted", "batch apply", "change refused"])
    expect(seen.get(wanted) ?? 0).toBeGreaterThan(20);
  // Rarer: chance decides how often.
  for (const wanted of ["change repeated", "forge alarm", "cross alarm"])
    expect(seen.get(wanted) ?? 0).toBeGreaterThan(0);
  for (const kind of ["forge", "cross"]) expect(seen.get(`${kind} accepted`)).toBeUndefined();
});
