// Goal: every case of registry and keyring, named by the property it holds; forged, repeated,
// reordered and cross-group entries change nothing and halt nobody.
import { beforeEach, describe, expect, test } from "vitest";
import { controlOpcodes, encodeRegistration } from "../entry/control.ts";
import { encodeKeyChange, type KeyChange } from "../entry/keychange.ts";
import { judge } from "./admit.ts";
import { identityOf } from "./planning.ts";
import {
  activate,
  add,
  admit,
  bootstrapBody,
  bootstrapEntry,
  Cluster,
  cluster,
  entryOf,
  key,
  nodeA,
  nodeB,
  registrationOf,
  salt,
  sessionOf,
  told,
} from "./testing/cluster.ts";

let world: Cluster;

beforeEach(() => {
  world = new Cluster();
  expect(told(world.bootstrap())).toBe("accepted");
});

describe("bootstrap", () => {
  test("names keys and writers, opens the proposer's session, and must be durable first", () => {
    const fresh = new Cluster();
    const { outcome, effects } = fresh.bootstrap();
    expect(outcome.kind).toBe("accepted");
    expect(effects).toMatchObject({ unwrap: [1, 2, 3], sidecar: true, closed: [] });
    expect(effects.opened).toEqual([sessionOf(1)]);
    expect(fresh.state.cluster).toEqual(cluster);
    expect(world.row(1)).toEqual([1, 1]);
    expect(world.row(2)).toEqual([1, 1]);
  });
  test("the same bytes again are a no-op, other bytes an error", () => {
    expect(world.unchanged(() => told(world.apply(bootstrapEntry())))).toBe("replayed");
    expect(world.unchanged(() => told(world.apply(bootstrapEntry(9))))).toBe(
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
    expect(world.unchanged(() => told(world.apply(garbage)))).toBe("alarm unauthenticated");
  });
  test("key ids are distinct across purposes", () => {
    const body = bootstrapBody([registrationOf(2, nodeA, 1, 1)]);
    body.writeUInt32BE(2, 17 + 24);
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
    expect(world.row(2, nodeB)).toEqual([4, 4]);
  });
  test("a greater epoch advances, first_seen stays, the newer session closes the older", () => {
    const { effects } = world.register(2, nodeA, 5, 21);
    expect(effects).toMatchObject({ opened: [sessionOf(21)], closed: [sessionOf(1)] });
    expect(world.row(2)).toEqual([1, 5]);
    expect(judge(world.state, { keyId: 0, session: sessionOf(1), seq: 1 }, 9)).toBe(
      "stale-session",
    );
    expect(judge(world.state, { keyId: 0, session: sessionOf(21), seq: 1 }, 9)).toBe("apply");
  });
  test("replay of the same load changes nothing, not even the sequence", () => {
    expect(admit(world.state, { keyId: 0, session: sessionOf(1), seq: 1 }, 9)).toBe("apply");
    expect(world.unchanged(() => told(world.register(2, nodeA, 1, 1)))).toBe("replayed");
    expect(world.next(1)).toBe(2);
  });
  test("clone: an equal epoch with another salt is refused, and names the load", () => {
    const act = () => world.register(2, nodeA, 1, 22);
    const { outcome, effects } = act();
    expect(outcome).toMatchObject({ kind: "refused", code: "WRITER_CLONED" });
    expect(effects.refusedLoads[0]?.registration.salt).toEqual(salt(22));
    expect(world.unchanged(() => told(act()))).toBe("refused WRITER_CLONED");
  });
  test("rollback: a smaller epoch is refused, even with the salt it once had", () => {
    world.register(2, nodeA, 5, 23);
    expect(world.unchanged(() => told(world.register(2, nodeA, 4, 24)))).toBe(
      "refused WRITER_ROLLED_BACK",
    );
    expect(world.unchanged(() => told(world.register(2, nodeA, 1, 1)))).toBe(
      "refused WRITER_ROLLED_BACK",
    );
  });
  test("collision: another node in the same 16-bit slot is refused", () => {
    let n = 0;
    let twin = identityOf("x0");
    while (twin.node16 !== nodeA.node16) twin = identityOf(`x${++n}`);
    expect(world.unchanged(() => told(world.register(2, twin, 9, 25)))).toBe(
      "refused NODE_ID_COLLISION",
    );
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
    expect(world.row(1)).toEqual([1, 2]);
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
      expect(world.unchanged(() => told(world.apply({ ...entry, body })))).toBe(
        "alarm unauthenticated",
      );
    }
    for (let size = 0; size < entry.body.length; size++)
      expect(
        world.unchanged(() => told(world.apply({ ...entry, body: entry.body.subarray(0, size) }))),
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
      expect(world.unchanged(() => told(world.apply(entry)))).toBe("alarm unauthenticated");
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
      expect(world.unchanged(() => told(world.change({ kind: "enable-log" }, 10, macKey)))).toBe(
        "alarm unauthenticated",
      );
  });
  test("repeated or reordered it is a no-op with an alarm", () => {
    const first = world.entry({ kind: "enable-storage" });
    expect(told(world.apply(first))).toBe("accepted");
    expect(world.unchanged(() => told(world.apply(first)))).toBe("alarm gap");
    const body = encodeKeyChange({ kind: "enable-log" });
    const late = entryOf(controlOpcodes.keyChange, body, { session: sessionOf(1), seq: 3 });
    expect(world.unchanged(() => told(world.apply(late)))).toBe("alarm gap");
    world.register(2, nodeA, 2, 40);
    expect(world.unchanged(() => told(world.change({ kind: "enable-log" })))).toBe(
      "alarm stale-session",
    );
  });
  test("a registration in another session than it opens is a no-op", () => {
    const body = encodeRegistration(registrationOf(2, nodeA, 2, 41));
    const entry = entryOf(controlOpcodes.registration, body, { session: sessionOf(1), seq: 1 });
    expect(world.unchanged(() => told(world.apply(entry)))).toBe("alarm out-of-session");
  });
  test("authentic but unreadable, or sealed: halts and changes nothing", () => {
    const at = { session: sessionOf(1), seq: 1 };
    const odd = entryOf(controlOpcodes.keyChange, Buffer.from("01ff", "hex"), at);
    expect(world.unchanged(() => told(world.apply(odd)))).toBe("halt CONTROL_ENTRY_UNDECODABLE");
    const sealed = { ...odd, header: { ...odd.header, keyId: 2 } };
    expect(world.unchanged(() => told(world.apply(sealed)))).toBe("halt CONTROL_ENTRY_UNDECODABLE");
  });
  test("under a log key that is not unwrapped: halts, and goes on once it is", () => {
    const entry = world.entry({ kind: "enable-storage" });
    const none = { hmac: () => null };
    expect(world.unchanged(() => told(world.apply(entry, none)))).toBe(
      "halt CONTROL_KEY_UNAVAILABLE",
    );
    expect(told(world.apply(entry))).toBe("accepted");
  });
});
