/**
 * Copies of a few dozen bytes on the hot path: a loop is quicker than a call of Buffer.copy.
 * @module
 */

export function copyBytes(
  from: Uint8Array,
  fromAt: number,
  to: Uint8Array,
  toAt: number,
  length: number,
): void {
  for (let i = 0; i < length; i++) to[toAt + i] = from[fromAt + i] as number;
}
