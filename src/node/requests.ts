/**
 * Requests that changed this node alone: rewrites and the mending of its sidecar. They are no
 * entries of the log, so the log cannot answer for them; each leaves a row of the node's own, in
 * the same commit as what it changed. The same id again is answered from there, also after a kill.
 * Hazard: a pause whose answer was lost is sent again, long after the rewrite was resumed.
 * docs/decisions/0038.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import {
  type LocalRow,
  type RequestKind,
  type RequestRow,
  requestIdRow,
  requestIdsMax,
} from "./localrows.ts";
import type { Applied } from "./operations.ts";

/** What one request asks of this node. */
export interface Asked {
  /** 16 bytes. */
  readonly request: Buffer;
  readonly kind: RequestKind;
  /** Key that it is about; 0 also for none. */
  readonly keyId: number;
}

/** A request that is being done: kept once what it changes is about to be made durable. */
export interface Note {
  /** Called together with the change, before the flush that makes both durable. */
  add(): void;
  /** The flush failed: neither counts. */
  drop(): void;
}

const nameOf = (request: Buffer): string => request.toString("hex");

export class LocalRequests {
  /** By id, oldest first. */
  private readonly rows = new Map<string, RequestRow>();
  private readonly changed = new Set<string>();
  private ordinal = 0;

  /** As the store holds them, in any order. */
  restore(rows: readonly RequestRow[]): void {
    for (const row of [...rows].sort((one, other) => one.ordinal - other.ordinal)) {
      this.rows.set(nameOf(row.request), row);
      this.ordinal = row.ordinal;
    }
  }

  /** Rows that changed since the last call; they belong into the next run. */
  takeChanged(): LocalRow[] {
    const taken = [...this.changed].map((name) =>
      requestIdRow(Buffer.from(name, "hex"), this.rows.get(name) ?? null),
    );
    this.changed.clear();
    return taken;
  }

  has(request: Buffer): boolean {
    return this.rows.has(nameOf(request));
  }

  /**
   * How the request was answered first; null: it was not done, or is not known any more.
   * @throws ADMIN_REQUEST_ID_REUSED: its id stands for something else.
   */
  find({ request, kind, keyId }: Asked): Applied | null {
    const row = this.rows.get(nameOf(request));
    if (row === undefined) return null;
    if (row.kind !== kind || row.keyId !== keyId)
      throw new StrongroomError("ADMIN_REQUEST_ID_REUSED", nameOf(request));
    return { appliedIndex: row.appliedIndex, changed: false };
  }

  /** @param appliedIndex - Of the machine when it was asked. */
  note({ request, kind, keyId }: Asked, appliedIndex: number): Note {
    const name = nameOf(request);
    return {
      add: () => {
        this.ordinal++;
        this.rows.set(name, { request, kind, keyId, appliedIndex, ordinal: this.ordinal });
        this.changed.add(name);
        if (this.rows.size > requestIdsMax) this.delete(this.rows.keys().next().value as string);
      },
      drop: () => this.delete(name),
    };
  }

  private delete(name: string): void {
    this.rows.delete(name);
    this.changed.add(name);
  }
}
