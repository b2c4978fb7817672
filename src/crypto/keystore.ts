/**
 * The DEKs that a node has unwrapped, in memory only. They do not leave: the keystore gives out
 * what derives from them. Changes replace the whole map, so that whoever walks over it sees one
 * state; a dropped key is zeroed at once. The hazards: a key id that means another key than
 * before, a key used for another purpose, and id 0, which means "clear" and must never seal.
 * @module
 */
import { assert, assertInteger } from "../base/assert.ts";
import type { KeyId } from "../base/brand.ts";
import { StrongroomError } from "../base/errors.ts";
import type { Primitives } from "../platform/primitives.ts";
import { PhysicalKeys } from "./prf.ts";
import {
  dekBytes,
  deriveMacKey,
  deriveSubkey,
  type SubkeyPlace,
  type SubkeyUse,
} from "./subkey.ts";

export type KeyPurpose = "storage" | "log" | "index";

interface Held {
  readonly purpose: KeyPurpose;
  readonly raw: Buffer;
}

const purposeOfUse: Readonly<Record<SubkeyUse, KeyPurpose>> = {
  storage: "storage",
  snapshot: "storage",
  log: "log",
};

export class Keystore {
  readonly #primitives: Primitives;
  #keys: ReadonlyMap<number, Held> = new Map();

  constructor(primitives: Primitives) {
    this.#primitives = primitives;
  }

  /**
   * Takes a copy of a DEK; the caller zeroes its own. The same key again changes nothing.
   * @param raw - 32 bytes.
   * @throws CRYPTO_KEY_ID_INVALID for id 0; CRYPTO_KEY_CONFLICT if the id is held with other bytes
   * or another purpose.
   */
  add(keyId: number, purpose: KeyPurpose, raw: Uint8Array): void {
    if (keyId === 0) throw new StrongroomError("CRYPTO_KEY_ID_INVALID");
    assertInteger(keyId, { min: 1, max: 0xffff_ffff });
    assert(raw.length === dekBytes, "a DEK has 32 bytes");
    const held = this.#keys.get(keyId);
    if (held !== undefined) {
      if (held.purpose === purpose && held.raw.equals(raw)) return;
      throw new StrongroomError("CRYPTO_KEY_CONFLICT", `key ${keyId}`);
    }
    // A buffer of its own, not a part of Node's pool: it must be zeroed whole.
    const copy = Buffer.allocUnsafeSlow(dekBytes);
    copy.set(raw);
    this.#keys = new Map(this.#keys).set(keyId, { purpose, raw: copy });
  }

  /** Zeroes a key and forgets it. True if it was held. */
  drop(keyId: number): boolean {
    const held = this.#keys.get(keyId);
    if (held === undefined) return false;
    const left = new Map(this.#keys);
    left.delete(keyId);
    this.#keys = left;
    held.raw.fill(0);
    return true;
  }

  /** Zeroes and forgets all. */
  close(): void {
    const keys = this.#keys;
    this.#keys = new Map();
    for (const { raw } of keys.values()) raw.fill(0);
  }

  has(keyId: number): boolean {
    return this.#keys.has(keyId);
  }

  /** True if exactly these bytes are held under the id. Constant time for equal lengths. */
  matches(keyId: number, raw: Uint8Array): boolean {
    const held = this.#keys.get(keyId);
    if (held === undefined || raw.length !== dekBytes) return false;
    let difference = 0;
    for (let at = 0; at < dekBytes; at++) difference |= held.raw[at]! ^ raw[at]!;
    return difference === 0;
  }

  /**
   * Lends a copy of a DEK to be wrapped by another KEK, for which no KEK need answer; it is zeroed
   * when `use` is done. @throws CRYPTO_KEY_UNKNOWN.
   */
  async lend<T>(keyId: number, use: (raw: Buffer) => Promise<T>): Promise<T> {
    const copy = Buffer.allocUnsafeSlow(dekBytes);
    copy.set(this.#raw(keyId, null));
    try {
      return await use(copy);
    } finally {
      copy.fill(0);
    }
  }

  /** Ids and purposes as of now: later changes do not show. */
  list(): { readonly keyId: KeyId; readonly purpose: KeyPurpose }[] {
    return [...this.#keys].map(([keyId, { purpose }]) => ({ keyId: keyId as KeyId, purpose }));
  }

  #raw(keyId: number, purpose: KeyPurpose | null): Buffer {
    const held = this.#keys.get(keyId);
    if (held === undefined) throw new StrongroomError("CRYPTO_KEY_UNKNOWN", `key ${keyId}`);
    if (purpose !== null && held.purpose !== purpose)
      throw new StrongroomError("CRYPTO_KEY_PURPOSE", `key ${keyId} is a ${held.purpose} key`);
    return held.raw;
  }

  /**
   * The subkey of one writer in one place.
   * @returns 32 bytes of the caller's own, to be zeroed.
   * @throws CRYPTO_KEY_UNKNOWN, CRYPTO_KEY_PURPOSE.
   */
  derive(place: SubkeyPlace): Buffer {
    const raw = this.#raw(place.keyId, purposeOfUse[place.use]);
    return deriveSubkey(this.#primitives, raw, place);
  }

  /**
   * The key for the MACs of one kind of file or entry: `segment`, `manifest`, `hint`, `sidecar` …
   * @returns 32 bytes of the caller's own, to be zeroed. @throws CRYPTO_KEY_UNKNOWN.
   */
  macKey(keyId: number, kind: string): Buffer {
    return deriveMacKey(this.#primitives, this.#raw(keyId, null), keyId, kind);
  }

  /** The places of a group's records under an index DEK. @throws as derive. */
  physicalKeys(keyId: number, group: number): PhysicalKeys {
    return new PhysicalKeys(this.#primitives, this.#raw(keyId, "index"), group);
  }
}
