/**
 * Opens every entry of the log. The key of an entry hangs on its session, whose salt stands in a
 * registration: in the log itself, or in the store's control records. An entry of a session that
 * is in neither was applied and its session closed before the log was cut: its frame is checked,
 * its payload cannot be opened by anybody any more, and that is told.
 * @module
 */
import { createHash } from "node:crypto";
import { ByteReader } from "../../base/bytes.ts";
import { isStrongroomError, StrongroomError } from "../../base/errors.ts";
import type { Disk } from "../../base/ports.ts";
import { type MacSource, verifierOf } from "../../control/macs.ts";
import { afterPrefix, prefixes } from "../../control/records.ts";
import type { Keystore } from "../../crypto/keystore.ts";
import { BatchReader } from "../../entry/batch.ts";
import {
  type ControlOpcode,
  controlMacInput,
  controlOpcodes,
  decodeBootstrap,
  decodeRegistration,
  isControlOpcode,
  splitTrailer,
} from "../../entry/control.ts";
import { decodeKeyChange } from "../../entry/keychange.ts";
import {
  type EntryHeader,
  entryHeaderBytes,
  entryHeaderIn,
  opcode,
  readEntryHeader,
} from "../../entry/logentry.ts";
import { node16Of, sessionIdOf } from "../../entry/registration.ts";
import type { LogEntry } from "../../log/log.ts";
import { readEntries } from "../../log/segments/reader.ts";
import type { Survey } from "../../log/segments/survey.ts";
import type { Primitives } from "../../platform/primitives.ts";
import { entryTextAt, LogOpener } from "../../sealed/log.ts";
import { logPrefix, type SealedPlace } from "../../sealed/place.ts";
import type { Findings } from "./findings.ts";
import type { LoadRow } from "./store.ts";

export interface LogInput {
  readonly disk: Disk;
  readonly directory: string;
  readonly place: SealedPlace;
  readonly primitives: Primitives;
  readonly keystore: Keystore;
  readonly macs: MacSource;
  /** Rows of the loads found in the store. */
  readonly loads: readonly LoadRow[];
  readonly survey: Survey;
}

/** What a session's subkey derives from. */
interface Session {
  readonly keyId: number;
  readonly node16: number;
  readonly epoch: number;
  readonly salt: Buffer;
}

const sha256 = (data: Uint8Array): Buffer => createHash("sha256").update(data).digest();

class LogCheck {
  private readonly input: LogInput;
  private readonly findings: Findings;
  private readonly sessions = new Map<bigint, Session>();
  private readonly openers = new Map<bigint, LogOpener>();
  /** Index of the bootstrap; 0: it is not in the log any more. */
  private bootstrapAt = 0;

  constructor(input: LogInput, findings: Findings) {
    this.input = input;
    this.findings = findings;
  }

  run(): void {
    const { disk, directory, survey } = this.input;
    const { findings } = this;
    const before = findings.damage.length;
    const first = survey.files[0];
    if (first === undefined) return;
    const all = () => readEntries(disk, survey.files, first.firstIndex, survey.last);
    findings.count("log files", survey.files.length);
    for (const { key, value } of this.input.loads)
      findings.attempt("control records", () => this.learnRow(key, value));
    const each = (visit: (index: number, header: EntryHeader, entry: Buffer) => void): void => {
      for (const { index, entry } of all())
        findings.attempt(directory, () => visit(index, readEntryHeader(entry), entry));
    };
    findings.attempt(directory, () => {
      this.bootstrapAt = bootstrapOf(all());
    });
    findings.attempt(directory, () =>
      each((index, header, entry) => this.learn(index, header, entry)),
    );
    if (findings.damage.length === before)
      findings.attempt(directory, () =>
        each((index, header, entry) => this.entry(index, header, entry)),
      );
    for (const opener of this.openers.values()) opener.dispose();
  }

  /** A row of the loads: `dek u32 | node16 u16` → `epoch u16 | salt 32 | …`. */
  private learnRow(key: Buffer, value: Buffer): void {
    const name = afterPrefix(key, prefixes.loads);
    const keyId = name.u32();
    const node16 = name.u16();
    const reader = new ByteReader(value);
    const epoch = reader.u16();
    this.add({ keyId, node16, epoch, salt: Buffer.from(reader.bytes(32)) });
  }

  private add(session: Session): void {
    this.sessions.set(sessionIdOf(session.salt, sha256), session);
  }

  private learn(index: number, header: EntryHeader, entry: Buffer): void {
    const code = entry[entryHeaderBytes] as number;
    if (header.keyId !== 0 || !isControlOpcode(code)) return;
    for (const one of registrationsOf(code, this.bodyOf(index, code, entry))) {
      const { dek, fullNodeId, epoch, salt } = one;
      this.add({ keyId: dek, node16: node16Of(fullNodeId), epoch, salt: Buffer.from(salt) });
    }
  }

