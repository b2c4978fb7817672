// Goal: a key id means one key for one purpose, 0 never seals, and what is dropped is gone.
import fc from "fast-check";
import { expect, test } from "vitest";
import { loadPrimitives, type Primitives } from "../platform/primitives.ts";
import { Keystore } from "./keystore.ts";
import { PhysicalKeys } from "./prf.ts";

const primitives = loadPrimitives("node");
const coded = (code: string) => expect.objectContaining({ code });
const dek = (byte: number) => Buffer.alloc(32, byte);
const place = (keyId: number) => ({
  use: "storage" as const,
  keyId,
  salt: dek(9),
  group: 0,
  node16: 1,
  epoch: 1,
});

/** Keeps every raw key that the keystore hands to HKDF, to see what becomes of it. */
function spying(): { spy: Primitives; seen: Uint8Array[] } {
  const seen: Uint8Array[] = [];
  const hkdf: Primitives["hkdf"] = (ikm, salt, info, length) => {
    seen.push(ikm);
    return primitives.hkdf(ikm, salt, info, length);
  };
  return { spy: { ...primitives, hkdf }, seen };
}

test("keystore: key id 0 is refused", () => {
  const keystore = new Keystore(primitives);
  expect(() => keystore.add(0, "storage", dek(1))).toThrow(coded("CRYPTO_KEY_ID_INVALID"));
  expect(keystore.list()).toEqual([]);
  expect(() => keystore.derive(place(0))).toThrow(coded("CRYPTO_KEY_UNKNOWN"));
});

test("keystore: the same key again changes nothing, another under its id is refused", () => {
  const keystore = new Keystore(primitives);
  keystore.add(1, "storage", dek(1));
  const before = keystore.derive(place(1));
  keystore.add(1, "storage", dek(1));
  const conflict = coded("CRYPTO_KEY_CONFLICT");
  expect(() => keystore.add(1, "storage", dek(2))).toThrow(conflict);
  expect(() => keystore.add(1, "log", dek(1))).toThrow(conflict);
  expect(keystore.derive(place(1)).equals(before)).toBe(true);
});

test("keystore: a key serves its own purpose alone", () => {
  const keystore = new Keystore(primitives);
  keystore.add(1, "storage", dek(1));
  keystore.add(2, "log", dek(2));
  keystore.add(3, "index", dek(3));
  const refused = coded("CRYPTO_KEY_PURPOSE");
  for (const keyId of [2, 3]) expect(() => keystore.derive(place(keyId))).toThrow(refused);
  for (const keyId of [1, 3])
    expect(() => keystore.derive({ ...place(keyId), use: "log" })).toThrow(refused);
  for (const keyId of [1, 2]) expect(() => keystore.physicalKeys(keyId, 0)).toThrow(refused);
  expect(keystore.derive({ ...place(1), use: "snapshot" })).toHaveLength(32);
});

test("keystore: a key that is not held is unknown, which may pass", () => {
  const keystore = new Keystore(primitives);
  for (const ask of [
    () => keystore.derive(place(5)),
    () => keystore.macKey(5, "sidecar"),
    () => keystore.physicalKeys(5, 0),
  ])
    expect(ask).toThrow(expect.objectContaining({ code: "CRYPTO_KEY_UNKNOWN", retryable: true }));
});

test("keystore: dropped keys are zeroed and gone, the others stay", () => {
  const { spy, seen } = spying();
  const keystore = new Keystore(spy);
  keystore.add(1, "storage", dek(1));
  keystore.add(2, "storage", dek(2));
  keystore.derive(place(1));
  keystore.derive(place(2));
  expect(keystore.drop(1)).toBe(true);
  expect(keystore.drop(1)).toBe(false);
  expect(seen[0]!.every((byte) => byte === 0)).toBe(true);
  expect(seen[1]!.every((byte) => byte === 2)).toBe(true);
  expect(() => keystore.derive(place(1))).toThrow(coded("CRYPTO_KEY_UNKNOWN"));
  keystore.close();
  expect(seen[1]!.every((byte) => byte === 0)).toBe(true);
  expect(keystore.has(2)).toBe(false);
});

