/**
 * What lies under each key in a file of the log, counted while entries are written and when a start
 * reads the files: so that nobody has to open them to know. Key 0 stands for commands in clear and
 * for the index key in clear; other control entries are readable by design and counted apart.
 * docs/formats/log-entry.md.
 * @module
 */
import { subTagAt, subTags } from "../../entry/keychange.ts";
import { entryHeaderBytes, opcode } from "../../entry/logentry.ts";

export interface LogKeyUsage {
  readonly keyId: number;
  readonly entries: number;
  readonly bytes: number;
  /** Names of the files, in order. */
  readonly files: readonly string[];
}

interface Count {
  entries: number;
  bytes: number;
}

const keyIdAt = 1;
/** In an entry in clear: behind header and opcode stands the body. */
const tagAt = entryHeaderBytes + 1 + subTagAt;
const clearIndexKeyTag = subTags["clear-index-key"];

export class FileUsage {
  readonly keys = new Map<number, Count>();
  /** Control entries: registrations and changes of the keyring. */
  readonly control: Count = { entries: 0, bytes: 0 };

  /** Counts `count` entries, each behind its length, from `at` on. */
  add(buffer: Buffer, at: number, count: number): void {
    for (let n = 0, from = at; n < count; n++) {
      const length = buffer.readUInt32BE(from);
      const entry = from + 4;
      const into = this.countOf(buffer, entry, length);
      into.entries++;
      into.bytes += length;
      from = entry + length;
    }
  }

  private countOf(buffer: Buffer, at: number, length: number): Count {
    const keyId = length < entryHeaderBytes ? 0 : buffer.readUInt32BE(at + keyIdAt);
    if (keyId === 0 && length > entryHeaderBytes + 1) {
      const code = buffer[at + entryHeaderBytes] as number;
      const secret = length > tagAt && buffer[at + tagAt] === clearIndexKeyTag;
      const control = code >= opcode.registration && code <= opcode.keyring;
      if (control && !(code === opcode.keyring && secret)) return this.control;
    }
    let count = this.keys.get(keyId);
    if (count === undefined) {
      count = { entries: 0, bytes: 0 };
      this.keys.set(keyId, count);
    }
    return count;
  }
}

/** Of all keys together, by key id. */
export function usageOfFiles(
  files: readonly { readonly path: string; readonly usage: FileUsage }[],
): LogKeyUsage[] {
  const sums = new Map<number, { keyId: number; files: string[] } & Count>();
  for (const { path, usage } of files)
    for (const [keyId, { entries, bytes }] of usage.keys) {
      const sum = sums.get(keyId) ?? { keyId, entries: 0, bytes: 0, files: [] };
      sums.set(keyId, sum);
      sum.entries += entries;
      sum.bytes += bytes;
      sum.files.push(path.slice(path.lastIndexOf("/") + 1));
    }
  return [...sums.values()].sort((one, other) => one.keyId - other.keyId);
}
