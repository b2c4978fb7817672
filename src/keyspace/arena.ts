/**
 * Memory for keys and values outside the JavaScript heap: slabs of 256 KiB cut into equal slots,
 * eight size classes a doubling. The garbage collector sees a thousand slabs instead of millions of
 * Buffers, and what is resident can be bounded exactly: every size in use keeps a slab, so slabs
 * are small. Larger values get a buffer of their own.
 *
 * An address is slab * 2^18 + offset; a negative one names a large buffer.
 * @module
 */
import { assert } from "../base/assert.ts";

const slabBytes = 1 << 18;
const pieceBytes = 64 * slabBytes;
const smallestBytes = 32;
/** Above this a value has a buffer of its own. */
export const slotBytesMax = slabBytes / 4;

/** A slab of which less is used may be emptied: what lives in four of them fits into three. */
const sparseShare = 3 / 4;

const classSizes: number[] = [];
for (let base = smallestBytes; base < slotBytesMax; base *= 2)
  for (let eighth = 0; eighth < 8; eighth++) {
    const size = Math.ceil((base + (base / 8) * eighth) / 8) * 8;
    if (size !== classSizes.at(-1)) classSizes.push(size);
  }
classSizes.push(slotBytesMax);

/** Class of a size by its count of 8-byte words: one look-up instead of a search. */
const classOfWords = new Uint8Array(slotBytesMax / 8 + 1);
for (let words = 0, at = 0; words < classOfWords.length; words++) {
  if (words * 8 > (classSizes[at] as number)) at++;
  classOfWords[words] = at;
}

interface Slab {
  readonly buffer: Buffer;
  sizeClass: number;
  used: number;
  /** Stack of free slot numbers; below `fresh` slots were handed out at least once. */
  free: number[];
  fresh: number;
  /** Slots it holds in its class. */
  slots: number;
  /** True while it stands in its class's list of slabs with room. */
  listed: boolean;
  /** Being emptied: takes nothing new. */
  draining: boolean;
}

export class Arena {
  /** What slabs are cut from, in order: an address counts through them, too. */
  readonly pieces: Buffer[] = [];
  private readonly slabs: Slab[] = [];
  private pieceAt = pieceBytes;
  private readonly emptySlabs: number[] = [];
  private readonly roomy: number[][] = classSizes.map(() => []);
  private readonly large: (Buffer | null)[] = [];
  private readonly largeFree: number[] = [];
  private largeBytes = 0;
  private liveSlotBytes = 0;

  /** Bytes taken from the system and not free for every size. */
  get bytes(): number {
    return (this.slabs.length - this.emptySlabs.length) * slabBytes + this.largeBytes;
  }

  /** Bytes of the allocations that live, rounded to their slots. */
  get liveBytes(): number {
    return this.liveSlotBytes + this.largeBytes;
  }

  /** @returns the address of at least `bytes` bytes of undefined content. */
  allocate(bytes: number): number {
    if (bytes > slotBytesMax) return this.allocateLarge(bytes);
    const sizeClass = classOfWords[(bytes + 7) >>> 3] as number;
    const list = this.roomy[sizeClass] as number[];
    if (list.length === 0) this.addSlab(sizeClass);
    this.liveSlotBytes += classSizes[sizeClass] as number;
    const number = list[list.length - 1] as number;
    const slab = this.slabs[number] as Slab;
    const slot = slab.free.length > 0 ? (slab.free.pop() as number) : slab.fresh++;
    if (++slab.used === slab.slots) {
      list.pop();
      slab.listed = false;
    }
    return number * slabBytes + slot * (classSizes[sizeClass] as number);
  }

  private addSlab(sizeClass: number): void {
    let number = this.emptySlabs.pop();
    if (number === undefined) {
      number = this.slabs.length;
      const buffer = this.cutSlab();
      this.slabs.push({
        buffer,
        sizeClass,
        used: 0,
        free: [],
        fresh: 0,
        slots: 0,
        listed: false,
        draining: false,
      });
    }
    const slab = this.slabs[number] as Slab;
    slab.sizeClass = sizeClass;
    slab.used = 0;
    slab.free.length = 0;
    slab.fresh = 0;
    slab.slots = Math.floor(slabBytes / (classSizes[sizeClass] as number));
    slab.listed = true;
    (this.roomy[sizeClass] as number[]).push(number);
  }

