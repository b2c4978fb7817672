/**
 * Orders to clear keys, as the compactor keeps them: at which rate, and whether they are held. They
 * live in memory; whoever gives them makes them durable and gives them again after a restart.
 * @module
 */

export interface Order {
  readonly keyId: number;
  /** Bytes of the segments read a second; Infinity: as fast as it goes. */
  readonly bytesPerSecond: number;
  /** Nothing is rewritten under the key until a new order, in the background neither. */
  readonly held: boolean;
}

export interface RewriteProgress {
  readonly keyId: number;
  readonly segmentsLeft: number;
  /** Of those segments, less what the compaction under way has read. */
  readonly bytesLeft: number;
  readonly recordsLeft: number;
  /** Segments set aside because they cannot be read whole (aside.ts). */
  readonly damaged: number;
}

export class Orders {
  private readonly orders = new Map<number, Order>();

  /** True if one of them asks for work. */
  get any(): boolean {
    for (const { held } of this.orders.values()) if (!held) return true;
    return false;
  }

  set(order: Order): void {
    this.orders.set(order.keyId, order);
  }

  delete(keyId: number): void {
    this.orders.delete(keyId);
  }

  of(keyId: number): Order | null {
    return this.orders.get(keyId) ?? null;
  }

  /** The first one that asks for work and has some, by `has`. */
  next(has: (keyId: number) => boolean): Order | null {
    for (const order of this.orders.values()) if (!order.held && has(order.keyId)) return order;
    return null;
  }
}
