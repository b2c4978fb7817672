/**
 * Output memory that is used again. Writers take turns on a chunk: each writes a region of it, and
 * the chunk begins anew once every region was sent. So the replies of many connections stand side
 * by side, in memory that the cache still holds, and one call can send them all. Hazard it guards:
 * a region that is still to be sent is written over; who took it gives it back then, once.
 * @module
 */
import { letGo } from "../base/bytes.ts";

/** A pipeline of sixteen values of a kilobyte fits: one write for its replies. */
const chunkBytes = 64 * 1024;

export class Chunk {
  readonly buffer: Buffer;
  /** Where the chunk stands in the memory of its pool; -1: it is memory of its own. */
  readonly base: number;
  /** Bytes before this place belong to regions. */
  at = 0;
  /** Regions that are being written or still to be sent. */
  lent = 0;

  constructor(buffer: Buffer, base: number) {
    this.buffer = buffer;
    this.base = base;
  }
}

/** Who writes to a chunk. */
export interface ChunkHolder {
  /** Ends its region and releases the chunk: from now on another writes behind it. */
  endRegion(): void;
}

const nothing = Buffer.alloc(0);

export class BufferPool {
  private readonly free: Chunk[] = [];
  private readonly bytesKept: number;
  private slab = nothing;
  /** Bytes of the memory that became chunks. */
  private carved = 0;
  /** A chunk that nobody writes to, with room. */
  private open: Chunk | null = null;
  private holder: ChunkHolder | null = null;

  /** @param bytesKept - Memory that is kept for use again; none is touched before it is used. */
  constructor(bytesKept = 8 * 1024 * 1024) {
    this.bytesKept = bytesKept - (bytesKept % chunkBytes);
  }

  /** The memory that chunks with a base stand in. */
  get memory(): Buffer {
    return this.slab;
  }

  /** A chunk to write to from its `at`, with room for `bytes`; what it holds there is arbitrary. */
  take(holder: ChunkHolder, bytes: number): Chunk {
    if (bytes > chunkBytes) return lend(new Chunk(Buffer.allocUnsafeSlow(bytes), -1));
    this.holder?.endRegion();
    this.holder = holder;
    const { open } = this;
    this.open = null;
    if (open !== null && chunkBytes - open.at >= bytes) return lend(open);
    return lend(this.free.pop() ?? this.carve());
  }

  private carve(): Chunk {
    const base = this.carved;
    if (base === this.bytesKept) return new Chunk(Buffer.allocUnsafeSlow(chunkBytes), -1);
    if (base === 0) this.slab = Buffer.allocUnsafeSlow(this.bytesKept);
    this.carved += chunkBytes;
    return new Chunk(this.slab.subarray(base, base + chunkBytes), base);
  }

  /** Its holder writes no more to it; regions of it, the holder's last one too, are still lent. */
  release(holder: ChunkHolder, chunk: Chunk): void {
    if (this.holder !== holder || chunk.buffer.length !== chunkBytes) return;
    this.holder = null;
    this.open ??= chunk;
  }

  /** A region was sent, or is not needed. */
  give(chunk: Chunk): void {
    if (--chunk.lent > 0) return;
    chunk.at = 0;
    if (chunk.buffer.length > chunkBytes) letGo(chunk.buffer);
    else if (chunk.base >= 0 && chunk !== this.open) this.free.push(chunk);
  }
}

function lend(chunk: Chunk): Chunk {
  chunk.lent++;
  return chunk;
}
