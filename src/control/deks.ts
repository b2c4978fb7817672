/**
 * Wrapping and unwrapping of DEKs with any number of KEKs: one that opens is enough. Hazard: a wrap
 * that nobody has opened once may never open, so every new wrap is opened before it is proposed;
 * and raw DEKs are zeroed wherever they are dropped. docs/formats/kek-file.md.
 * @module
 */
import { assert } from "../base/assert.ts";
import type { KeyId } from "../base/brand.ts";
import { ByteWriter, equalBytes } from "../base/bytes.ts";
import { StrongroomError } from "../base/errors.ts";
import type { Random } from "../base/ports.ts";
import { type Purpose, purposeNumber, type Wrap } from "../entry/wraps.ts";

/** What control needs of a KEK provider; `kek/provider.ts` has it. */
export interface Kek {
  /** Stable identity of the key. */
  readonly id: string;
  wrap(dek: Uint8Array, binding: Uint8Array): Promise<Buffer>;
  /** @throws KEK_WRONG (permanent), KEK_UNAVAILABLE (retryable). */
  unwrap(wrapped: Uint8Array, binding: Uint8Array): Promise<Buffer>;
}

export interface RawDek {
  readonly keyId: KeyId;
  readonly purpose: Purpose;
  /** 32 bytes: the receiver zeroes them. */
  readonly raw: Buffer;
}

export interface WrappedDek {
  readonly keyId: KeyId;
  readonly purpose: Purpose;
  readonly wraps: readonly Wrap[];
}

const dekBytes = 32;

/** `cluster id 16 | purpose u8 | key_id u32`: a wrap opens for this key and no other. */
export function wrapBinding(cluster: Uint8Array, purpose: Purpose, keyId: number): Buffer {
  assert(cluster.length === 16 && keyId > 0);
  return new ByteWriter(21).bytes(cluster).u8(purposeNumber(purpose)).u32(keyId).finish();
}

/** Wraps a DEK with every KEK, and opens each wrap once before it is trusted. */
export async function wrapDek(
  dek: RawDek,
  cluster: Uint8Array,
  keks: readonly Kek[],
): Promise<Wrap[]> {
  if (keks.length === 0) throw new StrongroomError("KEK_NOT_CONFIGURED");
  const binding = wrapBinding(cluster, dek.purpose, dek.keyId);
  const wraps: Wrap[] = [];
  for (const kek of keks) {
    const bytes = await kek.wrap(dek.raw, binding);
    const opened = await kek.unwrap(bytes, binding);
    const same = equalBytes(opened, dek.raw);
    opened.fill(0);
    if (!same) throw new StrongroomError("KEY_WRAP_DAMAGED", `new key ${dek.keyId}, kek ${kek.id}`);
    if (!wraps.some((wrap) => wrap.kekId === kek.id)) wraps.push({ kekId: kek.id, bytes });
  }
  return wraps;
}

/** A fresh DEK and its wraps. The caller zeroes `raw`. */
export async function newDek(
  purpose: Purpose,
  keyId: KeyId,
  cluster: Uint8Array,
  keks: readonly Kek[],
  random: Random,
): Promise<{ dek: RawDek; wraps: Wrap[] }> {
  const dek: RawDek = { keyId, purpose, raw: random.bytes(dekBytes) };
  try {
    return { dek, wraps: await wrapDek(dek, cluster, keks) };
  } catch (error) {
    dek.raw.fill(0);
    throw error;
  }
}

/**
 * Opens a DEK with whichever KEK can: one whose service is gone, for a while or for good, does not
 * keep the next from trying.
 * @param slow - KEKs that have just failed, asked last; those that fail now are added.
 * @throws KEK_NOT_CONFIGURED; KEK_WRONG if no configured KEK has wrapped it; KEK_UNAVAILABLE if one
 * that has may answer later; else what one that has refuses for good; KEY_WRAP_DAMAGED if those
 * that have do not open it.
 */
export async function unwrapDek(
  key: WrappedDek,
  cluster: Uint8Array,
  keks: readonly Kek[],
  slow: Set<Kek> = new Set(),
): Promise<Buffer> {
  if (keks.length === 0) throw new StrongroomError("KEK_NOT_CONFIGURED");
  const binding = wrapBinding(cluster, key.purpose, key.keyId);
  let later: unknown = null;
  let refused: unknown = null;
  let damaged: unknown = null;
  for (const kek of [...keks].sort((one, other) => +slow.has(one) - +slow.has(other))) {
    const wrap = key.wraps.find((one) => one.kekId === kek.id);
    if (wrap === undefined) continue;
    try {
      const raw = await kek.unwrap(wrap.bytes, binding);
      if (raw.length === dekBytes) return raw;
      raw.fill(0);
      damaged = new StrongroomError("KEY_WRAP_DAMAGED", `key ${key.keyId}: not 32 bytes`);
    } catch (error) {
      if (!(error instanceof StrongroomError)) throw error;
      if (error.retryable) later = error;
      else if (error.code === "KEK_WRONG") damaged = error;
      else refused = error;
      if (damaged !== error) slow.add(kek);
    }
  }
  if (later !== null) throw later;
  if (refused !== null) throw refused;
  const named = key.wraps.map((wrap) => wrap.kekId).join(", ");
  if (damaged === null)
    throw new StrongroomError("KEK_WRONG", `key ${key.keyId} is wrapped by ${named}`);
  throw new StrongroomError("KEY_WRAP_DAMAGED", `key ${key.keyId}, wrapped by ${named}`, {
    cause: damaged,
  });
}

/** Opens all of them, or none: on failure what was opened is zeroed. */
export async function unwrapAll(
  keys: readonly WrappedDek[],
  cluster: Uint8Array,
  keks: readonly Kek[],
): Promise<RawDek[]> {
  const deks: RawDek[] = [];
  const slow = new Set<Kek>();
  try {
    for (const key of keys) {
      const raw = await unwrapDek(key, cluster, keks, slow);
      deks.push({ keyId: key.keyId, purpose: key.purpose, raw });
    }
    return deks;
  } catch (error) {
    for (const { raw } of deks) raw.fill(0);
    throw error;
  }
}

/** Gives DEKs to a keystore, which copies them, and zeroes these, whether it takes them or not. */
export function handOver(
  deks: readonly RawDek[],
  keystore: { add(keyId: number, purpose: Purpose, raw: Uint8Array): void },
): void {
  try {
    for (const { keyId, purpose, raw } of deks) keystore.add(keyId, purpose, raw);
  } finally {
    for (const { raw } of deks) raw.fill(0);
  }
}

/** The keys that must open, from keyring rows or from the sidecar's: all but the retired ones. */
export function wrappedKeys(
  keys: ReadonlyMap<
    number,
    { readonly purpose: Purpose; readonly wraps: readonly Wrap[]; readonly state: string }
  >,
): WrappedDek[] {
  return [...keys]
    .filter(([, key]) => key.state !== "retired")
    .map(([id, key]) => ({ keyId: id as KeyId, purpose: key.purpose, wraps: key.wraps }));
}
