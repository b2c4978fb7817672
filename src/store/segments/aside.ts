/**
 * Segments that a compaction could not read are set aside: they stay as they are, listed and
 * readable as far as that goes, so that nothing is lost, and what lies elsewhere is compacted. What
 * is damaged stays so until an operator has seen to it. A read that the disk refused may succeed
 * later (descriptors, memory, the way to the disk): it is tried again, ever more rarely.
 * @module
 */
import type { StrongroomError } from "../../base/errors.ts";
import type { Segment } from "./books.ts";

/** Flushes before the first attempt after a read that failed; twice as many before each next. */
const waitMin = 256;
const waitMax = 65_536;

interface Unread {
  readonly segment: Segment;
  readonly wait: number;
  left: number;
}

export class SetAside {
  private readonly unread = new Map<number, Unread>();
  private readonly alarm: (event: string, detail: string) => void;

  constructor(alarm: (event: string, detail: string) => void) {
    this.alarm = alarm;
  }

  /** Reading this segment has failed so. */
  add(segment: Segment, error: StrongroomError): void {
    const { number } = segment.header;
    segment.damage = error.message;
    this.alarm("segment-set-aside", error.message);
    const before = this.unread.get(number);
    this.unread.delete(number);
    if (error.code !== "STORE_READ_FAILED") return;
    const wait = before === undefined ? waitMin : Math.min(before.wait * 2, waitMax);
    this.unread.set(number, { segment, wait, left: wait });
  }

  /** Called with every flush. */
  tick(): void {
    for (const [number, one] of this.unread) {
      if (one.segment.leaving) this.unread.delete(number);
      else if (--one.left <= 0) one.segment.damage = null;
    }
  }

  /** Somebody asks for a compaction: what could not be read is tried again at once. */
  retry(): void {
    for (const { segment } of this.unread.values()) segment.damage = null;
  }
}
