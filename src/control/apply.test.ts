// Goal: every case of registry and keyring, named by the property it holds; forged, repeated,
// reordered and cross-group entries change nothing and halt nobody.
import { beforeEach, describe, expect, test } from "vitest";
import { controlOpcodes, encodeRegistration } from "../entry/control.ts";
import { encodeKeyChange, type KeyChange, wrapsDigest } from "../entry/keychange.ts";
import { admit, judge } from "./admit.ts";
import { readSkip } from "./apply.ts";
import { verifierOf } from "./macs.ts";
import { identityOf } from "./planning.ts";
import { stateBytes } from "./records.ts";
import {
  bootstrapBody,
  bootstrapEntry,
  Cluster,
  cluster,
  entryOf,
  key,
  macs,
  nodeA,
  nodeB,
  registrationEntry,
  registrationOf,
  salt,
  sessionOf,
  told,
  wrapsOf,
} from "./testing/cluster.ts";
import { deps } from "./testing/world.ts";

let world: Cluster;

beforeEach(() => {
  world = new Cluster();
  expect(told(world.bootstrap())).toBe("accepted");
});

const row = (dek: number, node = nodeA) => {
  const found = world.state.writer(dek, node.node16);
  return found === null ? null : [found.firstSeen, found.lastSeen];
};
/** Nothing but the turn in a session may change. */
const unchanged = (act: () => string): string => {
  const before = stateBytes(world.state);
  const what = act();
  expect(stateBytes(world.state)).toEqual(before);
  return what;
};
const add = (id: number, purpose: "storage" | "log", previous: number): KeyChange => ({
  kind: "add",
  keyId: key(id),
  purpose,
  previous: key(previous),
  wraps: wrapsOf(id),
});
const activate = (
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

describe("bootstrap", () => {
  test("names keys and writers, opens the proposer's session, and must be durable first", () => {
    const fresh = new Cluster();
    const { outcome, effects } = fresh.bootstrap();
    expect(outcome.kind).toBe("accepted");
    expect(effects).toMatchObject({ unwrap: [1, 2, 3], sidecar: true, closed: [] });
    expect(effects.opened).toEqual([sessionOf(1)]);
    expect(fresh.state.cluster).toEqual(cluster);
    expect(row(1)).toEqual([1, 1]);
    expect(row(2)).toEqual([1, 1]);
  });
  test("the same bytes again are a no-op, other bytes an error", () => {
    expect(unchanged(() => told(world.apply(bootstrapEntry())))).toBe("replayed");
    expect(unchanged(() => told(world.apply(bootstrapEntry(9))))).toBe(
      "refused CONTROL_ALREADY_BOOTSTRAPPED",
    );
  });
  test("bytes that cannot be read halt before the keys are there, and nobody afterwards", () => {
    const garbage = entryOf(
      controlOpcodes.bootstrap,
      Buffer.from("ff", "hex"),
      {
        session: 1n,
        seq: 0,
      },
      null,
    );
    expect(told(new Cluster().apply(garbage))).toBe("halt CONTROL_ENTRY_UNDECODABLE");
    expect(unchanged(() => told(world.apply(garbage)))).toBe("alarm unauthenticated");
  });
  test("key ids are distinct across purposes", () => {
    const body = bootstrapBody([registrationOf(2, nodeA, 1, 1)]);
    body.writeUInt32BE(2, 17);
    const at = { session: sessionOf(1), seq: 0 };
    const entry = entryOf(controlOpcodes.bootstrap, body, at, null);
    expect(told(new Cluster().apply(entry))).toBe("refused CONTROL_KEY_IDS_NOT_DISTINCT");
  });
  test("each registration names one of its DEKs, never the index key, and no slot twice", () => {
    const at = { session: sessionOf(1), seq: 0 };
    const own = registrationOf(2, nodeA, 1, 1);
    const cases: [Parameters<typeof registrationOf>, string][] = [
      [[9, nodeA, 1, 2], "CONTROL_REGISTRATION_FOREIGN"],
      [[0, nodeA, 1, 2], "CONTROL_REGISTRATION_FOREIGN"],
      [[3, nodeA, 1, 2], "CONTROL_KEY_PURPOSE"],
      [[2, nodeA, 2, 2], "CONTROL_REGISTRATION_REPEATED"],
    ];
    for (const [other, code] of cases) {
      const fresh = new Cluster();
      const body = bootstrapBody([own, registrationOf(...other)]);
      expect(told(fresh.apply(entryOf(controlOpcodes.bootstrap, body, at, null)))).toBe(
        `refused ${code}`,
      );
      expect(fresh.state.keys.size + fresh.state.writers.size).toBe(0);
    }
  });
  test("of another cluster, or outside the session that it opens: a no-op", () => {
    const other = new Cluster();
    other.state.cluster = Buffer.alloc(16, 9);
    expect(told(other.apply(bootstrapEntry()))).toBe("alarm other-cluster");
    const body = bootstrapBody([registrationOf(2, nodeA, 1, 1)]);
    for (const at of [
      { session: 5n, seq: 0 },
      { session: sessionOf(1), seq: 1 },
    ])
      expect(told(new Cluster().apply(entryOf(controlOpcodes.bootstrap, body, at, null)))).toBe(
        "alarm out-of-session",
      );
  });
});

describe("registry", () => {
  test("insert", () => {
    const { outcome, effects } = world.register(2, nodeB, 4, 20);
    expect(outcome.kind).toBe("accepted");
    expect(effects).toMatchObject({ opened: [sessionOf(20)], closed: [], sidecar: false });
    expect(row(2, nodeB)).toEqual([4, 4]);
  });
  test("a greater epoch advances, first_seen stays, the newer session closes the older", () => {
    const { effects } = world.register(2, nodeA, 5, 21);
    expect(effects).toMatchObject({ opened: [sessionOf(21)], closed: [sessionOf(1)] });
    expect(row(2)).toEqual([1, 5]);
    expect(judge(world.state, { keyId: 0, session: sessionOf(1), seq: 1 }, 9)).toBe(
      "stale-session",
    );
    expect(judge(world.state, { keyId: 0, session: sessionOf(21), seq: 1 }, 9)).toBe("apply");
  });
  test("replay of the same load changes nothing, not even the sequence", () => {
    expect(admit(world.state, { keyId: 0, session: sessionOf(1), seq: 1 }, 9)).toBe("apply");
    expect(unchanged(() => told(world.register(2, nodeA, 1, 1)))).toBe("replayed");
    expect(world.next(1)).toBe(2);
  });
  test("clone: an equal epoch with another salt is refused, and names the load", () => {
    const act = () => world.register(2, nodeA, 1, 22);
    const { outcome, effects } = act();
    expect(outcome).toMatchObject({ kind: "refused", code: "WRITER_CLONED" });
    expect(effects.refusedLoads[0]?.registration.salt).toEqual(salt(22));
    expect(unchanged(() => told(act()))).toBe("refused WRITER_CLONED");
  });
  test("rollback: a smaller epoch is refused, even with the salt it once had", () => {
    world.register(2, nodeA, 5, 23);
    expect(unchanged(() => told(world.register(2, nodeA, 4, 24)))).toBe(
      "refused WRITER_ROLLED_BACK",
    );
    expect(unchanged(() => told(world.register(2, nodeA, 1, 1)))).toBe(
      "refused WRITER_ROLLED_BACK",
    );
  });
  test("collision: another node in the same 16-bit slot is refused", () => {
    let n = 0;
    let twin = identityOf("x0");
    while (twin.node16 !== nodeA.node16) twin = identityOf(`x${++n}`);
    expect(unchanged(() => told(world.register(2, twin, 9, 25)))).toBe("refused NODE_ID_COLLISION");
  });
  test("epoch 65535 is the last one", () => {
    expect(told(world.register(2, nodeA, 0xffff, 26))).toBe("accepted");
    expect(told(world.register(2, nodeA, 0xffff, 27))).toBe("refused WRITER_CLONED");
  });
  test("a refused node does not stop the others", () => {
    world.register(2, nodeB, 1, 28);
    world.register(2, nodeB, 1, 29);
    for (const saltByte of [1, 28])
      expect(admit(world.state, { keyId: 0, session: sessionOf(saltByte), seq: 1 }, 9)).toBe(
        "apply",
      );
  });
  test("under a storage key it takes a turn in the session and opens none", () => {
    const { outcome, effects } = world.register(1, nodeA, 2, 30, 1);
    expect(outcome.kind).toBe("accepted");
    expect(effects.opened).toEqual([]);
    expect(row(1)).toEqual([1, 2]);
    expect(world.next(1)).toBe(2);
    expect(told(world.register(1, nodeA, 3, 31))).toBe("alarm stale-session");
  });
  test("under unknown, index or no key it is refused", () => {
    expect(told(world.register(9, nodeA, 2, 32, 1))).toBe("refused CONTROL_KEY_UNKNOWN");
    expect(told(world.register(3, nodeA, 2, 32, 1))).toBe("refused CONTROL_KEY_PURPOSE");
    expect(told(world.register(0, nodeA, 2, 32))).toBe("refused CONTROL_KEY_UNKNOWN");
  });
  test("a session that another load has is refused", () => {
    expect(told(world.register(2, nodeB, 1, 1))).toBe("refused WRITER_SESSION_TAKEN");
  });
});

describe("authenticity", () => {
  const fence: KeyChange = { kind: "fence", keyId: key(1) };
  test("without a valid HMAC nothing happens, whatever is said: every bit of it counts", () => {
    const entry = world.entry({ kind: "enable-storage" });
    for (let bit = 0; bit < entry.body.length * 8; bit++) {
      const body = Buffer.from(entry.body);
      body[bit >> 3]! ^= 1 << (bit & 7);
      expect(unchanged(() => told(world.apply({ ...entry, body })))).toBe("alarm unauthenticated");
    }
    for (let size = 0; size < entry.body.length; size++)
      expect(
        unchanged(() => told(world.apply({ ...entry, body: entry.body.subarray(0, size) }))),
      ).toBe("alarm unauthenticated");
    expect(told(world.apply(entry))).toBe("accepted");
  });
  test("of another cluster, group, session, number or opcode: a no-op with an alarm", () => {
    const body = encodeKeyChange(fence);
    const at = { session: sessionOf(1), seq: 1 };
    const { keyChange, registration } = controlOpcodes;
    const moved = [
      entryOf(keyChange, body, at, 2, 1),
      { ...entryOf(keyChange, body, at), header: { keyId: 0, session: sessionOf(1), seq: 2 } },
      { ...entryOf(keyChange, body, at), header: { keyId: 0, session: 7n, seq: 1 } },
      { ...entryOf(keyChange, body, at), opcode: registration },
    ];
    for (const entry of moved)
      expect(unchanged(() => told(world.apply(entry)))).toBe("alarm unauthenticated");
    const foreign = new Cluster();
    foreign.bootstrap();
    foreign.state.cluster = Buffer.alloc(16, 9);
    expect(told(foreign.apply(entryOf(keyChange, body, at)))).toBe("alarm unauthenticated");
  });
  test("signed under a storage, unknown or fenced key it is not authentic", () => {
    world.change(add(4, "log", 2));
    world.change(activate(4, "log", 2));
    expect(told(world.change({ kind: "fence", keyId: key(2) }, 10, 4))).toBe("accepted");
    for (const macKey of [1, 2, 3, 9])
      expect(unchanged(() => told(world.change({ kind: "enable-log" }, 10, macKey)))).toBe(
        "alarm unauthenticated",
      );
  });
  test("repeated or reordered it is a no-op with an alarm", () => {
    const first = world.entry({ kind: "enable-storage" });
    expect(told(world.apply(first))).toBe("accepted");
    expect(unchanged(() => told(world.apply(first)))).toBe("alarm gap");
    const body = encodeKeyChange({ kind: "enable-log" });
    const late = entryOf(controlOpcodes.keyChange, body, { session: sessionOf(1), seq: 3 });
    expect(unchanged(() => told(world.apply(late)))).toBe("alarm gap");
    world.register(2, nodeA, 2, 40);
    expect(unchanged(() => told(world.change({ kind: "enable-log" })))).toBe("alarm stale-session");
  });
  test("a registration in another session than it opens is a no-op", () => {
    const body = encodeRegistration(registrationOf(2, nodeA, 2, 41));
    const entry = entryOf(controlOpcodes.registration, body, { session: sessionOf(1), seq: 1 });
    expect(unchanged(() => told(world.apply(entry)))).toBe("alarm out-of-session");
  });
  test("authentic but unreadable, or sealed: halts and changes nothing", () => {
    const at = { session: sessionOf(1), seq: 1 };
    const odd = entryOf(controlOpcodes.keyChange, Buffer.from("01ff", "hex"), at);
    expect(unchanged(() => told(world.apply(odd)))).toBe("halt CONTROL_ENTRY_UNDECODABLE");
    const sealed = { ...odd, header: { ...odd.header, keyId: 2 } };
    expect(unchanged(() => told(world.apply(sealed)))).toBe("halt CONTROL_ENTRY_UNDECODABLE");
  });
  test("under a log key that is not unwrapped: halts, and goes on once it is", () => {
    const entry = world.entry({ kind: "enable-storage" });
    const none = { hmac: () => null };
    expect(unchanged(() => told(world.apply(entry, none)))).toBe("halt CONTROL_KEY_UNAVAILABLE");
    expect(told(world.apply(entry))).toBe("accepted");
  });
});

describe("rotation", () => {
  test("add: unwrap, then sidecar; no write goes under it yet", () => {
    const { effects } = world.change(add(4, "storage", 1));
    expect(effects).toMatchObject({ unwrap: [4], sidecar: true, forget: [] });
    expect(world.state.active("storage")?.id).toBe(1);
    expect(world.state.keys.get(4)?.state).toBe("decrypt-only");
  });
  test("activate: the old key only opens, the proposer's writer row is there with the flag", () => {
    world.change(add(4, "storage", 1));
    const { effects } = world.change(activate(4, "storage", 1));
    expect(effects.sidecar).toBe(true);
    expect(world.state.active("storage")?.id).toBe(4);
    expect(world.state.keys.get(1)?.state).toBe("decrypt-only");
    expect(row(4)).toEqual([1, 1]);
    expect(world.next(1)).toBe(3);
  });
  test("of the log key: the entry closes the proposer's session and opens the next", () => {
    world.register(2, nodeB, 1, 50);
    world.change(add(4, "log", 2));
    const { effects } = world.change(activate(4, "log", 2));
    expect(effects).toMatchObject({ opened: [sessionOf(10)], closed: [sessionOf(1)] });
    world.change({ kind: "enable-log" }, 10, 4);
    const at = world.index + 1;
    expect(judge(world.state, { keyId: 4, session: sessionOf(10), seq: 2 }, at)).toBe("apply");
    expect(judge(world.state, { keyId: 2, session: sessionOf(50), seq: 1 }, at)).toBe("apply");
    expect(judge(world.state, { keyId: 4, session: sessionOf(50), seq: 1 }, at)).toBe("wrong-key");
  });
  test("an id is used once, whatever the purpose; the same content is a no-op", () => {
    world.change(add(4, "storage", 1));
    expect(told(world.change(add(4, "storage", 1)))).toBe("replayed");
    expect(told(world.change({ ...add(4, "storage", 1), wraps: wrapsOf(5) } as KeyChange))).toBe(
      "refused CONTROL_KEY_ID_TAKEN",
    );
    for (const purpose of ["storage", "log"] as const)
      expect(told(world.change(add(2, purpose, purpose === "log" ? 2 : 1)))).toBe(
        "refused CONTROL_KEY_ID_TAKEN",
      );
  });
  test("only over the key that it was planned for", () => {
    expect(told(world.change(add(4, "storage", 2)))).toBe("refused CONTROL_ACTIVE_CHANGED");
    world.change(add(4, "storage", 1));
    world.change(add(5, "storage", 1));
    expect(told(world.change(activate(4, "storage", 1)))).toBe("accepted");
    expect(told(world.change(activate(5, "storage", 1, 11)))).toBe(
      "refused CONTROL_ACTIVE_CHANGED",
    );
    expect(told(world.change(activate(4, "storage", 1)))).toBe("already-active");
    expect(told(world.change(activate(4, "storage", 1, 12)))).toBe(
      "refused CONTROL_ACTIVE_CHANGED",
    );
    expect(told(world.change(activate(1, "storage", 4, 13)))).toBe(
      "refused CONTROL_KEY_NOT_ACTIVE",
    );
  });
  test("activate is refused for unknown keys, other purposes and foreign registrations", () => {
    expect(told(world.change(activate(9, "log", 2)))).toBe("refused CONTROL_KEY_UNKNOWN");
    world.change(add(4, "storage", 1));
    expect(told(world.change(activate(4, "log", 2)))).toBe("refused CONTROL_KEY_PURPOSE");
    const foreign = {
      ...activate(4, "storage", 1),
      registrations: [registrationOf(1, nodeA, 2, 9)],
    };
    expect(told(world.change(foreign as KeyChange))).toBe("refused CONTROL_REGISTRATION_FOREIGN");
    expect(world.state.active("storage")?.id).toBe(1);
  });
  test("a refused registration leaves the old key active", () => {
    world.change(add(4, "log", 2));
    world.register(4, nodeA, 3, 60, null, 2);
    const act = world.change(activate(4, "log", 2, 61), 60);
    expect(told(act)).toBe("refused WRITER_ROLLED_BACK");
    expect(act.effects.refusedLoads.length).toBe(1);
    expect(world.state.active("log")?.id).toBe(2);
  });
  test("after it no load begins under the old key", () => {
    world.change(add(4, "log", 2));
    world.change(activate(4, "log", 2));
    expect(told(world.register(2, nodeB, 1, 62, null, 4))).toBe("refused CONTROL_KEY_NOT_ACTIVE");
    expect(told(world.register(4, nodeB, 1, 62, null, 2))).toBe("accepted");
  });
  test("the index key is not rotated", () => {
    const change = { ...add(4, "storage", 3), purpose: "index" } as KeyChange;
    expect(told(world.change(change))).toBe("refused CONTROL_KEY_PURPOSE");
  });
});

describe("rewrap, fence, retire", () => {
  const rewrap = (id: number, from: number, to: number): KeyChange => ({
    kind: "rewrap",
    keyId: key(id),
    replaces: wrapsDigest(wrapsOf(from), deps.sha256),
    wraps: wrapsOf(to),
  });
  test("rewrap compares content: same again is a no-op, over other wraps refused", () => {
    expect(world.change(rewrap(1, 1, 7)).effects).toMatchObject({ sidecar: true, unwrap: [] });
    expect(told(world.change(rewrap(1, 1, 7)))).toBe("replayed");
    expect(told(world.change(rewrap(1, 1, 8)))).toBe("refused CONTROL_WRAPS_CHANGED");
    expect(told(world.change(rewrap(1, 7, 8)))).toBe("accepted");
    expect(told(world.change(rewrap(9, 7, 8)))).toBe("refused CONTROL_KEY_UNKNOWN");
  });
  test("fence closes the sessions under the key; retire drops its rows and its wraps", () => {
    world.register(2, nodeB, 1, 70);
    world.change(add(4, "log", 2));
    world.change(activate(4, "log", 2));
    world.change({ kind: "enable-log" }, 10, 4);
    expect(told(world.change({ kind: "retire", keyId: key(2) }, 10, 4))).toBe(
      "refused CONTROL_KEY_NOT_FENCED",
    );
    const fenced = world.change({ kind: "fence", keyId: key(2) }, 10, 4);
    expect(fenced.effects.closed).toEqual([sessionOf(70)]);
    const header = { keyId: 2, session: sessionOf(70), seq: 1 };
    expect(judge(world.state, header, world.index + 1)).toBe("fenced-key");
    expect(told(world.change(rewrap(2, 1, 7), 10, 4))).toBe("accepted");
    const retired = world.change({ kind: "retire", keyId: key(2) }, 10, 4);
    expect(retired.effects).toMatchObject({ forget: [2], sidecar: true });
    expect(row(2)).toBeNull();
    expect(world.state.keys.get(2)).toMatchObject({ state: "retired", wraps: [] });
    expect([...world.state.loads.values()].some((load) => load.dek === 2)).toBe(false);
    for (const kind of ["retire", "fence"] as const)
      expect(told(world.change({ kind, keyId: key(2) }, 10, 4))).toBe("replayed");
    expect(told(world.change(rewrap(2, 7, 8), 10, 4))).toBe("refused CONTROL_KEY_FENCED");
    expect(told(world.change(add(2, "log", 4), 10, 4))).toBe("refused CONTROL_KEY_ID_TAKEN");
    expect(told(world.register(2, nodeB, 2, 71, null, 4))).toBe("refused CONTROL_KEY_FENCED");
  });
  test("the active key is never fenced", () => {
    for (const id of [1, 2, 3])
      expect(told(world.change({ kind: "fence", keyId: key(id) }))).toBe(
        "refused CONTROL_KEY_ACTIVE",
      );
  });
});

describe("cutovers", () => {
  test("strictly after the entry everything is sealed, and going back is not possible", () => {
    world.change({ kind: "enable-storage" });
    world.change({ kind: "enable-log" });
    const at = world.index;
    expect([world.state.storageCutover, world.state.logCutover]).toEqual([at - 1, at]);
    expect([world.state.logSealedAt(at), world.state.logSealedAt(at + 1)]).toEqual([false, true]);
    expect(told(world.change({ kind: "enable-log" }))).toBe("already-active");
    expect(world.state.logCutover).toBe(at);
    const clear = { keyId: 0, session: sessionOf(1), seq: world.next(1) };
    expect(judge(world.state, clear, at + 2)).toBe("clear-after-cutover");
    expect(judge(world.state, { ...clear, keyId: 2 }, at + 2)).toBe("apply");
  });
  test("before it a sealed entry is a no-op", () => {
    const header = { keyId: 2, session: sessionOf(1), seq: 1 };
    expect(judge(world.state, header, world.index + 1)).toBe("sealed-before-cutover");
  });
});

describe("admission", () => {
  test("only last + 1 of a current session, and what is refused does not count", () => {
    const at = (seq: number) => admit(world.state, { keyId: 0, session: sessionOf(1), seq }, 9);
    expect([at(2), at(0), at(1), at(1), at(3), at(2)]).toEqual([
      "gap",
      "gap",
      "apply",
      "gap",
      "gap",
      "apply",
    ]);
    expect(admit(world.state, { keyId: 0, session: 99n, seq: 1 }, 9)).toBe("stale-session");
  });
});

describe("skip and feature level", () => {
  const skip: KeyChange = { kind: "skip", index: 3, digest: Buffer.alloc(32, 1), reason: "why" };
  test("a skip is read ahead of its turn if it is authentic, and changes nothing in it", () => {
    const entry = { ...world.entry(skip), index: 9 };
    expect(readSkip(world.state, entry, verifierOf(macs))).toEqual(skip);
    const forged = { ...entry, body: Buffer.from(entry.body) };
    forged.body[40]! ^= 1;
    expect(readSkip(world.state, forged, verifierOf(macs))).toBeNull();
    const other = { ...world.entry({ kind: "enable-log" }), index: 9 };
    expect(readSkip(world.state, other, verifierOf(macs))).toBeNull();
    expect(told(world.apply(entry))).toBe("accepted");
  });
  test("a level this build does not have halts; a lower one is refused", () => {
    const level = (n: number) => told(world.change({ kind: "feature-level", level: n }));
    expect(unchanged(() => level(2))).toBe("halt CONTROL_FEATURE_UNKNOWN");
    expect(level(1)).toBe("replayed");
    expect(level(0)).toBe("refused CONTROL_FEATURE_BACKWARDS");
  });
});

describe("a log in clear", () => {
  const begin = (): Cluster => {
    const clear = new Cluster();
    const registration = registrationOf(0, nodeA, 1, 1);
    const raw = Buffer.alloc(32, 5);
    const change: KeyChange = {
      kind: "clear-index-key",
      cluster,
      keyId: key(3),
      raw,
      registration,
    };
    const at = { session: sessionOf(1), seq: 0 };
    const entry = entryOf(controlOpcodes.keyChange, encodeKeyChange(change), at, null);
    const { outcome, effects } = clear.apply(entry);
    expect(outcome.kind).toBe("accepted");
    expect(effects).toMatchObject({ sidecar: true, clearIndexKey: { keyId: 3, raw } });
    expect(told(clear.apply(entry))).toBe("alarm unauthenticated");
    return clear;
  };
  test("its first entry carries the index key and opens the session, any later one is a no-op", () => {
    const clear = begin();
    expect(judge(clear.state, { keyId: 0, session: sessionOf(1), seq: 1 }, 2)).toBe("apply");
  });
  test("registrations count loads under key 0; changes of the keyring are not accepted", () => {
    const clear = begin();
    expect(told(clear.register(0, nodeA, 2, 80, null, null))).toBe("accepted");
    expect(told(clear.register(0, nodeA, 2, 81, null, null))).toBe("refused WRITER_CLONED");
    expect(told(clear.register(1, nodeA, 2, 82, null, null))).toBe(
      "refused CONTROL_NOT_BOOTSTRAPPED",
    );
    const body = encodeKeyChange({ kind: "enable-log" });
    const at = { session: sessionOf(80), seq: 1 };
    expect(told(clear.apply(entryOf(controlOpcodes.keyChange, body, at, null)))).toBe(
      "alarm unauthenticated",
    );
  });
  test("the bootstrap wraps the same index key; the log cutover ends the sessions in clear", () => {
    const clear = begin();
    clear.register(0, nodeB, 1, 83, null, null);
    const registrations = [registrationOf(2, nodeA, 1, 84), registrationOf(1, nodeA, 1, 85)];
    const at = { session: sessionOf(84), seq: 0 };
    const wrong = bootstrapBody(registrations);
    wrong.writeUInt32BE(4, 17 + 72 + 72);
    expect(told(clear.apply(entryOf(controlOpcodes.bootstrap, wrong, at, null)))).toBe(
      "refused CONTROL_KEY_ID_TAKEN",
    );
    const body = bootstrapBody(registrations);
    expect(told(clear.apply(entryOf(controlOpcodes.bootstrap, body, at, null)))).toBe("accepted");
    expect(clear.state.clearIndexKey).toBeNull();
    expect(clear.state.bornEncrypted).toBe(false);
    const other = { keyId: 0, session: sessionOf(83), seq: 1 };
    expect(judge(clear.state, other, clear.index + 1)).toBe("apply");
    clear.change({ kind: "enable-storage" }, 84);
    const { effects } = clear.change({ kind: "enable-log" }, 84);
    expect(effects.closed).toEqual([sessionOf(83)]);
    expect(clear.state.writer(0, nodeB.node16)).toBeNull();
    expect(told(clear.apply(registrationEntry(registrationOf(0, nodeB, 2, 86), 86, clear)))).toBe(
      "refused CONTROL_KEY_UNKNOWN",
    );
  });
});
