// Permanent format: what was sealed opens only if these strings stay. Integers are big-endian.
//
//   subkey  HKDF-SHA-256(DEK, salt 32, "strongroom/1/" | use | key_id u32 | group u16 |
//                        node16 u16 | local_epoch u16, 32)
//   MAC key HKDF-SHA-256(DEK, no salt, "strongroom/1/mac/" | kind | key_id u32, 32)
/**
 * No DEK seals anything itself: each load of the log, each store segment and each snapshot draws a
 * fresh salt and derives a subkey of its own. So a disk image put back from last week, or a clone,
 * counts its nonces from 1 under another key. RFC 5869. docs/formats/envelope.md.
 * @module
 */
import { assert, assertInteger } from "../base/assert.ts";
import type { Primitives } from "../platform/primitives.ts";
import type { Writer } from "./nonce.ts";

/** What a subkey seals. Storage and snapshot hang on the storage DEK, log on the log DEK. */
export type SubkeyUse = "storage" | "log" | "snapshot";

const saltBytes = 32;
export const dekBytes = 32;
const subkeyBytes = 32;

const domain = "strongroom/1/";

export interface SubkeyPlace extends Writer {
  readonly use: SubkeyUse;
  /** u32, never 0. */
  readonly keyId: number;
  /** 32 random bytes, drawn once for this subkey. */
  readonly salt: Uint8Array;
  readonly group: number;
}

/** The info string of a subkey. All after `use` has a fixed length, so no two places share one. */
export function subkeyInfo(place: SubkeyPlace): Buffer {
  assertInteger(place.keyId, { min: 1, max: 0xffff_ffff });
  assertInteger(place.group, { min: 0, max: 0xffff });
  assertInteger(place.node16, { min: 0, max: 0xffff });
  assertInteger(place.epoch, { min: 1, max: 0xffff });
  const use = domain + place.use;
  const info = Buffer.alloc(use.length + 10);
  info.write(use, 0, "latin1");
  info.writeUInt32BE(place.keyId, use.length);
  info.writeUInt16BE(place.group, use.length + 4);
  info.writeUInt16BE(place.node16, use.length + 6);
  info.writeUInt16BE(place.epoch, use.length + 8);
  return info;
}

/** @returns 32 bytes of the caller's own, to be zeroed. */
export function deriveSubkey(primitives: Primitives, dek: Uint8Array, place: SubkeyPlace): Buffer {
  assert(dek.length === dekBytes, "a DEK has 32 bytes");
  assert(place.salt.length === saltBytes, "a salt has 32 bytes");
  return primitives.hkdf(dek, place.salt, subkeyInfo(place), subkeyBytes);
}

/** Info string of the MAC key of one kind of file or entry: lower-case words, `-` between them. */
function macInfo(keyId: number, kind: string): Buffer {
  assertInteger(keyId, { min: 1, max: 0xffff_ffff });
  assert(/^[a-z][a-z-]{0,30}$/.test(kind), "the kind of a MAC key is a word");
  const text = `${domain}mac/${kind}`;
  const info = Buffer.alloc(text.length + 4);
  info.write(text, 0, "latin1");
  info.writeUInt32BE(keyId, text.length);
  return info;
}

/** @returns 32 bytes of the caller's own, to be zeroed. */
export function deriveMacKey(
  primitives: Primitives,
  dek: Uint8Array,
  keyId: number,
  kind: string,
): Buffer {
  assert(dek.length === dekBytes, "a DEK has 32 bytes");
  return primitives.hkdf(dek, new Uint8Array(0), macInfo(keyId, kind), subkeyBytes);
}
