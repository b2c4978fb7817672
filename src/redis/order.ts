/**
 * The order of the replies of one connection: counts what was submitted and settled, and keeps
 * what may be answered only behind a submission that is in flight.
 * @module
 */
import type { Args } from "../commands/args.ts";
import type { TableEntry } from "./context.ts";
import type { RecordedReply } from "./recorded.ts";

/** A recorded reply, or a read that is to be run in its turn. */
export interface Deferred {
  /** Its turn comes when this many submissions are settled. */
  readonly after: number;
  readonly recorded: RecordedReply | null;
  readonly entry: TableEntry | null;
  readonly args: Args | null;
  readonly db: number;
}

export class ReplyOrder {
  /** Submissions to the engine so far. */
  issued = 0;
  /** Submissions that were answered. */
  settled = 0;
  private deferred: Deferred[] = [];
  private at = 0;

  /** Nothing is in flight and nothing waits. */
  get idle(): boolean {
    return this.issued === this.settled && this.at === this.deferred.length;
  }

  get waiting(): number {
    return this.deferred.length - this.at;
  }

  deferReply(recorded: RecordedReply): void {
    this.deferred.push({ after: this.issued, recorded, entry: null, args: null, db: 0 });
  }

  deferRead(entry: TableEntry, args: Args, db: number): void {
    this.deferred.push({ after: this.issued, recorded: null, entry, args, db });
  }

  /** The next item whose turn has come, or null. */
  due(): Deferred | null {
    if (this.at === this.deferred.length) return null;
    const item = this.deferred[this.at];
    if (item.after > this.settled) return null;
    this.at++;
    if (this.at === this.deferred.length) {
      this.deferred = [];
      this.at = 0;
    }
    return item;
  }

  clear(): void {
    this.deferred = [];
    this.at = 0;
  }
}
