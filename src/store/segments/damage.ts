/**
 * The errors that say that what lies in a segment is bad, and not that it cannot be read now.
 * @module
 */
import type { ErrorCode } from "../../base/errors.ts";

/** What reading a victim may find: it is kept as it is, and told. */
export const damageCodes: readonly ErrorCode[] = [
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
];
