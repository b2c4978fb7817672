/**
 * Whether sidecar, store and log are of one history, judged as a start judges them: the store's
 * control records against the sidecar, the log against the store's last commit, and what the log's
 * control entries lead to against the sidecar. Each part may be whole in itself while another is
 * gone, or of another moment: then what was acknowledged is lost, and no start serves it. Only
 * read; keys that the log or the store name beyond the sidecar go into the keystore.
 * docs/formats/sidecar.md.
 * @module
 */
import type { GroupId, LogIndex } from "../../base/brand.ts";
import { isStrongroomError, StrongroomError } from "../../base/errors.ts";
import type { Disk } from "../../base/ports.ts";
import { advance, advancePassed, judge } from "../../control/admit.ts";
import { applyControl, type ControlEntry, readSkip } from "../../control/apply.ts";
import { handOver, type Kek, unwrapDek } from "../../control/deks.ts";
import { verifierOf } from "../../control/macs.ts";
import { confirmReplayed, reconcile } from "../../control/reconcile.ts";
import { fromRecords } from "../../control/restore.ts";
import { controlRows } from "../../control/rowtext.ts";
import type { ControlState } from "../../control/state.ts";
import { isControlOpcode } from "../../entry/control.ts";
import { entryHeaderBytes, entryHeaderIn, readEntryHeader } from "../../entry/logentry.ts";
import type { LogEntry } from "../../log/log.ts";
import { readEntries } from "../../log/segments/reader.ts";
import type { Survey } from "../../log/segments/survey.ts";
import type { Foundation } from "../../node/foundation.ts";
import { readLocalRows } from "../../node/localrows.ts";
import { judgeLog } from "../../node/starting.ts";
import type { Primitives } from "../../platform/primitives.ts";
import type { Recovered } from "../../store/segments/recover.ts";
import type { Findings } from "./findings.ts";

export interface HistoryInput {
  readonly disk: Disk;
  readonly primitives: Primitives;
  readonly foundation: Foundation;
  readonly keks: readonly Kek[];
  readonly recovered: Recovered;
  readonly survey: Survey;
}

const group = 0 as GroupId;

class HistoryCheck {
  private readonly input: HistoryInput;
  private readonly state: ControlState;
  /** Digests of entries that an operator let this node pass, by index. */
  private readonly skips = new Map<number, Buffer>();

  /** @throws CONTROL_RECORDS_DAMAGED, SIDECAR_FOREIGN, SIDECAR_OTHER_NODE. */
  constructor(input: HistoryInput) {
    const { primitives, foundation, recovered } = input;
    const { cluster, nodeId } = foundation.document;
    const records = [...recovered.books.controls.live()];
    const sha256 = (data: Uint8Array): Buffer => primitives.sha256(data);
    this.input = input;
    this.state = fromRecords(controlRows(records), { sha256, group }, cluster);
    const stored = readLocalRows(records).nodeId;
    if (stored !== null && stored !== nodeId)
      throw new StrongroomError("SIDECAR_OTHER_NODE", `the store is of ${stored}`);
  }

  /** @throws the refusal of a start; KEK_*. */
  async run(): Promise<void> {
    const { state } = this;
    const { foundation, recovered, survey } = this.input;
    const { document } = foundation;
    const encryption = document.clear === null ? "on" : "off";
    if (reconcile(document, state, encryption).kind === "rewrite")
      for (const { id, state: of } of state.keys.values())
        if (of !== "retired") await this.learn(id);
    const first = (survey.state?.firstIndex ?? 1) as LogIndex;
    const last = survey.last as LogIndex;
    judgeLog({ first, last, read: (from, to) => this.read(from, to) }, recovered.durable);
    await this.replay(recovered.durable.appliedIndex + 1);
    confirmReplayed(document, state, encryption);
    // One that is behind by now must be an older one of this history.
    reconcile(document, state, encryption);
  }

  private read(from: number, to: number = this.input.survey.last): Generator<LogEntry> {
    const { disk, survey } = this.input;
    return readEntries(disk, survey.files, from, to);
  }

  /** What the entries behind the last commit do to keys and sessions. */
  private async replay(from: number): Promise<void> {
    const { state } = this;
    this.readSkips(from);
    for (const { index, entry } of this.read(from)) {
      const passed = this.skips.get(index)?.equals(state.deps.sha256(entry)) === true;
      const header = passed ? entryHeaderIn(entry) : readEntryHeader(entry);
      if (header === null) continue;
      const control = controlOf(index, entry);
      if (passed) advancePassed(state, header);
      else if (control !== null) await this.control(control);
      else if (judge(state, header, index) === "apply") advance(state, header);
    }
  }

  private async control(entry: ControlEntry): Promise<void> {
    const { state } = this;
    const { macs, keystore } = this.input.foundation;
    const { outcome, effects } = applyControl(state, entry, verifierOf(macs));
    if (outcome.kind === "halt")
      throw new StrongroomError(outcome.code, `log entry ${entry.index}: ${outcome.detail}`);
    const clear = effects.clearIndexKey;
    if (clear !== null) keystore.add(clear.keyId, "index", clear.raw);
    for (const keyId of effects.unwrap) await this.learn(keyId);
    // A skip may be signed under a key that this entry has made known.
    if (state.keyringIndex === entry.index) this.readSkips(entry.index + 1);
  }

  private readSkips(from: number): void {
    const verify = verifierOf(this.input.foundation.macs);
    for (const { index, entry } of this.read(from)) {
      const control = controlOf(index, entry);
      const skip = control === null ? null : readSkip(this.state, control, verify);
      if (skip !== null) this.skips.set(skip.index, Buffer.from(skip.digest));
    }
  }

  /** A key that the sidecar does not name. @throws KEK_*, KEY_WRAP_DAMAGED. */
  private async learn(keyId: number): Promise<void> {
    const { foundation, keks } = this.input;
    const { cluster, keys } = this.state;
    const row = keys.get(keyId);
    if (foundation.keystore.has(keyId)) return;
    if (row === undefined || cluster === null) throw new StrongroomError("CRYPTO_KEY_UNKNOWN");
    const key = { keyId: row.id, purpose: row.purpose, wraps: row.wraps };
    handOver([{ ...key, raw: await unwrapDek(key, cluster, keks) }], foundation.keystore);
  }
}

/** Null if it is none of control's. */
function controlOf(index: number, entry: Buffer): ControlEntry | null {
  const header = entryHeaderIn(entry);
  const opcode = entry[entryHeaderBytes] as number;
  if (header?.keyId !== 0 || !isControlOpcode(opcode)) return null;
  return { index, header, opcode, body: entry.subarray(entryHeaderBytes + 1) };
}

/** What refuses a start is a finding. @throws KEK_*: what keeps keys from being opened at all. */
export async function verifyHistory(input: HistoryInput, findings: Findings): Promise<void> {
  try {
    await new HistoryCheck(input).run();
  } catch (error) {
    if (isStrongroomError(error) && (error as StrongroomError).code.startsWith("KEK_")) throw error;
    findings.addWhole(error);
  }
}
