/**
 * Keys that will be asked for next, several at a time: what their look-ups read is brought into the
 * processor's cache, and the store prepares what is not resident. Changes no answer.
 * @module
 */
import { foreseenKeysMax } from "./api.ts";
import type { Resident } from "./resident.ts";

/** Longer keys are not worth hashing twice: `touch` misses their entries. */
const touchedKeyBytesMax = 64;

export class Foresight {
  private readonly resident: Resident;
  /** Keyspace id of each database; changes. */
  private readonly ids: Uint32Array;
  /** Of `keys`. */
  private readonly foreseen = {
    bytes: Buffer.alloc(foreseenKeysMax * touchedKeyBytesMax),
    starts: new Int32Array(foreseenKeysMax),
    ends: new Int32Array(foreseenKeysMax),
    databases: new Int32Array(foreseenKeysMax),
  };

  constructor(resident: Resident, ids: Uint32Array) {
    this.resident = resident;
    this.ids = ids;
  }

  /** Brings what look-ups of these keys will read into the processor's cache; changes nothing. */
  touch(
    buffer: Buffer,
    starts: Int32Array,
    ends: Int32Array,
    databases: Int32Array,
    count: number,
  ): void {
    const { many } = this.resident;
    for (let n = 0; n < count; n++) {
      const keyspace = this.ids[databases[n] as number] ?? 0;
      const start = starts[n] as number;
      const end = Math.min(ends[n] as number, start + touchedKeyBytesMax);
      many.named.name(n, keyspace, start, end);
    }
    many.touchKeys(buffer, count);
  }

  /** `touch`, and lets the store prepare what is not resident; changes no answer, never throws. */
  foresee(
    buffer: Buffer,
    starts: Int32Array,
    ends: Int32Array,
    databases: Int32Array,
    count: number,
  ): void {
    const { resident } = this;
    try {
      this.touch(buffer, starts, ends, databases, count);
      let absent = 0;
      for (let n = 0; n < count; n++) {
        if (resident.entries.meets(resident.many.named.hash(n))) continue;
        if (absent++ === 0) resident.source.beginForeseeing();
        const keyspace = this.ids[databases[n] as number] as number;
        resident.source.foresee(keyspace, buffer, starts[n] as number, ends[n] as number);
      }
      if (absent > 0) resident.source.endForeseeing();
    } catch {
      // Whatever is wrong is met, and told, by who asks for the key.
    }
  }

  /** `foresee` for keys of one database, in any memory; a long one and what follows is left out. */
  keys(database: number, keys: readonly Uint8Array[], from: number): void {
    const { foreseen } = this;
    const end = Math.min(keys.length, from + foreseenKeysMax);
    let at = 0;
    let count = 0;
    for (let n = from; n < end; n++) {
      const key = keys[n] as Uint8Array;
      if (key.length > touchedKeyBytesMax) break;
      foreseen.bytes.set(key, at);
      foreseen.starts[count] = at;
      at += key.length;
      foreseen.ends[count] = at;
      foreseen.databases[count++] = database;
    }
    if (count < 2) return;
    this.foresee(foreseen.bytes, foreseen.starts, foreseen.ends, foreseen.databases, count);
  }
}
