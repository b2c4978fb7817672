/**
 * The nonce ledger: every envelope in every store segment and log file of a data directory, read
 * from the bytes on disk. One (subkey, nonce) pair with two different ciphertexts is the end of
 * AES-GCM's promises (NIST SP 800-38D, section 8).
 * @module
 */
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ByteReader } from "../../src/base/bytes.ts";
import { fileSeed } from "../../src/files/framing.ts";
import { decodeFileHeader, type FileKind, readHeaderBlock } from "../../src/files/header.ts";
import { FrameScanner } from "../../src/files/scanner.ts";
import { NodeDisk } from "../../src/platform/disk.ts";

const disk = new NodeDisk();
const segmentKind: FileKind = { magic: "STRMSEGM", version: 1 };
const logKind: FileKind = { magic: "SRLOGSEG", version: 1 };
const blockBytes = 4096;
const nonceBytes = 12;
const recordEnvelopeAt = 46;
const entryEnvelopeAt = 21;
const nonceInEnvelope = 6;

/** `use | key id | salt or session | nonce` → digest of what was sealed under it. */
export type Ledger = Map<string, string>;

export interface LedgerResult {
  /** Pairs seen in this directory. */
  readonly pairs: number;
  /** Pairs that already stood for other bytes. */
  readonly repeated: string[];
  /** Key ids of the store segments. */
  readonly segmentKeys: Set<number>;
}

class Reading {
  pairs = 0;
  readonly repeated: string[] = [];
  readonly segmentKeys = new Set<number>();
  private readonly ledger: Ledger;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  add(subkey: string, nonce: Buffer, sealed: Buffer): void {
    const pair = `${subkey}|${nonce.toString("hex")}`;
    const digest = createHash("sha256").update(sealed).digest("base64");
    const before = this.ledger.get(pair);
    if (before !== undefined && before !== digest) this.repeated.push(pair);
    this.ledger.set(pair, digest);
    this.pairs++;
  }

  segment(path: string, header: Buffer): void {
    const reader = new ByteReader(header, 16 + 2);
    const number = reader.u32();
    const clear = reader.u8() === 1;
    const keyId = reader.u32();
    reader.bytes(4);
    const salt = reader.bytes(32).toString("hex");
    this.segmentKeys.add(keyId);
    if (clear) return;
    frames(path, number, (body) => {
      if (body[0] !== 1) return;
      const nonceAt = recordEnvelopeAt + nonceInEnvelope;
      const nonce = body.subarray(nonceAt, nonceAt + nonceBytes);
      this.add(`S|${keyId}|${salt}`, nonce, body);
    });
  }

  log(path: string, header: Buffer): void {
    const number = new ByteReader(header, 16 + 2).safe64();
    frames(path, number, (body) => {
      const reader = new ByteReader(body, 8);
      for (let left = reader.u32(); left > 0; left--) this.entry(reader.bytes(reader.u32()));
    });
  }

  private entry(entry: Buffer): void {
    const keyId = entry.readUInt32BE(1);
    if (keyId === 0) return;
    const session = entry.toString("hex", 5, 13);
    const nonceAt = entryEnvelopeAt + nonceInEnvelope;
    this.add(`L|${keyId}|${session}`, entry.subarray(nonceAt, nonceAt + nonceBytes), entry);
  }
}

function frames(path: string, number: number, visit: (body: Buffer) => void): void {
  const file = disk.open(path, { mode: "read" });
  try {
    const scanner = new FrameScanner(file, { seed: fileSeed(number) });
    while (scanner.next()) {
      const { buffer, bodyAt, bodyLength } = scanner;
      visit(buffer.subarray(bodyAt, bodyAt + bodyLength));
    }
  } finally {
    file.close();
  }
}

function headerOf(path: string, kind: FileKind): Buffer | null {
  const block = readHeaderBlock(disk, path);
  if (block.length < blockBytes || block.toString("latin1", 0, 8) !== kind.magic) return null;
  return decodeFileHeader(kind, block, path);
}

/** Adds a directory, which no process writes meanwhile, to the ledger. */
export function enter(ledger: Ledger, directory: string): LedgerResult {
  const reading = new Reading(ledger);
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const segment = headerOf(path, segmentKind);
    if (segment !== null) reading.segment(path, segment);
    const log = headerOf(path, logKind);
    if (log !== null) reading.log(path, log);
  }
  return reading;
}
