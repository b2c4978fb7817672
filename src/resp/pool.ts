/**
 * Output buffers that are used again. A buffer given to a socket may be used again only once that
 * write is done; who took it gives it back then, once.
 * @module
 */

/** A pipeline of sixteen values of a kilobyte fits: one write for its replies. */
export const chunkBytes = 64 * 1024;

export class BufferPool {
  private readonly free: Buffer[] = [];
  private readonly chunksKept: number;

  /** @param bytesKept - Free memory that is kept for use again. */
  constructor(bytesKept = 8 * 1024 * 1024) {
    this.chunksKept = Math.floor(bytesKept / chunkBytes);
  }

  /** A buffer of at least `bytes`; its content is arbitrary. */
  take(bytes: number): Buffer {
    if (bytes > chunkBytes) return Buffer.allocUnsafeSlow(bytes);
    return this.free.pop() ?? Buffer.allocUnsafeSlow(chunkBytes);
  }

  give(buffer: Buffer): void {
    if (buffer.length === chunkBytes && this.free.length < this.chunksKept) this.free.push(buffer);
  }
}
