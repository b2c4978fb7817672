/**
 * Bounds of the segment log, each with its unit.
 * @module
 */

export interface SegmentLogLimits {
  /** A file takes no further batch once it would grow above this. One larger batch may. */
  readonly fileBytes: number;
  /** Entries that wait are written together up to this; one larger entry goes alone. */
  readonly batchBytesMax: number;
  /** A larger entry is refused with LOG_ENTRY_SIZE. */
  readonly entryBytesMax: number;
  /** Entries not yet durable; above it appends are refused with LOG_BUSY. One entry always fits. */
  readonly pendingBytesMax: number;
  /** Truncated files kept to be written over again, as many as a patient flush lets go; more go. */
  readonly freeFilesMax: number;
  /** False: buffered writes and fdatasync even where direct I/O is to be had. */
  readonly direct: boolean;
}

const mebibyte = 1024 * 1024;

export const segmentLogDefaults: SegmentLogLimits = {
  fileBytes: 64 * mebibyte,
  batchBytesMax: mebibyte,
  entryBytesMax: 64 * mebibyte,
  pendingBytesMax: 64 * mebibyte,
  freeFilesMax: 6,
  direct: true,
};
