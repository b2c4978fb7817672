/**
 * Opens every record of the store, also those that newer ones have replaced, and checks what ties
 * the files together: manifest, headers, the chain of commits, hints.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import { controlTables } from "../../control/records.ts";
import { rowValue } from "../../control/rowtext.ts";
import { readControl } from "../../entry/record.ts";
import { collected } from "../../store/segments/hint.ts";
import { type ClosedSegment, readHint, readSegmentHeader } from "../../store/segments/inspect.ts";
import { type ManifestSegment, readState } from "../../store/segments/manifest.ts";
import { hintPath, manifestPath, segmentPath } from "../../store/segments/names.ts";
import { type Recovered, type RecoveryInput, recover } from "../../store/segments/recover.ts";
import { runSteps, type ScanResult } from "../../store/segments/scan.ts";
import { verifySegment } from "../../store/segments/verifying.ts";
import type { Findings } from "./findings.ts";

export interface VerifiedStore {
  /** Every row of the loads that stands in the store, for opening the log. */
  readonly loads: readonly LoadRow[];
  /** What a start would find; null if it would be refused. */
  readonly recovered: Recovered | null;
}

/** Key and value of a row of the loads, as it stands in a control record. */
export interface LoadRow {
  readonly key: Buffer;
  readonly value: Buffer;
}

class StoreCheck implements VerifiedStore {
  readonly loads: LoadRow[] = [];
  recovered: Recovered | null = null;
  private readonly input: RecoveryInput;
  private readonly findings: Findings;

  constructor(input: RecoveryInput, findings: Findings) {
    this.input = input;
    this.findings = findings;
  }

  run(): VerifiedStore {
    const { findings, input } = this;
    const { disk, directory, primitives, keys, place } = input;
    const path = manifestPath(directory);
    const state = findings.attempt(path, () => readState(primitives, keys, disk, directory, place));
    for (const listed of state?.state.segments ?? []) {
      const segment = segmentPath(directory, listed.number);
      findings.attempt(segment, () => this.segment(listed, segment));
    }
    if (findings.damage.length === 0)
      this.recovered = findings.attempt(directory, () => recover(input)) ?? null;
    return this;
  }

  private segment(listed: ManifestSegment, path: string): void {
    const { findings, input } = this;
    if (input.disk.status(path) === null) throw new StrongroomError("STORE_FILE_MISSING", path);
    const { header } = readSegmentHeader(input, listed.number, path);
    findings.count("store segments");
    const { length, lastMac } = listed;
    const closed = listed.closed ? { length, lastMac } : null;
    // A record that does not open is told and passed over.
    const visitor = {
      record: () => findings.count(header.keyId === 0 ? "records in clear" : "records"),
      failed(offset: number, error: unknown): void {
        findings.count("records");
        findings.add(path, offset, error);
      },
    };
    this.controls(runSteps(verifySegment(input, header, path, closed, visitor)));
    if (closed !== null) this.hint({ header, path, length, lastMac });
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
  private hint(segment: ClosedSegment): void {
    const { disk, directory } = this.input;
    if (readHint(this.input, segment) !== null) this.findings.count("hints");
    else if (disk.status(hintPath(directory, segment.header.number)) === null)
      this.findings.count("hints missing (no damage)");
    else this.findings.count("hints not usable (no damage)");
  }
}

export function verifyStore(input: RecoveryInput, findings: Findings): VerifiedStore {
  return new StoreCheck(input, findings).run();
}
