// Goal: a sealed record or entry opens only where it belongs, unchanged, under its own key.
// Method: seal through the real sealer, then flip every bit, cut it, move it; on both primitives.
import { describe, expect, test } from "vitest";
import { entryHeaderBytes, writeEntryHeader } from "../entry/logentry.ts";
import { kindPut, recordTextAt, sealedPutOverhead, writeRecordHeader } from "../entry/record.ts";
import { loadNative } from "../platform/native.ts";
import { loadPrimitives } from "../platform/primitives.ts";
import { compressText, decompressText } from "./compress.ts";
import { entryTextAt, LogOpener, LogSealer, sealedEntryOverhead } from "./log.ts";
import { logPrefix, storagePrefix } from "./place.ts";
import { RecordOpener, RecordSealer } from "./record.ts";

const place = { cluster: Buffer.alloc(16, 3), group: 1 };
const subkey = Buffer.alloc(32, 5);
const identity = { keyId: 6, node16: 7, epoch: 8 };
const text = Buffer.from("the text of the record");
const kinds = loadNative() === null ? (["node"] as const) : (["node", "native"] as const);

describe.each(kinds)("sealed on %s", (kind) => {
  const primitives = loadPrimitives(kind);

  function sealedRecords(count: number): Buffer[] {
    const sealer = new RecordSealer(primitives, subkey, storagePrefix(place), identity);
    return Array.from({ length: count }, () => {
      const buffer = Buffer.alloc(sealedPutOverhead + text.length);
      writeRecordHeader(buffer, 0, kindPut, Buffer.alloc(16, 1), 0, true, 2, 3, 4n);
      buffer.set(text, recordTextAt);
      sealer.add(buffer, 0, text.length, false);
      sealer.sealAll(buffer);
      return buffer;
    });
  }

  function sealedEntry(): Buffer {
    const sealer = new LogSealer(primitives, subkey, logPrefix(place), identity);
    const buffer = Buffer.alloc(sealedEntryOverhead + text.length);
    writeEntryHeader(buffer, 0, { keyId: 6, session: 11n, seq: 12 });
    sealer.seal(buffer, 0, text);
    return buffer;
  }

  const opener = new RecordOpener(primitives, subkey, storagePrefix(place), identity.keyId);
  const logOpener = new LogOpener(primitives, subkey, logPrefix(place), identity.keyId);

  test("confidentiality: the text is not in what is stored, and equal texts differ", () => {
    const [one, other] = sealedRecords(2);
    expect(one!.includes(text)).toBe(false);
    expect(one!.subarray(recordTextAt).equals(other!.subarray(recordTextAt))).toBe(false);
    expect(sealedEntry().includes(text)).toBe(false);
  });

  test("a record and an entry open to what was sealed", () => {
    const record = sealedRecords(1)[0]!;
    opener.open(record, 0, record.length);
    expect(record.subarray(opener.bodyStart, opener.bodyEnd).equals(text)).toBe(true);
    const entry = sealedEntry();
    expect(logOpener.open(entry, 0, entry.length)).toBe(text.length);
    expect(entry.subarray(entryTextAt, entryTextAt + text.length).equals(text)).toBe(true);
  });

  test("integrity: every flipped bit and every truncation is refused", () => {
    const record = sealedRecords(1)[0]!;
    const entry = sealedEntry();
    for (let bit = 0; bit < record.length * 8; bit++) {
      const copy = Buffer.from(record);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => opener.open(copy, 0, copy.length)).toThrow(/CRYPTO_/);
    }
    for (let bit = 0; bit < entry.length * 8; bit++) {
      const copy = Buffer.from(entry);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => logOpener.open(copy, 0, copy.length)).toThrow(/CRYPTO_/);
    }
    for (let length = 46; length < record.length; length++)
      expect(() => opener.open(Buffer.from(record), 0, length)).toThrow(/CRYPTO_/);
    for (let length = entryHeaderBytes; length < entry.length; length++)
      expect(() => logOpener.open(Buffer.from(entry), 0, length)).toThrow(/CRYPTO_/);
  });

  test("move-integrity: another group, cluster or use does not open", () => {
    const record = sealedRecords(1)[0]!;
    for (const prefix of [
      storagePrefix({ ...place, group: 2 }),
      storagePrefix({ ...place, cluster: Buffer.alloc(16, 4) }),
      logPrefix(place),
    ]) {
      const other = new RecordOpener(primitives, subkey, prefix, identity.keyId);
      const copy = Buffer.from(record);
      expect(() => other.open(copy, 0, copy.length)).toThrow(/CRYPTO_TAG_MISMATCH/);
    }
  });
});

test("compression is bounded when it is undone", () => {
  const long = Buffer.alloc(100_000, "ab");
  const packed = compressText(long)!;
  expect(packed.length).toBeLessThan(1000);
  expect(decompressText(packed, long.length).equals(long)).toBe(true);
  expect(() => decompressText(packed, long.length - 1)).toThrow(/FORMAT_RANGE/);
  expect(() => decompressText(Buffer.from("no zstd"), 100)).toThrow(/FORMAT_RANGE/);
  expect(compressText(Buffer.alloc(4095))).toBeNull();
});
