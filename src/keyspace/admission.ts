/**
 * What a full cache takes in: a key that was missed before, lately. What is read once, in a scan or
 * out of very many keys, pushes nothing out, and costs no entry. Only residency depends on it, no
 * answer. (The "doorkeeper" of Einziger, Friedman and Manes, TinyLFU, ACM Transactions on Storage
 * 13, 2017.)
 * @module
 */

/** As many as a cache of 256 MiB holds entries of 2 KiB. */
export const rememberedMisses = 1 << 17;

/** By hash in a table in which newer ones take the place of older ones. */
export class RecentMisses {
  /** Two to a place, the newer one first: two keys that share one do not displace each other. */
  private readonly marks = new Uint16Array(rememberedMisses);

  /** Notes a miss. @param hash - An int32. @returns whether the key was missed before, lately. */
  again(hash: number): boolean {
    const { marks } = this;
    const at = hash & (rememberedMisses - 2);
    const mark = hash >>> 16;
    const newer = marks[at] as number;
    if (newer === mark || marks[at + 1] === mark) return true;
    marks[at + 1] = newer;
    marks[at] = mark;
    return false;
  }
}
