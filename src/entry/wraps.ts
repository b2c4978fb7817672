/**
 * Purposes of DEKs and their wraps, as control entries, control records and the sidecar hold them:
 * `count u8 | (kek id: length u8, UTF-8 | length u16 | bytes)*`. A wrap is a DEK sealed under one
 * KEK and bound to cluster, purpose and key id; any one of them opens the DEK. Hazard: a count or
 * length is believed only once it fits what is there. docs/formats/log-entry.md.
 * @module
 */
import { assert } from "../base/assert.ts";
import type { KeyId } from "../base/brand.ts";
import type { ByteReader, ByteWriter } from "../base/bytes.ts";
import { StrongroomError } from "../base/errors.ts";

export type Purpose = "storage" | "log" | "index";

const purposeNames: readonly Purpose[] = ["storage", "log", "index"];

export const wrapsPerKeyMax = 16;
export const wrapBytesMax = 4096;
export const kekIdBytesMax = 255;

/** One DEK wrapped by one KEK. `bytes`: 1..4096, opaque to everybody but the provider. */
export interface Wrap {
  readonly kekId: string;
  readonly bytes: Uint8Array;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** 1 storage, 2 log, 3 index, on disk and in the binding of a wrap. */
export function purposeNumber(purpose: Purpose): number {
  return purposeNames.indexOf(purpose) + 1;
}

/** @throws FORMAT_RANGE for a number that names no purpose. */
export function purposeOf(number: number): Purpose {
  const purpose = purposeNames[number - 1];
  if (purpose === undefined) throw new StrongroomError("FORMAT_RANGE", "unknown purpose of a key");
  return purpose;
}

/** @throws FORMAT_RANGE for 0. */
export function readKeyId(reader: ByteReader): KeyId {
  const id = reader.u32();
  if (id === 0) throw new StrongroomError("FORMAT_RANGE", "key id 0");
  return id as KeyId;
}

/** Text with a length of one or two bytes before it. @throws FORMAT_RANGE unless valid UTF-8. */
export function readText(reader: ByteReader, length: number): string {
  try {
    return utf8.decode(reader.bytes(length));
  } catch (error) {
    if (error instanceof StrongroomError) throw error;
    throw new StrongroomError("FORMAT_RANGE", "text is not UTF-8");
  }
}

export function writeWraps(writer: ByteWriter, wraps: readonly Wrap[]): void {
  assert(wraps.length <= wrapsPerKeyMax);
  writer.u8(wraps.length);
  for (const { kekId, bytes } of wraps) {
    const id = Buffer.from(kekId, "utf8");
    assert(id.length >= 1 && id.length <= kekIdBytesMax, "length of a kek id");
    assert(bytes.length >= 1 && bytes.length <= wrapBytesMax, "length of a wrap");
    writer.u8(id.length).bytes(id).u16(bytes.length).bytes(bytes);
  }
}

/**
 * @param min - Fewest wraps: 1 where the key is usable, 0 for a retired one.
 * @throws FORMAT_RANGE for a count, length or repeated KEK outside its bounds.
 */
export function readWraps(reader: ByteReader, min = 1): Wrap[] {
  const count = reader.u8();
  if (count < min || count > wrapsPerKeyMax)
    throw new StrongroomError("FORMAT_RANGE", `${count} wraps of one key`);
  const wraps: Wrap[] = [];
  for (let nth = 0; nth < count; nth++) {
    const idLength = reader.u8();
    if (idLength === 0) throw new StrongroomError("FORMAT_RANGE", "empty kek id");
    const kekId = readText(reader, idLength);
    const length = reader.u16();
    if (length === 0 || length > wrapBytesMax)
      throw new StrongroomError("FORMAT_RANGE", `a wrap of ${length} bytes`);
    if (wraps.some((wrap) => wrap.kekId === kekId))
      throw new StrongroomError("FORMAT_RANGE", "two wraps by one kek");
    wraps.push({ kekId, bytes: Buffer.from(reader.bytes(length)) });
  }
  return wraps;
}

/** Compares content: KEKs, their order, and the wrapped bytes. */
export function sameWraps(one: readonly Wrap[], other: readonly Wrap[]): boolean {
  return (
    one.length === other.length &&
    one.every((wrap, at) => {
      const twin = other[at]!;
      return wrap.kekId === twin.kekId && Buffer.compare(wrap.bytes, twin.bytes) === 0;
    })
  );
}
