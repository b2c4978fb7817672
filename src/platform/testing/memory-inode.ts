/**
 * The contents of one file of MemoryDisk: what is durable, and the writes since whose fate a crash
 * decides. A failed sync loses its writes for good, as on Linux: a later sync does not bring them
 * back ("fsyncgate"), though reads before the crash still show them.
 * @module
 */

/** What a crash does to writes that no sync covered. */
export type CrashVariant =
  | { readonly kind: "dropped" }
  | { readonly kind: "kept" }
  /** Per write and per 512-byte sector kept or dropped; directory operations up to some point. */
  | { readonly kind: "torn"; readonly seed: number };

export const sectorBytes = 512;

interface Change {
  readonly kind: "write" | "truncate";
  /** Position of the write, or the new length. */
  readonly at: number;
  readonly data: Uint8Array;
  fate: "pending" | "durable" | "lost";
}

/** Bytes that grow by doubling; a gap is zeros. */
class Content {
  #bytes = new Uint8Array(0);
  length = 0;

  apply(change: Change, from = 0, to = change.data.length): void {
    if (change.kind === "truncate") this.#resize(change.at);
    else {
      this.#resize(Math.max(this.length, change.at + to));
      this.#bytes.set(change.data.subarray(from, to), change.at + from);
    }
  }

  #resize(length: number): void {
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.length));
      this.#bytes = larger;
    }
    if (length < this.length) this.#bytes.fill(0, length, this.length);
    this.length = length;
  }

  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  static of(bytes: Uint8Array): Content {
    const content = new Content();
    content.apply({ kind: "write", at: 0, data: bytes, fate: "durable" });
    return content;
  }
}

export class MemoryInode {
  #base = new Content();
  #current = new Content();
  #changes: Change[] = [];
  /** Bits that read wrongly: position → mask. Overwriting a byte heals it. */
  readonly #rot = new Map<number, number>();

  get length(): number {
    return this.#current.length;
  }

  write(data: Uint8Array, at: number): void {
    for (const position of this.#rot.keys())
      if (position >= at && position < at + data.length) this.#rot.delete(position);
    // A copy: `slice` of a Buffer is none.
    this.#change({ kind: "write", at, data: new Uint8Array(data), fate: "pending" });
  }

  truncate(length: number): void {
    this.#change({ kind: "truncate", at: length, data: new Uint8Array(0), fate: "pending" });
  }

  #change(change: Change): void {
    this.#current.apply(change);
    this.#changes.push(change);
    this.#settle();
  }

  /** The oldest changes that are durable become part of the base. */
  #settle(): void {
    let settled = 0;
    while (this.#changes[settled]?.fate === "durable") this.#base.apply(this.#changes[settled++]!);
    if (settled > 0) this.#changes.splice(0, settled);
  }

  sync(): void {
    for (const change of this.#changes) if (change.fate === "pending") change.fate = "durable";
    this.#settle();
  }

  /** O_DSYNC: the latest write is durable, whatever becomes of those before it. */
  syncLatest(): void {
    const latest = this.#changes.at(-1);
    if (latest !== undefined) latest.fate = "durable";
    this.#settle();
  }

  failSync(): void {
    for (const change of this.#changes) if (change.fate === "pending") change.fate = "lost";
  }

  read(target: Uint8Array, position: number): number {
    const part = this.#current.view().subarray(position, position + target.length);
    target.set(part);
    for (const [at, mask] of this.#rot)
      if (at >= position && at < position + part.length) target[at - position]! ^= mask;
    return part.length;
  }

  rot(position: number, mask: number): void {
    this.#rot.set(position, (this.#rot.get(position) ?? 0) ^ mask);
  }

  /** The file as it is found after a crash. */
  afterCrash(variant: CrashVariant, choose: () => number): MemoryInode {
    const found = Content.of(this.#base.view());
    for (const change of this.#changes) {
      if (change.fate === "durable") found.apply(change);
      else if (variant.kind === "dropped" || change.fate === "lost") continue;
      else if (variant.kind === "kept") found.apply(change);
      else tear(found, change, choose);
    }
    const inode = new MemoryInode();
    inode.#base = found;
    inode.#current = Content.of(found.view());
    for (const [position, mask] of this.#rot) inode.#rot.set(position, mask);
    return inode;
  }
}

/** Keeps a change, drops it, or keeps some of its sectors in any order. */
function tear(found: Content, change: Change, choose: () => number): void {
  const draw = choose();
  if (draw < 0.25) return;
  if (draw < 0.5 || change.kind === "truncate") {
    found.apply(change);
    return;
  }
  let from = 0;
  while (from < change.data.length) {
    const inSector = (change.at + from) % sectorBytes;
    const to = Math.min(change.data.length, from + sectorBytes - inSector);
    if (choose() < 0.5) found.apply(change, from, to);
    from = to;
  }
}
