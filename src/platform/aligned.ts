/**
 * Page-aligned memory without native help, as O_DIRECT needs it (open(2), NOTES). V8 reserves
 * whole pages for a growable SharedArrayBuffer, so its first byte lies on a page boundary; a plain
 * Buffer comes from malloc and does not. `NodeDisk` proves it at run time before it trusts it.
 * @module
 */
import { assertInteger } from "../base/assert.ts";

/** Alignment of positions, lengths and memory for direct I/O: 4096 satisfies every block size. */
export const directAlignment = 4096;

/** Zeroed memory outside the JavaScript heap, shareable with worker threads. */
export function alignedBuffer(bytes: number): Buffer {
  assertInteger(bytes, { min: 1, max: 2 ** 32 });
  const memory = new SharedArrayBuffer(bytes, { maxByteLength: bytes });
  return Buffer.from(memory as unknown as ArrayBuffer, 0, bytes);
}
