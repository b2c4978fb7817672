/**
 * The keys of one segment, all bound to its salt: the subkey that seals its records and the key of
 * its MACs. In a clear segment the MACs stand under a key of zeros: they then find accidents only.
 * @module
 */
import type { MacKey, Primitives } from "../../platform/primitives.ts";
import type { StorageKeys } from "../store.ts";
import { macBytes, type SegmentHeader } from "./header.ts";

/** @returns The segment's MAC key, 32 bytes of the caller's own, to be zeroed. */
export function segmentMacKey(
  primitives: Primitives,
  keys: StorageKeys,
  header: Pick<SegmentHeader, "keyId" | "salt">,
): Buffer {
  if (header.keyId === 0) return Buffer.alloc(macBytes);
  const base = keys.macKey(header.keyId, "segment");
  const mac = primitives.mac(base);
  try {
    const key = Buffer.alloc(macBytes);
    mac.sign(header.salt, 0, header.salt.length, key, 0, macBytes);
    return key;
  } finally {
    mac.dispose();
    base.fill(0);
  }
}

/** Runs `use` with the segment's MAC key, which is gone afterwards. */
export function withSegmentMac<T>(
  primitives: Primitives,
  keys: StorageKeys,
  header: Pick<SegmentHeader, "keyId" | "salt">,
  use: (mac: MacKey) => T,
): T {
  const key = segmentMacKey(primitives, keys, header);
  const mac = primitives.mac(key);
  key.fill(0);
  try {
    return use(mac);
  } finally {
    mac.dispose();
  }
}

/** The subkey of a sealed segment, to be zeroed. @throws CRYPTO_KEY_UNKNOWN */
export function segmentSubkey(keys: StorageKeys, header: SegmentHeader): Buffer {
  return keys.derive(header.keyId, header.salt, header.node16, header.epoch);
}
