/**
 * What a KEK provider is. A KEK wraps DEKs and nothing else; it never stands on the cluster's
 * disks. Providers are asked at start and at key changes, never on a read or write. Every wrap is
 * bound to cluster, purpose and key id by its AAD, so a moved one does not open.
 * @module
 */

/** `binding` is `cluster id 16 | purpose u8 | key_id u32`: authenticated, not stored. */
export interface KekProvider {
  /**
   * Stable identity of the key itself: the same wherever it is read from, another for another key,
   * and nothing of the key can be learnt from it. Stands beside every wrap. At most 255 bytes.
   */
  readonly id: string;
  /** Scheme of the spec that named it: `file`, `vault`, … */
  readonly provider: string;
  /**
   * @param dek - 32 bytes; the caller zeroes its own.
   * @throws KEK_UNAVAILABLE, which is retryable; of a remote KEK also what its service refuses:
   * KEK_CREDENTIALS, KEK_DENIED, KEK_NOT_FOUND, KEK_DISABLED, KEK_UNSUITABLE, KEK_UNTRUSTED,
   * KEK_REFUSED, KEK_DRIVER_MISSING, all of them permanent.
   */
  wrap(dek: Uint8Array, binding: Uint8Array): Promise<Buffer>;
  /**
   * @returns The DEK, 32 bytes of the caller's own, to be zeroed.
   * @throws KEK_WRONG if it was wrapped by another KEK, for another binding, or damaged; the rest
   * as `wrap`.
   */
  unwrap(wrapped: Uint8Array, binding: Uint8Array): Promise<Buffer>;
  /** Zeroes what is held of the key. Idempotent; wrap and unwrap are bugs from then on. */
  close(): void;
}

/** A DEK, and the longest wrap of it that the formats hold. */
export const dekBytes = 32;
export const wrapBytesMax = 4096;
