/**
 * How the descriptors that a process may have are shared out. Hazard it guards: whoever connects,
 * without a password, takes the one that the next file of the log needs, and the node has to end.
 * @module
 */

/** The program itself, the log, a flush, a compaction, listeners, services of keys: about 50. */
const ownMax = 64;
/** Parts that grow with the whole get one in so many of it, within their bounds. */
const share = 16;
const leastOfShare = 8;

export interface DescriptorShares {
  /** Segments of the store that are kept open for reading. */
  readonly segments: number;
  /** Connections of the admin port. */
  readonly admin: number;
  /** What is left for clients; below 1: there are too few to serve anybody. */
  readonly clients: number;
}

/** Enough for one client. */
export const descriptorsLeast = ownMax + 2 * leastOfShare + 1;

/** @param total - Infinity: not known, or without a limit. */
export function shareDescriptors(total: number): DescriptorShares {
  const part = (max: number): number =>
    Math.min(Math.max(Math.floor(total / share), leastOfShare), max);
  const segments = part(512);
  const admin = part(64);
  return { segments, admin, clients: total - ownMax - segments - admin };
}
