/**
 * HMACs of control: signing and verifying control entries and the sidecar under keys derived from
 * DEKs. Hazard: tags are compared in constant time, and a key that is not held is told apart from
 * a tag that is wrong. RFC 2104.
 * @module
 */
import { assert } from "../base/assert.ts";
import type { KeyId } from "../base/brand.ts";
import { isStrongroomError, StrongroomError } from "../base/errors.ts";
import {
  type ControlOpcode,
  type ControlPlace,
  controlMacInput,
  encodeControlPayload,
} from "../entry/control.ts";
import type { Primitives } from "../platform/primitives.ts";
import type { VerifyMac } from "./apply.ts";

/** Kinds of MAC key that are derived from a DEK for control. */
export type ControlMacKind = "control" | "sidecar" | "proof";

export interface MacSource {
  /** HMAC-SHA-256 (32 bytes) of `data` under the key derived for `kind`; null if not held. */
  hmac(keyId: KeyId, kind: ControlMacKind, data: Uint8Array): Buffer | null;
}

/** Where the derived keys come from: the keystore. */
export interface MacKeys {
  /** @throws CRYPTO_KEY_UNKNOWN for a DEK that is not held. */
  macKey(keyId: KeyId, kind: ControlMacKind): Buffer;
}

/** A MacSource over a keystore. Derived keys are zeroed after each use: control is rare. */
export function macSource(keys: MacKeys, primitives: Primitives): MacSource {
  return {
    hmac(keyId, kind, data) {
      let raw: Buffer;
      try {
        raw = keys.macKey(keyId, kind);
      } catch (error) {
        if (isStrongroomError(error, "CRYPTO_KEY_UNKNOWN")) return null;
        throw error;
      }
      const key = primitives.mac(raw);
      const tag = Buffer.alloc(32);
      key.sign(data, 0, data.length, tag, 0, 32);
      key.dispose();
      raw.fill(0);
      return tag;
    },
  };
}

/** Constant time for equal lengths. */
export function sameTag(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (let at = 0; at < one.length; at++) difference |= one[at]! ^ other[at]!;
  return difference === 0;
}

/** What `applyControl` asks for. */
export function verifierOf(macs: MacSource): VerifyMac {
  return (keyId, input, tag) => {
    const expected = macs.hmac(keyId, "control", input);
    if (expected === null) return "unavailable";
    return sameTag(expected, tag) ? "valid" : "invalid";
  };
}

/**
 * The payload of a control entry for exactly this place, signed under a log DEK.
 * @throws CRYPTO_KEY_UNKNOWN if that DEK is not held.
 */
export function signControl(
  macs: MacSource,
  keyId: KeyId,
  place: ControlPlace,
  opcode: ControlOpcode,
  body: Buffer,
): Buffer {
  assert(keyId !== 0);
  const tag = macs.hmac(keyId, "control", controlMacInput(place, opcode, keyId, body));
  if (tag === null) throw new StrongroomError("CRYPTO_KEY_UNKNOWN", `log key ${keyId}`);
  return encodeControlPayload(opcode, body, { keyId, tag });
}
