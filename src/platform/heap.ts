/**
 * Gives back what the C library's allocator holds without use. Blocks that were freed between
 * others that live stay with the process: the shards of the index grow one by one, and each leaves
 * a hole that the next, larger one does not fit into. Only for a program that owns its process.
 * @module
 */
import { loadNative, type NativeHeap } from "./native.ts";

/** So often the allocator is asked: 10 µs, and half a millisecond when it gives back 50 MiB. */
const periodMs = 1000;
/** Fewer bytes are not worth the page faults of whoever wants them again. */
const leastBytes = 4 * 1024 * 1024;
/** After so many periods it is given back anew: the kernel makes large pages whole (khugepaged). */
const trustedPeriods = 16;

type Heap = Pick<NativeHeap, "heapFree" | "heapTrim">;

export class HeapTrimmer {
  private readonly heap: Heap;
  /** Free bytes of which the pages were given back: they count as free all the same. */
  private given = 0;
  private periods = 0;

  constructor(heap: Heap) {
    this.heap = heap;
  }

  tick(): void {
    const free = this.heap.heapFree();
    this.given = ++this.periods >= trustedPeriods ? 0 : Math.min(this.given, free);
    if (free - this.given < leastBytes) return;
    this.heap.heapTrim();
    this.given = free;
    this.periods = 0;
  }
}

/** Begins for this process, for as long as it lives. Nothing happens without the addon. */
export function keepHeapTrim(): void {
  const native = loadNative();
  if (native === null) return;
  const trimmer = new HeapTrimmer(native);
  setInterval(() => trimmer.tick(), periodMs).unref();
}
