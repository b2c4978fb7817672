/**
 * Counts per keyspace id, kept with every change so that DBSIZE costs nothing.
 * @module
 */

export interface KeyspaceCounts {
  /** Roots that exist: on disk and not deleted, or marked as pending. */
  live: number;
  /** Records on disk of every kind, dead ones included: 0 means that nothing of it is left. */
  records: number;
  /** Slots whose newest record on disk has an expiry. */
  expiring: number;
}

export class KeyspaceTally {
  /** Keyspaces that are no more, as long as anything of them may be left. */
  readonly dropped = new Set<number>();
  /** Slots of some of them may be left in the index. */
  sweeping = false;
  private readonly counts = new Map<number, KeyspaceCounts>();
  private lastId = -1;
  private last: KeyspaceCounts = { live: 0, records: 0, expiring: 0 };

  of(keyspace: number): KeyspaceCounts {
    if (keyspace === this.lastId) return this.last;
    let counts = this.counts.get(keyspace);
    if (counts === undefined) {
      counts = { live: 0, records: 0, expiring: 0 };
      this.counts.set(keyspace, counts);
    }
    this.lastId = keyspace;
    this.last = counts;
    return counts;
  }

  live(keyspace: number): number {
    return this.dropped.has(keyspace) ? 0 : (this.counts.get(keyspace)?.live ?? 0);
  }

  expiring(keyspace: number): number {
    return this.dropped.has(keyspace) ? 0 : (this.counts.get(keyspace)?.expiring ?? 0);
  }

  records(keyspace: number): number {
    return this.counts.get(keyspace)?.records ?? 0;
  }

  /** Forgets a keyspace that was dropped, if no slot and no record on disk is left of it. */
  forget(keyspace: number): void {
    const { live, records, expiring } = this.of(keyspace);
    if (this.sweeping || live !== 0 || records !== 0 || expiring !== 0) return;
    this.dropped.delete(keyspace);
    this.counts.delete(keyspace);
    this.lastId = -1;
  }
}
