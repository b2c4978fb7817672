/**
 * One digest of everything that users can see: two machines that applied the same entries have the
 * same, whatever of it is resident. Every key is hashed with all that belongs to it and the digests
 * are combined by exclusive or, so that the order of the directory does not count; it must name
 * each key once while nothing changes.
 * @module
 */
import { assert } from "../base/assert.ts";
import { ByteWriter } from "../base/bytes.ts";
import type { Database, Keyspace, Modified } from "../keyspace/api.ts";

const pageKeys = 1000;
const digestBytes = 32;

/** SHA-256 (FIPS 180-4). */
export type Sha256 = (data: Uint8Array) => Buffer;

/**
 * Digest of all keys that live at the keyspace's time, 32 bytes; zeroes if there is none.
 * @param afterPage - Called now and then, to evict what was loaded.
 */
export function stateHash(
  keyspace: Keyspace,
  sha256: Sha256,
  afterPage: () => void = () => {},
): Buffer {
  const sum = Buffer.alloc(digestBytes);
  for (let number = 0; number < keyspace.databaseCount; number++) {
    let cursor = 0n;
    do {
      const page = keyspace.directory.scan(number, cursor, pageKeys);
      for (const key of page.keys) add(sum, sha256(keyState(keyspace.database(number), key)));
      cursor = page.cursor;
      afterPage();
    } while (cursor !== 0n);
  }
  return sum;
}

/**
 * All that belongs to a key, in one form:
 * `database u8 | type, encoding: (length u8, text) | expire_at u64 | modified (index u64, ordinal
 * u32) | length u32, key | value`.
 */
export function keyState(db: Database, key: Uint8Array): Buffer {
  const type = db.typeOf(key);
  assert(type === "string", "no such key, or of a type without a canonical form");
  const writer = new ByteWriter(256).u8(db.number);
  for (const text of [type, db.encoding(key) as string])
    writer.u8(text.length).bytes(Buffer.from(text, "latin1"));
  const { index, ordinal } = db.modified(key) as Modified;
  writer.safe64(db.expireAt(key)).safe64(index).u32(ordinal);
  writer.u32(key.length).bytes(key);
  return writer.bytes(db.getString(key) as Buffer).finish();
}

function add(sum: Buffer, digest: Buffer): void {
  assert(digest.length === digestBytes);
  for (let n = 0; n < digestBytes; n++) sum[n] = (sum[n] as number) ^ (digest[n] as number);
}
