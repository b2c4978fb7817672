/**
 * Opens every record of the store, also those that newer ones have replaced, and checks what ties
 * the files together: manifest, headers, the chain of commits, hints.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import type { Disk, DiskFile } from "../../base/ports.ts";
import { controlTables } from "../../control/records.ts";
import { rowValue } from "../../control/rowtext.ts";
import { readControl } from "../../entry/record.ts";
import { blockBytes } from "../../files/framing.ts";
import type { Primitives } from "../../platform/primitives.ts";
import { type SealedPlace, storagePrefix } from "../../sealed/place.ts";
import { RecordOpener } from "../../sealed/record.ts";
import {
  checkHeaderMac,
  decodeSegmentHeader,
  type SegmentHeader,
} from "../../store/segments/header.ts";
import { collected, decodeHint } from "../../store/segments/hint.ts";
import { segmentSubkey, withSegmentMac } from "../../store/segments/keys.ts";
import { type ManifestSegment, readState } from "../../store/segments/manifest.ts";
import { hintPath, manifestPath, segmentPath } from "../../store/segments/names.ts";
import { recover } from "../../store/segments/recover.ts";
import { type ScanResult, scanSegment } from "../../store/segments/scan.ts";
import type { StorageKeys } from "../../store/store.ts";
import type { Findings } from "./findings.ts";

export interface StoreInput {
  readonly disk: Disk;
  readonly directory: string;
  readonly place: SealedPlace;
  readonly primitives: Primitives;
  readonly keys: StorageKeys;
  readonly requireSealed: boolean;
}

/** Key and value of a row of the loads, as it stands in a control record. */
export interface LoadRow {
  readonly key: Buffer;
  readonly value: Buffer;
}

class StoreCheck {
  readonly loads: LoadRow[] = [];
  private readonly input: StoreInput;
  private readonly findings: Findings;

  constructor(input: StoreInput, findings: Findings) {
    this.input = input;
    this.findings = findings;
  }

  run(): void {
    const { findings, input } = this;
    const { disk, directory, primitives, keys, place } = input;
    const path = manifestPath(directory);
    const state = findings.attempt(path, () => readState(primitives, keys, disk, directory, place));
    for (const listed of state?.state.segments ?? []) {
      const segment = segmentPath(directory, listed.number);
      findings.attempt(segment, () => this.segment(listed, segment));
    }
    if (findings.damage.length === 0) findings.attempt(directory, () => recover(input));
  }

  private segment(listed: ManifestSegment, path: string): void {
    const { disk, primitives, keys } = this.input;
    if (disk.status(path) === null) throw new StrongroomError("STORE_FILE_MISSING", path);
    const header = this.header(listed, path);
    this.findings.count("store segments");
    withSegmentMac(primitives, keys, header, (mac) => {
      const { number, keyId, chainNumber, chainMac } = header;
      const closed = listed.closed ? { length: listed.length, lastMac: listed.lastMac } : null;
      const target = { path, number, sealed: keyId !== 0, closed, chainNumber, chainMac };
      const puts = this.puts(header, path);
      const found = scanSegment(disk, target, mac, { put: puts.open });
      puts.finish();
      this.controls(found);
      const identity = { keyId, number, length: listed.length, lastMac: listed.lastMac };
      if (listed.closed)
        this.hint(number, (data, file) => decodeHint(identity, data, mac, file) !== null);
    });
  }

  private header(listed: ManifestSegment, path: string): SegmentHeader {
    const { disk, place, primitives, keys } = this.input;
    const block = Buffer.alloc(blockBytes);
    const file = disk.open(path, { mode: "read" });
    try {
      file.read(block, 0);
    } finally {
      file.close();
    }
    const read = decodeSegmentHeader(place, listed.number, block, path);
    withSegmentMac(primitives, keys, read.header, (mac) => checkHeaderMac(place, read, mac, path));
    return read.header;
  }

  /** Opens puts as the scan meets them; a record that does not open is told and passed over. */
  private puts(header: SegmentHeader, path: string) {
    const { primitives, keys, place } = this.input;
    const { findings } = this;
    let opener: RecordOpener | null = null;
    if (header.keyId !== 0) {
      const subkey = segmentSubkey(keys, header);
      opener = new RecordOpener(primitives, subkey, storagePrefix(place), header.keyId);
      subkey.fill(0);
    }
    const sealed = opener;
    return {
      open(buffer: Buffer, bodyAt: number, length: number, offset: number): void {
        findings.count(sealed === null ? "records in clear" : "records");
        if (sealed === null) return;
        // On a copy: the chain of commits is reckoned over the sealed bytes.
        const copy = Buffer.from(buffer.subarray(bodyAt, bodyAt + length));
        findings.attempt(path, () => sealed.open(copy, 0, length), offset);
        copy.fill(0);
      },
      finish: () => sealed?.dispose(),
    };
  }

  private controls(found: ScanResult): void {
    for (const { body, length } of collected(found.entries).controls) {
      const row = readControl(body, 0, length);
      this.findings.count("control records");
      if (row.table === controlTables.loads && !row.deleted)
        this.loads.push({ key: Buffer.from(row.key), value: rowValue(Buffer.from(row.value)) });
    }
    this.findings.count("commits", found.commits);
  }

  /** A hint that is wrong is no damage: the segment itself is read instead. It is told. */
  private hint(number: number, isWhole: (data: Buffer, segment: DiskFile) => boolean): void {
    const { disk, directory } = this.input;
    const path = hintPath(directory, number);
    if (disk.status(path) === null) {
      this.findings.count("hints missing (no damage)");
      return;
    }
    const segment = disk.open(segmentPath(directory, number), { mode: "read" });
    const whole = isWhole(disk.readFile(path), segment);
    segment.close();
    this.findings.count(whole ? "hints" : "hints not usable (no damage)");
  }
}

/** @returns every row of the loads that stands in the store, for opening the log. */
export function verifyStore(input: StoreInput, findings: Findings): LoadRow[] {
  const check = new StoreCheck(input, findings);
  check.run();
  return check.loads;
}
