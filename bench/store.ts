/**
 * The store alone: index, flush, reads, compaction and start, on the disk of the temporary folder.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeDisk } from "../src/platform/disk.ts";
import { loadPrimitives } from "../src/platform/primitives.ts";
import { systemRandom as random } from "../src/platform/random.ts";
import { systemScheduler as scheduler } from "../src/platform/scheduler.ts";
import { RecordIndex } from "../src/store/segments/index.ts";
import { openSegmentStore, type SegmentStore } from "../src/store/segments/store.ts";

const indexKeys = 1_000_000;
const recordBytes = 1024;
const runRecords = 8192;
const runs = 32;
const reads = 100_000;

export interface StoreBenchRow {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
}

/** Milliseconds of processor time that `work` takes: others may be at work on the machine. */
function time(work: () => void): number {
  const from = process.cpuUsage();
  work();
  return cpuMs(from);
}

function cpuMs(from: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1000;
}

function indexRows(): StoreBenchRow[] {
  const keys = random.bytes(indexKeys * 16);
  const index = new RecordIndex(false);
  const insert = time(() => {
    for (let i = 0; i < indexKeys; i++) index.place(keys, i * 16, 1, i, 100, 1, 2, 0, i);
  });
  const find = time(() => {
    for (let i = 0; i < indexKeys; i++) index.find(keys, ((i * 7919) % indexKeys) * 16);
  });
  return [
    { what: "index insert", value: (insert * 1000) / indexKeys, unit: "us" },
    { what: "index find", value: (find * 1000) / indexKeys, unit: "us" },
    { what: "index memory", value: index.shards.bytes() / indexKeys, unit: "bytes a key" },
  ];
}

const keys = {
  active: () => ({ keyId: 1, node16: 1, epoch: 1 }),
  signing: () => ({ keyId: 1, sealed: true }),
  derive: () => Buffer.alloc(32, 1),
  macKey: () => Buffer.alloc(32, 2),
};

function open(directory: string): SegmentStore {
  return openSegmentStore({
    disk: new NodeDisk(),
    directory,
    place: { cluster: Buffer.alloc(16), group: 0 },
    primitives: loadPrimitives(),
    keys,
    scheduler,
    random,
    compactor: { automatic: false, bytesPerSecond: Number.POSITIVE_INFINITY },
  });
}

/** Every run writes half of its keys anew and half that were there before. */
async function flushRows(store: SegmentStore, names: Buffer): Promise<StoreBenchRow[]> {
  const body = random.bytes(recordBytes);
  let encodeMs = 0;
  let flushMs = 0;
  let flushCpuMs = 0;
  for (let run = 0; run < runs; run++) {
    const builder = store.newRun();
    encodeMs += time(() => {
      for (let i = 0; i < runRecords; i++) {
        const key = ((run * runRecords) / 2 + i) * 16;
        const at = builder.put(names, key, true, 1, 0, BigInt(run) << 16n, recordBytes);
        body.copy(builder.buffer, at);
      }
    });
    const from = performance.now();
    const cpu = process.cpuUsage();
    await store.flush(builder, { appliedIndex: run + 1, session: 1n, seq: 1, commitTs: 1n });
    flushMs += performance.now() - from;
    flushCpuMs += cpuMs(cpu);
  }
  const records = runs * runRecords;
  const megabytes = (records * recordBytes) / 1e6;
  return [
    { what: "encode", value: (encodeMs * 1000) / records, unit: "us a record" },
    { what: "flush", value: (flushCpuMs * 1000) / records, unit: "us a record" },
    { what: "flush", value: (megabytes * 1000) / flushMs, unit: "MB/s" },
  ];
}

function readRow(store: SegmentStore, names: Buffer, what: string): StoreBenchRow {
  const count = ((runs + 1) * runRecords) / 2;
  let found = 0;
  const ms = time(() => {
    for (let i = 0; i < reads; i++)
      if (store.get(names, ((i * 7919) % count) * 16) !== null) found++;
  });
  if (found !== reads) throw new Error("a record is missing");
  return { what, value: (ms * 1000) / reads, unit: "us" };
}

async function measure(): Promise<StoreBenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "strongroom-bench-"));
  const directory = join(folder, "store");
  const names = random.bytes((runs + 1) * runRecords * 16);
  try {
    const rows = indexRows();
    let store = open(directory);
    rows.push(...(await flushRows(store, names)));
    rows.push(readRow(store, names, "get, just written"), readRow(store, names, "get, again"));
    const { deadBytes } = store.stats();
    const from = performance.now();
    await store.compactor.compact();
    const seconds = (performance.now() - from) / 1000;
    rows.push({ what: "compact", value: deadBytes / 1e6 / seconds, unit: "dead MB/s" });
    rows.push(readRow(store, names, "get, compacted"));
    const { records } = store.stats();
    await store.close();
    const ms = time(() => {
      store = open(directory);
    });
    rows.push({ what: "start", value: (ms * 1000) / records, unit: "us a record, by hints" });
    await store.close();
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Measures and prints everything; about ten seconds. */
export async function run(): Promise<void> {
  process.stdout.write("\nStore, records of 1 KiB; processor time, one thread\n");
  for (const { what, value, unit } of await measure())
    process.stdout.write(`  ${what.padEnd(20)} ${value.toFixed(2)} ${unit}\n`);
}