test("keystore: it keeps a copy, and a list does not change under its reader", () => {
  const keystore = new Keystore(primitives);
  const own = dek(1);
  keystore.add(1, "storage", own);
  const before = keystore.derive(place(1));
  own.fill(0);
  const list = keystore.list();
  for (const { keyId } of list) {
    keystore.add(keyId + 10, "log", dek(keyId));
    keystore.drop(keyId);
  }
  expect(list).toEqual([{ keyId: 1, purpose: "storage" }]);
  keystore.add(1, "storage", dek(1));
  expect(keystore.derive(place(1)).equals(before)).toBe(true);
});

test("keystore: keys for different kinds, ids and places differ", () => {
  const keystore = new Keystore(primitives);
  keystore.add(1, "storage", dek(1));
  keystore.add(2, "storage", dek(1));
  const keys = [
    keystore.macKey(1, "segment"),
    keystore.macKey(1, "sidecar"),
    keystore.macKey(2, "segment"),
    keystore.derive(place(1)),
    keystore.derive(place(2)),
    keystore.derive({ ...place(1), use: "snapshot" }),
    keystore.derive({ ...place(1), epoch: 2 }),
    dek(1),
  ];
  expect(new Set(keys.map((key) => key.toString("hex"))).size).toBe(keys.length);
});

test("physical keys: what is foreseen has the same keys, and nothing else gets them", () => {
  const keys = new PhysicalKeys(primitives, dek(3), 7);
  const plain = new PhysicalKeys(primitives, dek(3), 7);
  const name = fc.record({
    keyspace: fc.constantFrom(1, 2, 0xffff_ffff),
    bytes: fc.oneof(
      fc.constantFrom("", "a", "b", "key:1", "key:2").map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 70 }),
    ),
  });
  const rootOf = (
    from: PhysicalKeys,
    { keyspace, bytes }: { keyspace: number; bytes: Uint8Array },
  ) => {
    const out = Buffer.alloc(18);
    const buffer = Buffer.concat([Buffer.from("x"), bytes, Buffer.from("y")]);
    from.root(keyspace, buffer, 1, 1 + bytes.length, out, 1);
    return out.toString("hex");
  };
  const some = fc.array(name, { maxLength: 20 });
  fc.assert(
    fc.property(some, some, fc.boolean(), (foreseen, others, whole) => {
      keys.beginForeseeing();
      const taken = foreseen.filter(({ keyspace, bytes }) =>
        keys.foresee(keyspace, bytes, 0, bytes.length),
      );
      const made = whole ? Buffer.from(keys.foreseen()) : null;
      for (const one of [...foreseen, ...others, ...taken])
        expect(rootOf(keys, one)).toBe(rootOf(plain, one));
      for (const [n, one] of taken.entries())
        expect(made?.toString("hex", n * 16, n * 16 + 16) ?? rootOf(plain, one).slice(2, 34)).toBe(
          rootOf(plain, one).slice(2, 34),
        );
    }),
    { numRuns: 200 },
  );
});

test("physical keys: long names are hashed like short ones, and roots never meet chunks", () => {
  const keys = new PhysicalKeys(primitives, dek(3), 7);
  const header = Buffer.from("R\0\x07\xff\xff\xff\xff", "latin1");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 9000 }), (name) => {
      const [out, expected] = [Buffer.alloc(16), Buffer.alloc(16)];
      keys.root(0xffff_ffff, name, 0, name.length, out, 0);
      const data = Buffer.concat([header, name]);
      primitives.mac(dek(3)).sign(data, 0, data.length, expected, 0, 16);
      expect(out.equals(expected)).toBe(true);
    }),
    { numRuns: 50 },
  );
  const [root, chunk] = [Buffer.alloc(16), Buffer.alloc(16)];
  keys.root(1, Buffer.alloc(12), 0, 12, root, 0);
  keys.chunk(2 ** 32, 0, 0, chunk, 0);
  expect(root.equals(chunk)).toBe(false);
});
