/**
 * The control records in memory: the newest row of every key of every table, where it lies on disk,
 * and how many older copies of it are there. The same rules as the record index: the greater
 * sequence wins, and the mark of a deleted row outlives every older copy.
 * @module
 */
import { assert } from "../../base/assert.ts";
import type { ControlRecord } from "../../entry/record.ts";

/** Which row of which table. */
export interface ControlName {
  readonly table: number;
  readonly key: Uint8Array;
}

export interface ControlSlot {
  record: ControlRecord;
  segment: number;
  offset: number;
  length: number;
  /** Older records of the key on disk. */
  copies: number;
  /** How many records of the key each segment holds, this one included. */
  readonly frames: Map<number, number>;
}

export class Controls {
  private readonly slots = new Map<string, ControlSlot>();

  private static key({ table, key }: ControlName): string {
    return `${table}:${Buffer.from(key).toString("latin1")}`;
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
      const frames = new Map([[segment, 1]]);
      this.slots.set(key, { record, segment, offset, length, copies: 0, frames });
      return null;
    }
    slot.copies++;
    slot.frames.set(segment, (slot.frames.get(segment) ?? 0) + 1);
    if (slot.record.sequence > record.sequence) return { segment, length };
    const dead = { segment: slot.segment, length: slot.length };
    Object.assign(slot, { record, segment, offset, length });
    return dead;
  }

  find(record: ControlName): ControlSlot | undefined {
    return this.slots.get(Controls.key(record));
  }

  /** Numbers of the segments with a record of this row that is not its newest one. */
  holdersOfOlder(row: ControlName): number[] {
    const slot = this.find(row);
    if (slot === undefined) return [];
    const holders = [...slot.frames].filter(
      ([segment, frames]) => frames > (segment === slot.segment ? 1 : 0),
    );
    return holders.map(([segment]) => segment);
  }

  /** A segment leaves: its records of the row are gone, but for one copied to `output` (or 0). */
  left(slot: ControlSlot, segment: number, output: number): void {
    slot.frames.delete(segment);
    if (output !== 0) slot.frames.set(output, (slot.frames.get(output) ?? 0) + 1);
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
