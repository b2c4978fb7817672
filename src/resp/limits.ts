/**
 * Bounds on what one client may ask us to take in. Redis 7.0's values (server.h:
 * PROTO_INLINE_MAX_SIZE, PROTO_MAX_QUERYBUF_LEN, proto-max-bulk-len; networking.c for clients that
 * have not authenticated), but for the number of arguments: Redis takes 2^31 - 1, and each of them
 * takes memory besides its bytes.
 * @module
 */

/** Shared by all connections and changed by CONFIG SET, so not readonly. */
export interface RespLimits {
  /** Arguments of one command. */
  argumentsMax: number;
  /** Bytes of one argument. */
  bulkBytesMax: number;
  /** Bytes of an inline command, or of a line that announces a length. */
  inlineBytesMax: number;
  /** Bytes of one unfinished command. */
  queryBytesMax: number;
}

export function defaultRespLimits(): RespLimits {
  return {
    argumentsMax: 1024 * 1024,
    bulkBytesMax: 512 * 1024 * 1024,
    inlineBytesMax: 64 * 1024,
    queryBytesMax: 1024 * 1024 * 1024,
  };
}

/** For a connection that still owes a password. */
export const unauthenticatedArgumentsMax = 10;
export const unauthenticatedBulkBytesMax = 16_384;
