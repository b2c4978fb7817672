import { createHmac } from "node:crypto";
import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { decodeManifest, encodeManifest, type ManifestKey } from "./manifest.ts";
import { flipBit } from "./testing/bytes.ts";

const kind = { magic: "SRMANIF1", version: 1 };
const entries = [Buffer.from("first"), Buffer.from(""), Buffer.from("third")];

function key(keyId: number, secret = "secret"): ManifestKey {
  return { keyId, sign: (data) => createHmac("sha256", secret).update(data).digest() };
}

function decode(data: Buffer, secret = "secret") {
  return decodeManifest(kind, data, (keyId) => key(keyId, secret), "m");
}

/** The same bytes with a checksum that fits, as a forger would leave them. */
function withChecksum(data: Buffer): Buffer {
  data.writeUInt32BE(crc32(data.subarray(0, data.length - 4)), data.length - 4);
  return data;
}

test("a manifest has the documented bytes", () => {
  const clear = encodeManifest(kind, entries, null);
  const fixed = ["53524d414e494631", "01", "00", "00000000", "00000016"];
  const list = ["00000005", "6669727374", "00000000", "00000005", "7468697264"];
  const end = ["00".repeat(32), "7b4771f6"];
  expect(clear.toString("hex")).toBe([...fixed, ...list, ...end].join(""));
  const signed = encodeManifest(kind, entries, key(9));
  expect(signed.toString("hex", 8, 14)).toBe("010100000009");
  expect(signed.subarray(-36, -4)).toEqual(key(9).sign(signed.subarray(0, -36)));
  expect(decode(clear)).toEqual({ keyId: 0, entries });
  expect(decode(signed)).toEqual({ keyId: 9, entries });
  expect(decode(encodeManifest(kind, [], key(9)))).toEqual({ keyId: 9, entries: [] });
});

test("every bit flip and every truncation of a manifest is refused", () => {
  for (const whole of [
    encodeManifest(kind, entries, null),
    encodeManifest(kind, entries, key(9)),
  ]) {
    for (let bit = 0; bit < whole.length * 8; bit++)
      expect(() => decode(flipBit(whole, bit))).toThrow("FILE_MANIFEST_DAMAGED");
    for (let size = 0; size < whole.length; size++)
      expect(() => decode(whole.subarray(0, size))).toThrow("FILE_MANIFEST_DAMAGED");
  }
});

test("integrity: an edited manifest with a fitting checksum is refused", () => {
  const whole = encodeManifest(kind, entries, key(9));
  for (let bit = 0; bit < (whole.length - 4) * 8; bit++)
    expect(() => decode(withChecksum(flipBit(whole, bit)))).toThrow(
      /FILE_MAC_MISMATCH|FILE_MANIFEST_DAMAGED|FORMAT_VERSION/,
    );
  expect(() => decode(whole, "another secret")).toThrow("FILE_MAC_MISMATCH");
});

test("lengths inside a manifest are bounded by it", () => {
  const clear = encodeManifest(kind, entries, null);
  clear.writeUInt32BE(0xffff_ffff, 18);
  expect(() => decode(withChecksum(clear))).toThrow("FORMAT_TRUNCATED");
  const other = encodeManifest({ magic: "SRMANIF2", version: 1 }, entries, null);
  expect(() => decode(other)).toThrow("FILE_MANIFEST_DAMAGED");
  const later = encodeManifest({ magic: "SRMANIF1", version: 2 }, entries, null);
  expect(() => decode(later)).toThrow("FORMAT_VERSION");
});
