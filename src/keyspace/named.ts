/**
 * A few keys that are looked up soon, and their hashes, as `TouchKeys` takes and tells them: the
 * secret of the hash in three integers and the number of keys; then start, end, tweak and hash of
 * each.
 * @module
 */
import { type HashSecret, hashKey, tweakOf } from "./hash.ts";

const head = 4;
const row = 4;

export class NamedKeys {
  private readonly secret: HashSecret;
  private readonly rows: Int32Array;

  /** @param max - Keys at once. */
  constructor(secret: HashSecret, max: number) {
    this.secret = secret;
    this.rows = new Int32Array(head + max * row);
    this.rows.set([secret.seed, secret.first, secret.second]);
  }

  /** The key `n` is buffer[start, end) of a buffer that is told later. */
  name(n: number, keyspace: number, start: number, end: number): void {
    const at = head + n * row;
    this.rows[at] = start;
    this.rows[at + 1] = end;
    this.rows[at + 2] = tweakOf(keyspace);
  }

  /** Hashes the key `n` here. */
  hashHere(n: number, buffer: Buffer): number {
    const { rows, secret } = this;
    const at = head + n * row;
    const [start, end, tweak] = [
      rows[at] as number,
      rows[at + 1] as number,
      rows[at + 2] as number,
    ];
    const hash = hashKey(secret, tweak, buffer, start, end);
    rows[at + 3] = hash;
    return hash;
  }

  /** The hash of the key `n`, once it was touched. */
  hash(n: number): number {
    return this.rows[head + n * row + 3] as number;
  }

  /** Rows of the first `count` keys. */
  of(count: number): Int32Array {
    this.rows[head - 1] = count;
    return this.rows;
  }
}
