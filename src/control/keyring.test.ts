// Goal: every change of the keyring, named by the property it holds: rotation in two steps, rewrap,
// fence, retire, cutovers, skip, feature levels, and a log that starts in clear.
import { beforeEach, describe, expect, test } from "vitest";
import { controlOpcodes } from "../entry/control.ts";
import { encodeKeyChange, type KeyChange, wrapsDigest } from "../entry/keychange.ts";
import { judge } from "./admit.ts";
import { readSkip } from "./apply.ts";
import { verifierOf } from "./macs.ts";
import {
  activate,
  add,
  admit,
  bootstrapBody,
  Cluster,
  cluster,
  entryOf,
  key,
  macs,
  nodeA,
  nodeB,
  registrationEntry,
  registrationOf,
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
    expect(world.row(4)).toEqual([1, 1]);
    expect(world.next(1)).toBe(3);
  });
  test("of the log key: the entry closes the proposer's session and opens the next", () => {
    world.register(2, nodeB, 1, 50);
    world.change(add(4, "log", 2));
    const { effects } = world.change(activate(4, "log", 2));
    expect(effects).toMatchObject({ opened: [sessionOf(10)], closed: [sessionOf(1)] });
    world.change({ kind: "enable-storage" }, 10, 4);
    world.change({ kind: "enable-log" }, 10, 4);
    const at = world.index + 1;
    expect(judge(world.state, { keyId: 4, session: sessionOf(10), seq: 3 }, at)).toBe("apply");
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
    expect(world.row(2)).toBeNull();
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
    expect(world.unchanged(() => level(2))).toBe("halt CONTROL_FEATURE_UNKNOWN");
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
  test("its first entry carries the index key and opens the session; later ones are no-ops", () => {
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
    wrong.writeUInt32BE(4, 17 + 24 + 72 + 72);
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
