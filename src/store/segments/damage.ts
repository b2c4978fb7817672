/**
 * What goes wrong when a segment is read, told apart from what goes wrong when one is written: a
 * failed write leaves unknown what is durable, and ends writing; a failed read has changed nothing.
 * @module
 */
import { type ErrorCode, StrongroomError } from "../../base/errors.ts";
import { isSystemError } from "../../platform/unusable.ts";

/** What reading a victim may find: it is kept as it is, and told. */
export const asideCodes: readonly ErrorCode[] = [
  "STORE_DAMAGED",
  "STORE_RECORD_DAMAGED",
  "FILE_FRAME_DAMAGED",
  "FORMAT_TRUNCATED",
  "FORMAT_TRAILING",
  "FORMAT_VERSION",
  "FORMAT_RANGE",
  "CRYPTO_TAG_MISMATCH",
  "CRYPTO_ENVELOPE_SHORT",
  "CRYPTO_ENVELOPE_VERSION",
  // The disk, or the kernel, did not give the bytes.
  "STORE_READ_FAILED",
];

/** Runs what only reads `path`. @throws STORE_READ_FAILED for what the kernel refuses. */
export function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    throw new StrongroomError("STORE_READ_FAILED", `${path}: ${cause.code}`, { cause });
  }
}
