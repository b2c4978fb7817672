/**
 * Reads of many small ranges, one after the other: what a disk does that cannot do better. A read
 * that fails spoils no other.
 * @module
 */
import { type DiskFile, readRow } from "../base/ports.ts";
import { checkTable } from "./bounds.ts";

/** No row asks for so much. */
const failed = 0xffff_ffff;

/** `Disk.readMany` by the files' own reads. */
export function readEach(
  files: readonly DiskFile[],
  target: Uint8Array,
  rows: Uint32Array,
  count: number,
): void {
  checkTable(rows, count, readRow);
  for (let n = 0; n < count; n++) {
    const row = n * readRow;
    const at = rows[row + 1] as number;
    rows[row] = 0;
    const wanted = target.subarray(at, at + (rows[row + 2] as number));
    try {
      rows[row + 4] = (files[n] as DiskFile).read(wanted, rows[row + 3] as number);
    } catch {
      rows[row + 4] = failed;
    }
  }
}
