/**
 * The names of MemoryDisk: what is durable, and the operations since. fsync of a directory makes
 * the operations on its entries durable, nothing else does. A crash keeps none, all, or those up
 * to some point, as a journal does.
 * @module
 */
import { dirname } from "node:path";
import { type CrashVariant, MemoryInode } from "./memory-inode.ts";

export type Entry = MemoryInode | "directory";

interface Operation {
  /** Directories whose sync makes it durable: the last one of a move. */
  readonly directory: string;
  readonly remove: string | null;
  readonly add: string | null;
  readonly entry: Entry | null;
  durable: boolean;
}

function applyTo(names: Map<string, Entry>, operation: Operation): void {
  if (operation.remove !== null) names.delete(operation.remove);
  if (operation.add !== null && operation.entry !== null) names.set(operation.add, operation.entry);
}

export class MemoryTree {
  #base = new Map<string, Entry>([["/", "directory"]]);
  readonly names = new Map<string, Entry>([["/", "directory"]]);
  #operations: Operation[] = [];

  add(path: string, entry: Entry): void {
    this.#do({ directory: dirname(path), remove: null, add: path, entry, durable: false });
  }

  remove(path: string): void {
    const entry = null;
    this.#do({ directory: dirname(path), remove: path, add: null, entry, durable: false });
  }

  move(from: string, to: string): void {
    const entry = this.names.get(from)!;
    this.#do({ directory: dirname(to), remove: from, add: to, entry, durable: false });
  }

  #do(operation: Operation): void {
    applyTo(this.names, operation);
    this.#operations.push(operation);
  }

  sync(directory: string): void {
    for (const operation of this.#operations)
      if (operation.directory === directory) operation.durable = true;
    let settled = 0;
    while (this.#operations[settled]?.durable === true)
      applyTo(this.#base, this.#operations[settled++]!);
    this.#operations.splice(0, settled);
  }

  /** The tree as it is found after a crash, contents included. */
  afterCrash(variant: CrashVariant, choose: () => number): MemoryTree {
    const names = new Map(this.#base);
    const share = variant.kind === "kept" ? 1 : variant.kind === "dropped" ? 0 : choose();
    const kept = Math.round(share * this.#operations.length);
    this.#operations.forEach((operation, at) => {
      if (operation.durable || at < kept) applyTo(names, operation);
    });
    const tree = new MemoryTree();
    const inodes = new Map<MemoryInode, MemoryInode>();
    for (const path of [...names.keys()].sort()) {
      // What stands in a directory whose own name was lost is lost with it.
      if (path !== "/" && tree.names.get(dirname(path)) !== "directory") continue;
      const entry = names.get(path)!;
      if (entry !== "directory" && !inodes.has(entry))
        inodes.set(entry, entry.afterCrash(variant, choose));
      const found = entry === "directory" ? entry : inodes.get(entry)!;
      tree.names.set(path, found);
      tree.#base.set(path, found);
    }
    return tree;
  }

  /** Bytes in all files, a file with several names counted once. */
  bytes(): number {
    let sum = 0;
    for (const entry of new Set(this.names.values()))
      if (entry instanceof MemoryInode) sum += entry.length;
    return sum;
  }
}
