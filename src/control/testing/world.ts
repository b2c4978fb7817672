/**
 * A node of control alone, for tests: a real sidecar, a log of one file an entry, a store of one
 * file of control records, all on a disk in memory that can stop at any operation. It performs the
 * applier's effects in the order that a node must.
 * @module
 */
import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";
import { assert } from "../../base/assert.ts";
import type { GroupId, KeyId } from "../../base/brand.ts";
import { ByteReader, ByteWriter } from "../../base/bytes.ts";
import { type ErrorCode, StrongroomError } from "../../base/errors.ts";
import type { Random } from "../../base/ports.ts";
import { Keystore } from "../../crypto/keystore.ts";
import { isControlOpcode } from "../../entry/control.ts";
import type { KeyChange } from "../../entry/keychange.ts";
import {
  type EntryHeader,
  entryHeaderBytes,
  readEntryHeader,
  writeEntryHeader,
} from "../../entry/logentry.ts";
import { nodePrimitives } from "../../platform/node-primitives.ts";
import type { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import { type Admission, advance, judge } from "../admit.ts";
import { applyControl } from "../apply.ts";
import { handOver, type Kek, unwrapAll, wrappedKeys } from "../deks.ts";
import { judgeStart, probeDirectorySync } from "../guards.ts";
import { readSidecar, SidecarKeeper } from "../keeper.ts";
import { type MacSource, macSource, verifierOf } from "../macs.ts";
import type { Outcome } from "../outcome.ts";
import {
  type LoadPlan,
  pendingRotation,
  planActivation,
  planClearStart,
  planFirstKeys,
  planLoad,
  planRotation,
} from "../planning.ts";
import { confirmReplayed, judgeRebuild, reconcile } from "../reconcile.ts";
import { type ControlRecord, takeChangedRecords, toRecords } from "../records.ts";
import { fromRecords } from "../restore.ts";
import { verifySidecar } from "../sidecar.ts";
import { nextStep, type Proposal, payloadOf, proposalOf, proposeChange } from "../start.ts";
import { type ControlDeps, ControlState } from "../state.ts";

export const dataDir = "/data";
export const deps: ControlDeps = {
  sha256: (data) => nodePrimitives.sha256(data),
  group: 0 as GroupId,
};

/** Bytes that never repeat and are the same in every run with the same seed. */
export function testRandom(seed = 1): Random & { drawn: Buffer[] } {
  let count = 0;
  const drawn: Buffer[] = [];
  return {
    drawn,
    bytes(length) {
      const name = `${seed}/${count++}`;
      const bytes = createHmac("sha512", "test").update(name).digest().subarray(0, length);
      const own = Buffer.from(bytes);
      drawn.push(Buffer.from(own));
      return own;
    },
  };
}

/** AES-256-GCM under a key made of one byte. `down`: every call fails as a KMS out of reach. */
export class TestKek implements Kek {
  readonly id: string;
  private readonly key: Buffer;
  down = false;

  constructor(byte: number, id = `test:${byte}`) {
    this.id = id;
    this.key = Buffer.alloc(32, byte);
  }

  async wrap(dek: Uint8Array, binding: Uint8Array): Promise<Buffer> {
    const nonce = deps.sha256(dek).subarray(0, 12);
    const cipher = createCipheriv("aes-256-gcm", this.key, nonce).setAAD(binding);
    return Buffer.concat([nonce, cipher.update(dek), cipher.final(), cipher.getAuthTag()]);
  }

  async unwrap(wrapped: Uint8Array, binding: Uint8Array): Promise<Buffer> {
    if (this.down) throw new StrongroomError("KEK_UNAVAILABLE");
    try {
      const bytes = Buffer.from(wrapped);
      const open = createDecipheriv("aes-256-gcm", this.key, bytes.subarray(0, 12));
      open.setAAD(binding).setAuthTag(bytes.subarray(-16));
      return Buffer.concat([open.update(bytes.subarray(12, -16)), open.final()]);
    } catch {
      throw new StrongroomError("KEK_WRONG");
    }
  }
}

function encodeEntry(header: EntryHeader, payload: Uint8Array): Buffer {
  const entry = Buffer.alloc(entryHeaderBytes + payload.length);
  writeEntryHeader(entry, 0, header);
  entry.set(payload, entryHeaderBytes);
  return entry;
}

const logName = (index: number): string => `${dataDir}/log/${String(index).padStart(8, "0")}`;

/** Entries of the log on disk, from 1. */
export function readLog(disk: MemoryDisk): Buffer[] {
  return disk
    .list(`${dataDir}/log`)
    .filter((name) => !name.endsWith(".tmp"))
    .map((name) => disk.readFile(`${dataDir}/log/${name}`));
}

export function appendEntry(disk: MemoryDisk, entry: Buffer): number {
  disk.makeDirectory(`${dataDir}/log`);
  const index = readLog(disk).length + 1;
  disk.replaceFile(logName(index), entry);
  return index;
}

interface StoreImage {
  applied: number;
  records: Map<string, ControlRecord>;
}

const storePath = `${dataDir}/store/commit`;

function rowName(record: ControlRecord): string {
  return `${record.table}:${record.key.toString("hex")}`;
}

function readStore(disk: MemoryDisk): StoreImage {
  const image: StoreImage = { applied: 0, records: new Map() };
  if (disk.status(storePath) === null) return image;
  const reader = new ByteReader(disk.readFile(storePath));
  image.applied = reader.safe64();
  while (reader.left > 0) {
    const table = reader.u8();
    const key = Buffer.from(reader.bytes(reader.u16()));
    const value = Buffer.from(reader.bytes(reader.u32()));
    const record = { table, deleted: false, key, value };
    image.records.set(rowName(record), record);
  }
  return image;
}

function writeStore(disk: MemoryDisk, image: StoreImage): void {
  const writer = new ByteWriter().safe64(image.applied);
  for (const { table, key, value } of image.records.values())
    writer.u8(table).u16(key.length).bytes(key).u32(value.length).bytes(value);
  disk.makeDirectory(`${dataDir}/store`);
  disk.replaceFile(storePath, writer.finish());
}

export interface NodeSetup {
  readonly disk: MemoryDisk;
  readonly random: Random;
  readonly keks: readonly Kek[];
  readonly encryption?: "on" | "off";
  /** Configured id. Default: the sidecar's, else "node-a". */
  readonly nodeId?: string;
}

export class TestNode {
  readonly setup: NodeSetup;
  readonly keystore = new Keystore(nodePrimitives);
  readonly macs: MacSource = macSource(this.keystore, nodePrimitives);
  state = new ControlState(deps);
  keeper!: SidecarKeeper;
  load!: LoadPlan;
  nodeId = "node-a";
  applied = 0;
  session = 0n;
  seq = 0;
  readonly alarms: string[] = [];
  private lock: { release(): void } | null = null;

  constructor(setup: NodeSetup) {
    this.setup = setup;
  }

  static async start(setup: NodeSetup): Promise<TestNode> {
    const node = new TestNode(setup);
    try {
      await node.open();
      return node;
    } catch (error) {
      node.stop();
      throw error;
    }
  }

  stop(): void {
    this.lock?.release();
    this.lock = null;
  }

  get encryption(): "on" | "off" {
    return this.setup.encryption ?? "on";
  }

  private async open(): Promise<void> {
    const { disk, keks, random } = this.setup;
    disk.makeDirectory(dataDir);
    this.lock = disk.lock(`${dataDir}/LOCK`);
    const plan = judgeStart({
      locked: this.lock !== null,
      foreignNames: [],
      dataPresent: readLog(disk).length > 0 || disk.status(storePath) !== null,
      sidecar: this.lock === null ? null : readSidecar(disk, dataDir),
      encryption: this.encryption,
      keks: keks.length,
      nodeId: this.setup.nodeId ?? null,
    });
    probeDirectorySync(disk, dataDir);
    const keep = (found: ConstructorParameters<typeof SidecarKeeper>[3]): void => {
      this.keeper = new SidecarKeeper(disk, dataDir, this.macs, found);
    };
    if (plan.kind === "open") {
      const { document } = plan.sidecar;
      handOver(await unwrapAll(wrappedKeys(document.keys), document.cluster, keks), this.keystore);
      keep(verifySidecar(plan.sidecar, this.macs));
      this.nodeId = document.nodeId;
      if (document.clear !== null)
        this.keystore.add(document.clear.keyId, "index", document.clear.raw);
    } else {
      this.nodeId = this.setup.nodeId ?? "node-a";
      keep(null);
      if (plan.kind === "first") await this.firstStart(random);
    }
    await this.recover();
    this.load = planLoad(this.state, this.keeper.document, random);
    await this.keeper.raiseEpochs(this.load.epochs);
    this.session = this.load.session;
    this.seq = 0;
    for (;;) {
      const step = nextStep(this.state, this.load, this.encryption);
      if (step === "serve") break;
      await this.propose(proposalOf(step, this.keeper.document, this.load));
    }
  }

  private async firstStart(random: Random): Promise<void> {
    if (this.encryption === "off") {
      await this.keeper.write(planClearStart(random, this.nodeId));
      return;
    }
    const first = await planFirstKeys({ random, keks: this.setup.keks, nodeId: this.nodeId });
    handOver(first.deks, this.keystore);
    await this.keeper.write(first.document);
  }

  /** Store, then sidecar against store, then the log. */
  private async recover(): Promise<void> {
    const { disk } = this.setup;
    const store = readStore(disk);
    const entries = readLog(disk);
    const cluster = this.keeper.exists ? this.keeper.document.cluster : null;
    this.state = fromRecords(store.records.values(), deps, cluster);
    this.applied = store.applied;
    if (!this.keeper.exists)
      judgeRebuild(this.state, { first: 1, last: entries.length }, this.encryption);
    const relation = this.keeper.exists
      ? reconcile(this.keeper.document, this.state, this.encryption).kind
      : "rewrite";
    await this.unwrapMissing(wrappedKeys(this.state.keys).map((key) => key.keyId));
    if (relation === "rewrite") await this.keeper.follow(this.state, this.nodeId);
    for (const [at, entry] of entries.entries())
      if (at + 1 > this.applied) await this.apply(at + 1, entry);
    confirmReplayed(this.keeper.document, this.state, this.encryption);
  }

  private async unwrapMissing(ids: readonly KeyId[]): Promise<void> {
    const missing = ids.filter(
      (id) => !this.keystore.has(id) || (this.keeper.exists && !this.keeper.holds(this.state, id)),
    );
    const rows = new Map(missing.map((id) => [id, this.state.keys.get(id)!]));
    const { cluster } = this.state;
    if (rows.size === 0 || cluster === null) return;
    handOver(await unwrapAll(wrappedKeys(rows), cluster, this.setup.keks), this.keystore);
  }

  /** One entry, whatever it is; returns what became of it. */
  async apply(index: number, entry: Buffer): Promise<Outcome | Admission> {
    assert(index === this.applied + 1);
    const header = readEntryHeader(entry);
    const opcode = entry[entryHeaderBytes]!;
    if (header.keyId !== 0 || !isControlOpcode(opcode)) {
      const admission = judge(this.state, header, index);
      if (admission === "apply") advance(this.state, header);
      this.applied = index;
      return admission;
    }
    const body = entry.subarray(entryHeaderBytes + 1);
    const { outcome, effects } = applyControl(
      this.state,
      { index, header, opcode, body },
      verifierOf(this.macs),
    );
    if (outcome.kind === "halt") throw new StrongroomError(outcome.code, outcome.detail);
    if (outcome.kind === "noop" && outcome.alarm) this.alarms.push(outcome.reason);
    const clear = effects.clearIndexKey;
    if (clear !== null) this.keystore.add(clear.keyId, "index", clear.raw);
    await this.unwrapMissing(effects.unwrap);
    if (effects.sidecar) await this.keeper.follow(this.state, this.nodeId);
    for (const id of effects.forget) this.keystore.drop(id);
    this.applied = index;
    return outcome;
  }

  /** Proposes, applies, and throws what the proposer would be told. */
  async propose(proposal: Proposal): Promise<number> {
    const outcome = await this.tryPropose(proposal);
    if (outcome.kind === "refused") throw new StrongroomError(outcome.code, outcome.detail);
    assert(outcome.kind === "accepted" || (outcome.kind === "noop" && !outcome.alarm));
    return this.applied;
  }

  async tryPropose(proposal: Proposal): Promise<Outcome> {
    const seq = proposal.opens ? 0 : ++this.seq;
    const cluster = this.state.cluster ?? this.keeper.document.cluster;
    const place = { cluster, group: deps.group, session: this.session, seq };
    const payload = payloadOf(proposal, place, this.state, this.macs);
    const header = { keyId: 0, session: this.session, seq };
    const entry = encodeEntry(header, payload);
    const index = appendEntry(this.setup.disk, entry);
    const outcome = await this.apply(index, entry);
    assert(typeof outcome === "object");
    return outcome;
  }

  change(change: KeyChange): Promise<number> {
    return this.propose(proposeChange(change));
  }

  async refusal(change: KeyChange): Promise<ErrorCode | string> {
    const outcome = await this.tryPropose(proposeChange(change));
    return outcome.kind === "refused" ? outcome.code : outcome.kind;
  }

  /** A batch of commands: only its header matters here. */
  async write(): Promise<Outcome | Admission> {
    const sealed = this.state.logSealedAt(this.applied + 1);
    const keyId = sealed ? this.state.current.get(this.load.node.fullNodeId)!.dek : 0;
    const header = { keyId, session: this.session, seq: ++this.seq };
    const entry = encodeEntry(header, Buffer.from([1]));
    return this.apply(appendEntry(this.setup.disk, entry), entry);
  }

  async rotate(purpose: "storage" | "log"): Promise<number> {
    const { keks, random } = this.setup;
    let keyId = pendingRotation(this.state, purpose);
    if (keyId === null) {
      const rotation = await planRotation(this.state, purpose, keks, random);
      keyId = rotation.keyId;
      // Proof that the entry's wraps alone are enough: the applier's effects unwrap them.
      rotation.dek.raw.fill(0);
      await this.change(rotation.add);
    }
    const plan = planActivation(this.state, this.keeper.document, keyId, random);
    await this.keeper.raiseEpochs(plan.epochs);
    await this.change(plan.activate);
    if (plan.session !== null) {
      this.session = plan.session;
      this.seq = 0;
    }
    return keyId;
  }

  /** The flusher's commit: changed control records with the applied index, in one step. */
  flush(): void {
    const image = readStore(this.setup.disk);
    image.applied = this.applied;
    for (const record of takeChangedRecords(this.state))
      if (record.deleted) image.records.delete(rowName(record));
      else image.records.set(rowName(record), record);
    writeStore(this.setup.disk, image);
  }

  /** All rows, as the store must hold them after a flush. */
  rows(): string[] {
    return toRecords(this.state).map((one) => `${rowName(one)}=${one.value.toString("hex")}`);
  }
}
