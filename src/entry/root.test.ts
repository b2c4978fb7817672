// Goal: the body of a root never drifts; nothing cut, unknown or reserved is read.
// Method: a golden vector, every truncation, every bit of type and flags, random roots.
import fc from "fast-check";
import { expect, test } from "vitest";
import { type RootHeader, readRootHeader, rootHeaderBytes, writeRootHeader } from "./root.ts";

const sample: RootHeader = {
  type: 1,
  raw: true,
  index: 0x1_0203_0405,
  ordinal: 0xfffefdfc,
  keyLength: 3,
};
const empty = (): RootHeader => ({ type: 0, raw: false, index: 0, ordinal: 0, keyLength: 0 });

function encode(root: RootHeader, key: Uint8Array, value: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.alloc(rootHeaderBytes), key, value]);
  writeRootHeader(body, 0, root);
  return body;
}

function read(body: Buffer, at = 0, end = body.length): RootHeader {
  const root = empty();
  readRootHeader(body, at, end, root);
  return root;
}

const whole = encode(sample, Buffer.from("key"), Buffer.from("value"));

test("root: the body has the documented bytes", () => {
  const fields = ["01", "01", "0000000102030405", "fffefdfc", "00000003"];
  const text = Buffer.from("keyvalue").toString("hex");
  expect(whole.toString("hex")).toBe([...fields, text].join(""));
  expect(read(whole)).toEqual(sample);
});

test("root: every truncation before the value is refused", () => {
  const cut = expect.objectContaining({ code: "FORMAT_TRUNCATED" });
  for (let size = 0; size < rootHeaderBytes + 3; size++) {
    expect(() => read(whole.subarray(0, size))).toThrow(cut);
    expect(() => read(whole, 0, size)).toThrow(cut);
  }
  expect(read(whole, 0, rootHeaderBytes + 3).keyLength).toBe(3);
});

test("root: unknown types, reserved flags and numbers above 2^53 are refused", () => {
  const unknown = expect.objectContaining({ code: "FORMAT_VERSION" });
  for (let type = 0; type < 256; type++) {
    const body = Buffer.from(whole);
    body[0] = type;
    if (type !== 1) expect(() => read(body)).toThrow(unknown);
  }
  for (let flags = 2; flags < 256; flags++) {
    const body = Buffer.from(whole);
    body[1] = flags;
    expect(() => read(body)).toThrow(unknown);
  }
  const far = Buffer.from(whole);
  far.writeUInt32BE(0x200000, 2);
  expect(() => read(far)).toThrow(expect.objectContaining({ code: "FORMAT_RANGE" }));
  const long = Buffer.from(whole);
  long.writeUInt32BE(0xffff_ffff, 14);
  expect(() => read(long)).toThrow(expect.objectContaining({ code: "FORMAT_TRUNCATED" }));
});

test("root: random roots come back from anywhere in a buffer", () => {
  const parts = [fc.boolean(), fc.maxSafeNat(), fc.nat(0xffff_ffff)] as const;
  fc.assert(
    fc.property(...parts, fc.uint8Array(), fc.nat(40), (raw, index, ordinal, key, at) => {
      const root = { type: 1, raw, index, ordinal, keyLength: key.length };
      const body = encode(root, key, Buffer.from("v"));
      const padded = Buffer.concat([Buffer.alloc(at, 1), body, Buffer.alloc(at, 1)]);
      expect(read(padded, at, at + body.length)).toEqual(root);
    }),
  );
});
