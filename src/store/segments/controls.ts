/**
 * The control records in memory: the newest row of every key of every table, where it lies on disk,
 * and how many older copies of it are there. The same rules as the record index: the greater
 * sequence wins, and the mark of a deleted row outlives every older copy.
 * @module
 */
import { assert } from "../../base/assert.ts";
import type { ControlRecord } from "../../entry/record.ts";

export interface ControlSlot {
  record: ControlRecord;
  segment: number;
  offset: number;
  length: number;
  /** Older records of the key on disk. */
  copies: number;
}

export class Controls {
  private readonly slots = new Map<string, ControlSlot>();

  private static key(record: ControlRecord): string {
    return `${record.table}:${record.key.toString("latin1")}`;
  }

  /** A record is durable at this place. @returns What became dead by it, or null. */
  place(
    record: ControlRecord,
    segment: number,
    offset: number,
    length: number,
  ): { segment: number; length: number } | null {
    const key = Controls.key(record);
    const slot = this.slots.get(key);
    if (slot === undefined) {
      this.slots.set(key, { record, segment, offset, length, copies: 0 });
      return null;
    }
    slot.copies++;
    if (slot.record.sequence > record.sequence) return { segment, length };
    const dead = { segment: slot.segment, length: slot.length };
    Object.assign(slot, { record, segment, offset, length });
    return dead;
  }

  find(record: ControlRecord): ControlSlot | undefined {
    return this.slots.get(Controls.key(record));
  }

  /** The record at `slot` is gone from the disk with its segment, and no older copy is there. */
  forget(record: ControlRecord): void {
    assert(this.find(record)?.copies === 0, "an older control record would come back");
    this.slots.delete(Controls.key(record));
  }

  *live(): Iterable<ControlRecord> {
    for (const slot of this.slots.values()) if (!slot.record.deleted) yield slot.record;
  }
}
