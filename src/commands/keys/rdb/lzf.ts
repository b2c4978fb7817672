/**
 * LZF, the compression in DUMP payloads (LibLZF 3.6 by Marc Lehmann, "very fast", 2^16 slots).
 * A control byte below 32 is followed by that many literals and one more; from 32 on it begins a
 * reference: length in its upper 3 bits (7: the next byte adds to it), distance in the rest.
 * @module
 */
const slots = 1 << 16;
const literalsMax = 32;
const distanceMax = 1 << 13;
const referenceMax = 264;

const slotOf = (hash: number): number => ((hash >>> 8) - hash * 5) & (slots - 1);

class Compressor {
  private readonly input: Uint8Array;
  private readonly output: Uint8Array;
  /** Positions + 1; 0: none. */
  private readonly table = new Uint32Array(slots);
  private ip = 0;
  private op = 1;
  private literals = 0;

  constructor(input: Uint8Array, outputBytesMax: number) {
    this.input = input;
    this.output = new Uint8Array(outputBytesMax);
  }

  /** Null: it does not fit. */
  run(): Uint8Array | null {
    const { input, output } = this;
    const end = input.length;
    while (this.ip < end - 2) {
      const reference = this.findReference();
      if (reference < 0) {
        if (this.op >= output.length) return null;
        this.literal();
      } else {
        if (this.op - (this.literals === 0 ? 1 : 0) + 4 >= output.length) return null;
        this.copy(reference);
      }
    }
    if (this.op + 3 > output.length) return null;
    while (this.ip < end) this.literal();
    this.closeRun();
    return output.subarray(0, this.op);
  }

  private hashAt(at: number): number {
    const { input } = this;
    return (
      ((input[at] as number) << 16) | ((input[at + 1] as number) << 8) | (input[at + 2] as number)
    );
  }

  /** Position of three equal bytes before, or -1; remembers the current one. */
  private findReference(): number {
    const slot = slotOf(this.hashAt(this.ip));
    const at = (this.table[slot] as number) - 1;
    this.table[slot] = this.ip + 1;
    const near = at > 0 && at < this.ip && this.ip - at - 1 < distanceMax;
    return near && this.hashAt(at) === this.hashAt(this.ip) ? at : -1;
  }

  private literal(): void {
    this.output[this.op++] = this.input[this.ip++] as number;
    this.literals++;
    if (this.literals === literalsMax) {
      this.output[this.op - this.literals - 1] = this.literals - 1;
      this.literals = 0;
      this.op++;
    }
  }

  /** Writes the count of the literals before; takes its place back if there are none. */
  private closeRun(): void {
    if (this.literals === 0) this.op--;
    else this.output[this.op - this.literals - 1] = this.literals - 1;
    this.literals = 0;
  }

  private copy(reference: number): void {
    const { input, output } = this;
    const distance = this.ip - reference - 1;
    // LibLZF stops two bytes early, but compares the first 19 without looking at the end.
    const bound = Math.min(input.length - this.ip - 2, referenceMax);
    const lengthMax = bound > 16 ? Math.max(bound, 19) : bound;
    let length = 3;
    while (length < lengthMax && input[reference + length] === input[this.ip + length]) length++;
    this.closeRun();
    const coded = length - 2;
    output[this.op++] = (distance >> 8) | (Math.min(coded, 7) << 5);
    if (coded >= 7) output[this.op++] = coded - 7;
    output[this.op++] = distance & 0xff;
    this.op++;
    this.ip += length;
    if (this.ip >= input.length - 2) return;
    this.table[slotOf(this.hashAt(this.ip - 2))] = this.ip - 1;
    this.table[slotOf(this.hashAt(this.ip - 1))] = this.ip;
  }
}

/** The compressed bytes, or null if they would not fit in `bytesMax`. */
export function lzfCompress(input: Uint8Array, bytesMax: number): Uint8Array | null {
  return input.length === 0 || bytesMax < 1 ? null : new Compressor(input, bytesMax).run();
}

/** Exactly `length` bytes, or null if the input is no such thing. */
export function lzfDecompress(input: Uint8Array, length: number): Buffer | null {
  // No input unpacks to more: what only claims to takes no memory.
  if (length > input.length * referenceMax) return null;
  const output = Buffer.alloc(length);
  let ip = 0;
  let op = 0;
  while (ip < input.length) {
    const control = input[ip++] as number;
    if (control < literalsMax) {
      const count = control + 1;
      if (op + count > length || ip + count > input.length) return null;
      output.set(input.subarray(ip, ip + count), op);
      ip += count;
      op += count;
      continue;
    }
    let count = (control >> 5) + 2;
    if (count === 9) count += input[ip++] ?? 0;
    const from = op - ((control & 0x1f) << 8) - (input[ip++] ?? 0) - 1;
    if (ip > input.length || from < 0 || op + count > length) return null;
    // Byte by byte: source and target may overlap.
    for (let i = 0; i < count; i++) output[op + i] = output[from + i] as number;
    op += count;
  }
  return op === length ? output : null;
}