  /** Signed are all control entries behind the bootstrap. */
  private isSigned(index: number, code: ControlOpcode): boolean {
    const { keystore } = this.input;
    return keystore.list().some(({ purpose }) => purpose === "log") &&
      code !== controlOpcodes.bootstrap
      ? index > this.bootstrapAt
      : false;
  }

  private bodyOf(index: number, code: ControlOpcode, entry: Buffer): Buffer {
    const rest = entry.subarray(entryHeaderBytes + 1);
    if (!this.isSigned(index, code)) return rest;
    const trailer = splitTrailer(rest);
    if (trailer === null) throw new StrongroomError("FORMAT_TRUNCATED", `log entry ${index}`);
    return trailer.body;
  }

  private entry(index: number, header: EntryHeader, entry: Buffer): void {
    const code = entry[entryHeaderBytes] as number;
    if (header.keyId === 0 && isControlOpcode(code)) {
      this.checkMac(index, code, header, entry);
      this.findings.count("control entries");
    } else if (header.keyId === 0) {
      checkPayload(index, entry, entryHeaderBytes, entry.length);
      this.findings.count("log entries in clear");
    } else {
      this.sealed(index, header, entry);
    }
  }

  private checkMac(index: number, code: ControlOpcode, header: EntryHeader, entry: Buffer): void {
    if (!this.isSigned(index, code)) return;
    const trailer = splitTrailer(entry.subarray(entryHeaderBytes + 1));
    const { cluster, group } = this.input.place;
    const place = { cluster, group, session: header.session, seq: header.seq };
    const verdict =
      trailer === null
        ? "invalid"
        : verifierOf(this.input.macs)(
            trailer.keyId,
            controlMacInput(place, code, trailer.keyId, trailer.body),
            trailer.tag,
          );
    if (verdict === "unavailable") this.findings.count("control entries of retired keys");
    else if (verdict !== "valid")
      throw new StrongroomError("CRYPTO_TAG_MISMATCH", `control entry ${index}`);
  }

  private sealed(index: number, header: EntryHeader, entry: Buffer): void {
    const opener = this.opener(header);
    if (opener === null) {
      this.findings.count("log entries of closed sessions, applied and not opened");
      return;
    }
    try {
      const length = opener.open(entry, 0, entry.length);
      checkPayload(index, entry, entryTextAt, entryTextAt + length);
    } catch (error) {
      if (!isStrongroomError(error)) throw error;
      const { code } = error as StrongroomError;
      throw new StrongroomError(code, `log entry ${index}`, { cause: error });
    } finally {
      entry.fill(0, entryHeaderBytes);
    }
    this.findings.count("log entries");
  }

  private opener(header: EntryHeader): LogOpener | null {
    const known = this.openers.get(header.session);
    if (known !== undefined) return known;
    const session = this.sessions.get(header.session);
    const { keystore, primitives, place } = this.input;
    if (session === undefined || !keystore.has(session.keyId)) return null;
    const subkey = keystore.derive({ use: "log", group: place.group, ...session });
    const opener = new LogOpener(primitives, subkey, logPrefix(place), session.keyId);
    subkey.fill(0);
    this.openers.set(header.session, opener);
    return opener;
  }
}

/** Stops at it: what is before it, in a log that began in clear, is not signed. */
function bootstrapOf(entries: Iterable<LogEntry>): number {
  for (const { index, entry } of entries)
    if (entryHeaderIn(entry)?.keyId === 0 && entry[entryHeaderBytes] === controlOpcodes.bootstrap)
      return index;
  return 0;
}

function registrationsOf(code: ControlOpcode, body: Buffer) {
  if (code === controlOpcodes.registration) return [decodeRegistration(body)];
  if (code === controlOpcodes.bootstrap) return decodeBootstrap(body).registrations;
  const change = decodeKeyChange(body);
  if (change.kind === "activate") return change.registrations;
  return change.kind === "clear-index-key" ? [change.registration] : [];
}

function checkPayload(index: number, buffer: Buffer, at: number, end: number): void {
  const code = buffer[at];
  if (code === opcode.batch) new BatchReader().begin(buffer, at + 1, end);
  else if (code !== opcode.hlcCeiling)
    throw new StrongroomError("ENTRY_OPCODE_UNKNOWN", `log entry ${index}: opcode ${code}`);
}

export function verifyLog(input: LogInput, findings: Findings): void {
  new LogCheck(input, findings).run();
}