  /** Slabs are cut from large pieces, which the kernel can back with large pages. */
  private cutSlab(): Buffer {
    if (this.pieceAt === pieceBytes) {
      this.pieces.push(Buffer.allocUnsafeSlow(pieceBytes));
      this.pieceAt = 0;
    }
    const at = this.pieceAt;
    this.pieceAt += slabBytes;
    return (this.pieces.at(-1) as Buffer).subarray(at, this.pieceAt);
  }

  private allocateLarge(bytes: number): number {
    const buffer = Buffer.allocUnsafeSlow(bytes);
    this.largeBytes += bytes;
    const number = this.largeFree.pop() ?? this.large.length;
    this.large[number] = buffer;
    return -1 - number;
  }

  free(address: number): void {
    if (address < 0) {
      const number = -1 - address;
      const buffer = this.large[number];
      assert(buffer != null, "freed twice");
      this.largeBytes -= buffer.length;
      this.large[number] = null;
      this.largeFree.push(number);
      return;
    }
    const number = Math.floor(address / slabBytes);
    const slab = this.slabs[number] as Slab;
    assert(slab.used > 0, "freed twice");
    slab.used--;
    this.liveSlotBytes -= classSizes[slab.sizeClass] as number;
    if (slab.used === 0) {
      this.retire(number, slab);
      return;
    }
    if (slab.draining) return;
    slab.free.push((address % slabBytes) / (classSizes[slab.sizeClass] as number));
    if (!slab.listed) {
      slab.listed = true;
      (this.roomy[slab.sizeClass] as number[]).push(number);
    }
  }

  /** An empty slab serves any class again. The last one of its class stays, against thrashing. */
  private retire(number: number, slab: Slab): void {
    const list = this.roomy[slab.sizeClass] as number[];
    slab.free.length = 0;
    slab.fresh = 0;
    if (slab.draining) {
      slab.draining = false;
      this.emptySlabs.push(number);
      return;
    }
    if (!slab.listed) {
      slab.listed = true;
      list.push(number);
    }
    if (list.length === 1) return;
    const place = list.indexOf(number);
    list[place] = list[list.length - 1] as number;
    list.pop();
    slab.listed = false;
    this.emptySlabs.push(number);
  }

  /**
   * Stops allocating from the emptiest slabs, until about `bytes` are free there. The caller moves
   * what lies in them elsewhere (`isDraining`), then they serve every size again.
   * @returns how many there are.
   */
  drainSparse(bytes: number): number {
    const sparse = [...this.slabs.entries()].filter(
      ([, { used, slots, draining }]) => used > 0 && !draining && used < slots * sparseShare,
    );
    sparse.sort(([, one], [, other]) => one.used * other.slots - other.used * one.slots);
    let count = 0;
    let left = bytes;
    for (const [number, slab] of sparse) {
      if (left <= 0) break;
      const list = this.roomy[slab.sizeClass] as number[];
      if (list.length < 2) continue;
      list.splice(list.indexOf(number), 1);
      slab.listed = false;
      slab.draining = true;
      left -= (slab.slots - slab.used) * (classSizes[slab.sizeClass] as number);
      count++;
    }
    return count;
  }

  isDraining(address: number): boolean {
    return address >= 0 && (this.slabs[Math.floor(address / slabBytes)] as Slab).draining;
  }

  /** Bytes that an allocation of `bytes` really takes. */
  static slotBytes(bytes: number): number {
    if (bytes > slotBytesMax) return bytes;
    return classSizes[classOfWords[(bytes + 7) >>> 3] as number] as number;
  }

  /** The buffer that an address lies in; the bytes begin at `offset(address)`. */
  buffer(address: number): Buffer {
    if (address < 0) return this.large[-1 - address] as Buffer;
    return (this.slabs[Math.floor(address / slabBytes)] as Slab).buffer;
  }

  offset(address: number): number {
    return address < 0 ? 0 : address % slabBytes;
  }
}
