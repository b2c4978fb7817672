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
import { letGo } from "../base/bytes.ts";

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

const sizesOfClasses = Int32Array.from(classSizes);

/** Class of a size by its count of 8-byte words: one look-up instead of a search. */
const classOfWords = new Int32Array(slotBytesMax / 8 + 1);
for (let words = 0, at = 0; words < classOfWords.length; words++) {
  if (words * 8 > (classSizes[at] as number)) at++;
  classOfWords[words] = at;
}

/** The fields of a slab, and how many there are. Slots and slabs are told plus one, 0 is none. */
const slab = {
  sizeClass: 0,
  used: 1,
  /** First free slot; the next one stands at its beginning. */
  free: 2,
  /** Slots below were handed out at least once. */
  fresh: 3,
  /** Slots it holds in its class. */
  slots: 4,
  state: 5,
  /** Neighbours among the slabs of its class that have room. */
  previous: 6,
  next: 7,
  words: 8,
} as const;

/** State of a slab: it stands among those of its class that have room. */
const listed = 1;
/** State of a slab: it is being emptied and takes nothing new. */
const draining = 2;

export class Arena {
  /** What slabs are cut from, in order: an address counts through them, too. */
  readonly pieces: Buffer[] = [];
  /** The same, in words. */
  private readonly pieceWords: Int32Array[] = [];
  /** Fields of the slabs. Moves when it grows, as `pieces` does; `moves` counts that. */
  private slabs = new Int32Array(64 * slab.words);
  moves = 0;
  private readonly buffers: Buffer[] = [];
  /** First slab with room of each class. */
  private readonly heads = new Int32Array(classSizes.length);
  private readonly emptySlabs: number[] = [];
  private readonly large: (Buffer | null)[] = [];
  private readonly largeFree: number[] = [];
  /** Bytes of the buffers of large values. */
  largeBytes = 0;
  /** Bytes of the slots that live. */
  private readonly tally = new Float64Array(1);

  /** Bytes taken from the system and not free for every size. */
  get bytes(): number {
    return (this.buffers.length - this.emptySlabs.length) * slabBytes + this.largeBytes;
  }

  /** Bytes of the allocations that live, rounded to their slots. */
  get liveBytes(): number {
    return (this.tally[0] as number) + this.largeBytes;
  }

  /** The books, for who allocates and frees slots outside: slabs, heads, tally, sizes, classes. */
  get books(): readonly Int32Array[] {
    return [
      this.slabs,
      this.heads,
      new Int32Array(this.tally.buffer),
      sizesOfClasses,
      classOfWords,
    ];
  }

  private field(number: number, word: number): number {
    return this.slabs[number * slab.words + word] as number;
  }

  private setField(number: number, word: number, value: number): void {
    this.slabs[number * slab.words + word] = value;
  }

  private sizeOf(number: number): number {
    return classSizes[this.field(number, slab.sizeClass)] as number;
  }

  /** @returns the address of at least `bytes` bytes of undefined content. */
  allocate(bytes: number): number {
    if (bytes > slotBytesMax) return this.allocateLarge(bytes);
    const sizeClass = classOfWords[(bytes + 7) >>> 3] as number;
    if (this.heads[sizeClass] === 0) this.addSlab(sizeClass);
    const number = (this.heads[sizeClass] as number) - 1;
    const size = classSizes[sizeClass] as number;
    (this.tally[0] as number) += size;
    const used = this.field(number, slab.used) + 1;
    this.setField(number, slab.used, used);
    const slot = this.takeSlot(number, size);
    if (used === this.field(number, slab.slots)) this.unlist(number);
    return number * slabBytes + slot * size;
  }

  private takeSlot(number: number, size: number): number {
    const free = this.field(number, slab.free);
    if (free === 0) {
      const fresh = this.field(number, slab.fresh);
      this.setField(number, slab.fresh, fresh + 1);
      return fresh;
    }
    const address = number * slabBytes + (free - 1) * size;
    const words = this.pieceWords[Math.floor(address / pieceBytes)] as Int32Array;
    this.setField(number, slab.free, words[(address % pieceBytes) >>> 2] as number);
    return free - 1;
  }

  private list(number: number): void {
    const sizeClass = this.field(number, slab.sizeClass);
    const next = this.heads[sizeClass] as number;
    this.setField(number, slab.state, this.field(number, slab.state) | listed);
    this.setField(number, slab.previous, 0);
    this.setField(number, slab.next, next);
    if (next !== 0) this.setField(next - 1, slab.previous, number + 1);
    this.heads[sizeClass] = number + 1;
  }

  private unlist(number: number): void {
    const previous = this.field(number, slab.previous);
    const next = this.field(number, slab.next);
    this.setField(number, slab.state, this.field(number, slab.state) & ~listed);
    if (previous === 0) this.heads[this.field(number, slab.sizeClass)] = next;
    else this.setField(previous - 1, slab.next, next);
    if (next !== 0) this.setField(next - 1, slab.previous, previous);
  }

  private isListed(number: number): boolean {
    return (this.field(number, slab.state) & listed) !== 0;
  }

  /** It is the only slab of its class that has room. */
  private alone(number: number): boolean {
    return this.field(number, slab.previous) === 0 && this.field(number, slab.next) === 0;
  }

  private addSlab(sizeClass: number): void {
    const number = this.emptySlabs.pop() ?? this.cutSlab();
    const at = number * slab.words;
    this.slabs.fill(0, at, at + slab.words);
    this.setField(number, slab.sizeClass, sizeClass);
    this.setField(number, slab.slots, Math.floor(slabBytes / (classSizes[sizeClass] as number)));
    this.list(number);
  }

  /** Slabs are cut from large pieces, which the kernel can back with large pages. */
  private cutSlab(): number {
    const number = this.buffers.length;
    const at = (number * slabBytes) % pieceBytes;
    if (at === 0) {
      const piece = Buffer.allocUnsafeSlow(pieceBytes);
      this.pieces.push(piece);
      this.pieceWords.push(new Int32Array(piece.buffer));
      this.moves++;
    }
    this.buffers.push((this.pieces.at(-1) as Buffer).subarray(at, at + slabBytes));
    if (this.slabs.length < (number + 1) * slab.words) {
      const larger = new Int32Array(this.slabs.length * 2);
      larger.set(this.slabs);
      this.slabs = larger;
      this.moves++;
    }
    return number;
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
      letGo(buffer);
      this.large[number] = null;
      this.largeFree.push(number);
      return;
    }
    const number = Math.floor(address / slabBytes);
    const used = this.field(number, slab.used) - 1;
    assert(used >= 0, "freed twice");
    const size = this.sizeOf(number);
    this.setField(number, slab.used, used);
    (this.tally[0] as number) -= size;
    if (used === 0) {
      this.retire(number);
      return;
    }
    if ((this.field(number, slab.state) & draining) !== 0) return;
    const words = this.pieceWords[Math.floor(address / pieceBytes)] as Int32Array;
    words[(address % pieceBytes) >>> 2] = this.field(number, slab.free);
    this.setField(number, slab.free, (address % slabBytes) / size + 1);
    if (!this.isListed(number)) this.list(number);
  }

  /** An empty slab serves any class again. The last one of its class stays, against thrashing. */
  private retire(number: number): void {
    this.setField(number, slab.free, 0);
    this.setField(number, slab.fresh, 0);
    if ((this.field(number, slab.state) & draining) !== 0) {
      this.setField(number, slab.state, 0);
      this.emptySlabs.push(number);
      return;
    }
    if (!this.isListed(number)) this.list(number);
    if (this.alone(number)) return;
    this.unlist(number);
    this.emptySlabs.push(number);
  }

  /**
   * Stops allocating from the emptiest slabs, until about `bytes` are free there. The caller moves
   * what lies in them elsewhere (`isDraining`), then they serve every size again.
   * @returns how many there are.
   */
  drainSparse(bytes: number): number {
    const sparse: { number: number; used: number; slots: number }[] = [];
    for (let number = 0; number < this.buffers.length; number++) {
      const used = this.field(number, slab.used);
      const slots = this.field(number, slab.slots);
      const drains = (this.field(number, slab.state) & draining) !== 0;
      if (used > 0 && !drains && used < slots * sparseShare) sparse.push({ number, used, slots });
    }
    sparse.sort((one, other) => one.used * other.slots - other.used * one.slots);
    let count = 0;
    let left = bytes;
    for (const { number, used, slots } of sparse) {
      if (left <= 0) break;
      if (this.alone(number)) continue;
      this.unlist(number);
      this.setField(number, slab.state, draining);
      left -= (slots - used) * this.sizeOf(number);
      count++;
    }
    return count;
  }

  isDraining(address: number): boolean {
    if (address < 0) return false;
    return (this.field(Math.floor(address / slabBytes), slab.state) & draining) !== 0;
  }

  /** Bytes that an allocation of `bytes` really takes. */
  static slotBytes(bytes: number): number {
    if (bytes > slotBytesMax) return bytes;
    return classSizes[classOfWords[(bytes + 7) >>> 3] as number] as number;
  }

  /** The buffer that an address lies in; the bytes begin at `offset(address)`. */
  buffer(address: number): Buffer {
    if (address < 0) return this.large[-1 - address] as Buffer;
    return this.buffers[Math.floor(address / slabBytes)] as Buffer;
  }

  offset(address: number): number {
    return address < 0 ? 0 : address % slabBytes;
  }
}
