// Goal: a sidecar that is lost is rebuilt where that is safe, and every other one that is not this
// node's own, as written, is refused by its own code; nothing edited by hand is ever accepted.
// Method: a disk in memory, copied before each case; files are edited as an attacker with write
// access to the disk would, checksums mended.
import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { handOver, unwrapAll, wrappedKeys } from "../control/deks.ts";
import { macSource } from "../control/macs.ts";
import { decodeSidecar, encodeSidecar } from "../control/sidecar.ts";
import { Keystore } from "../crypto/keystore.ts";
import { loadPrimitives } from "../platform/primitives.ts";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import { rewriteFile } from "../store/testing/faults.ts";
import type { NodeOptions } from "./api.ts";
import { openKeks } from "./keks.ts";
import { fresh, openTestNode, type TestNode } from "./testing/harness.ts";

const sidecar = "/data/encryption/keys.json";
const manifest = "/data/store/MANIFEST";
const request = (n: number): string => n.toString(16).padStart(32, "0");

/** What the directory was made with, so that nothing needs to be known to open it again. */
async function filled(
  options: Partial<NodeOptions> = {},
  use: (node: TestNode) => Promise<void> = async () => {},
): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk, options);
  for (let n = 0; n < 40; n++) await node.run("set", `k${n}`, `${n}`.repeat(500));
  await use(node);
  await node.node.checkpoint();
  for (let n = 40; n < 50; n++) await node.run("set", `k${n}`, `${n}`.repeat(500));
  await node.node.close();
  return disk;
}

const copyOf = (disk: MemoryDisk): MemoryDisk => disk.fork({ kind: "kept" });

async function expectWhole(disk: MemoryDisk, options: Partial<NodeOptions> = {}): Promise<void> {
  const node = await openTestNode(disk, options);
  for (let n = 0; n < 50; n++) expect(await node.run("get", `k${n}`)).toContain(`${n}`.repeat(500));
  expect(await node.run("set", "after", "x")).toContain("OK");
  await node.node.close();
}

const refusal = async (disk: MemoryDisk, options: Partial<NodeOptions> = {}): Promise<string> => {
  try {
    const node = await openTestNode(disk, options);
    await node.node.close();
    return "accepted";
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};

/** Of sidecar and store; of the log too unless a replay had to judge. */
function contents(disk: MemoryDisk, log = true): string {
  return [...disk.contents()]
    .filter(([path]) => !path.endsWith("/lock") && (log || !path.startsWith("/data/log/")))
    .map(([path, bytes]) => `${path}:${crc32(bytes)}`)
    .join();
}

test("sidecar lost: rebuilt by the next start, epochs beyond all used", async () => {
  const disk = await filled({ nodeId: "alpha" }, async (node) => {
    await node.node.keys.rotate(request(1), "storage", 0);
    await node.node.keys.rotate(request(2), "log", 0);
  });
  const before = JSON.parse(disk.readFile(sidecar).toString());
  disk.unlink(sidecar);
  const node = await openTestNode(disk);
  expect(node.alarms.some((alarm) => alarm.startsWith("sidecar-rebuilt"))).toBe(true);
  const after = JSON.parse(disk.readFile(sidecar).toString());
  expect(after).toMatchObject({ node_id: "alpha", cluster_id: before.cluster_id });
  expect(Object.keys(after.keys)).toEqual(Object.keys(before.keys));
  for (const [id, key] of Object.entries(after.keys) as [string, { local_epoch: number }][]) {
    const used = before.keys[id].local_epoch;
    if (after.active.storage === Number(id) || after.active.log === Number(id))
      expect(key.local_epoch).toBeGreaterThan(used);
    else expect(key.local_epoch).toBeGreaterThanOrEqual(used);
  }
  await node.node.close();
  await expectWhole(disk);
  await expectWhole(disk, { nodeId: "alpha" });
});

test("sidecar lost before the first flush: rebuilt from the log's first entry", async () => {
  for (const encryption of ["on", "off"] as const) {
    const disk = new MemoryDisk();
    const options = { encryption, flushBytes: 1 << 20, flushIntervalMs: 3_600_000 };
    const node = await openTestNode(disk, { ...options, nodeId: "alpha" });
    await node.run("set", "k", "v");
    const crashed = disk.fork({ kind: "kept" });
    disk.stopAfter(0);
    await node.node.close().catch(() => {});
    const names = crashed.list("/data/store");
    expect(names.filter((name) => name.endsWith(".segment"))).toEqual([]);
    crashed.unlink(sidecar);
    expect(await refusal(copyOf(crashed), options)).toBe("NODE_ID_UNKNOWN");
    expect(await refusal(copyOf(crashed), { ...options, nodeId: "beta" })).toBe("NODE_ID_CHANGED");
    const again = await openTestNode(crashed, { ...options, nodeId: "alpha" });
    expect(await again.run("get", "k")).toContain("v");
    await again.node.close();
    if (encryption === "off") expect(await refusal(crashed)).toBe("ENCRYPTION_ON_OVER_CLEAR");
  }
});

test("sidecar lost: what cannot be rebuilt is refused and nothing is written", async () => {
  const disk = await filled({ nodeId: "alpha" });
  disk.unlink(sidecar);
  const before = contents(disk);
  const other = { keks: ["env:STRONGROOM_OTHER_KEK"] };
  process.env.STRONGROOM_OTHER_KEK = "09".repeat(32);
  expect(await refusal(disk, { nodeId: "beta" })).toBe("NODE_ID_CHANGED");
  expect(await refusal(disk, other)).toBe("KEK_WRONG");
  expect(await refusal(disk, { keks: [] })).toBe("KEK_NOT_CONFIGURED");
  expect(await refusal(disk, { encryption: "off" })).toBe("ENCRYPTION_OFF_OVER_SEALED");
  expect(contents(disk)).toBe(before);
  const clear = await filled({ encryption: "off" });
  clear.unlink(sidecar);
  expect(await refusal(clear, { encryption: "off" })).toBe("SIDECAR_MISSING");
  await expectWhole(disk);
});

test("sidecar older: followed, or rebuilt where it lacks keys of the store", async () => {
  const disk = await filled();
  const copies = [disk.readFile(sidecar)];
  for (let turn = 0; turn < 2; turn++) {
    const node = await openTestNode(disk);
    await node.node.keys.rotate(request(10 + turn), "storage", 0);
    await node.node.keys.rotate(request(20 + turn), "log", 0);
    await node.run("set", "k0", "0".repeat(500));
    await node.node.checkpoint();
    copies.push(disk.readFile(sidecar));
    await node.node.close();
  }
  for (const copy of copies) {
    const forked = copyOf(disk);
    rewriteFile(forked, sidecar, copy);
    await expectWhole(forked);
  }
});

test("sidecar newer than log and store: refused", async () => {
  const disk = await filled();
  const older = copyOf(disk);
  const node = await openTestNode(disk);
  await node.node.keys.rotate(request(3), "storage", 0);
  await node.node.close();
  rewriteFile(older, sidecar, disk.readFile(sidecar));
  const before = contents(older, false);
  expect(await refusal(older)).toBe("SIDECAR_NEWER");
  expect(await refusal(older, { rebuildSidecar: true })).toBe("SIDECAR_NEWER");
  expect(contents(older, false)).toBe(before);
});

test("sidecar of another cluster or node: refused, and rebuilt on demand", async () => {
  const disk = await filled({ nodeId: "alpha" });
  const foreign = await filled({ nodeId: "alpha" });
  const forked = copyOf(disk);
  rewriteFile(forked, sidecar, foreign.readFile(sidecar));
  const before = contents(forked);
  expect(await refusal(forked)).toBe("SIDECAR_FOREIGN");
  expect(contents(forked)).toBe(before);
  await expectWhole(forked, { rebuildSidecar: true });
  await expectWhole(forked);
  expect(await refusal(copyOf(disk), { nodeId: "beta" })).toBe("NODE_ID_CHANGED");
});

test("authentic sidecar of another node: refused, and rebuilt on demand", async () => {
  const disk = await filled({ nodeId: "alpha" });
  const { document } = decodeSidecar(disk.readFile(sidecar));
  process.env.STRONGROOM_TEST_KEK = "07".repeat(32);
  const keks = await openKeks(["env:STRONGROOM_TEST_KEK"]);
  const keystore = new Keystore(loadPrimitives());
  handOver(await unwrapAll(wrappedKeys(document.keys), document.cluster, keks.keks), keystore);
  const macs = macSource(keystore, loadPrimitives());
  rewriteFile(disk, sidecar, encodeSidecar({ ...document, nodeId: "beta" }, macs));
  keystore.close();
  keks.close();
  const before = contents(disk);
  expect(await refusal(disk)).toBe("SIDECAR_OTHER_NODE");
  expect(contents(disk)).toBe(before);
  await expectWhole(disk, { rebuildSidecar: true });
  expect(JSON.parse(disk.readFile(sidecar).toString()).node_id).toBe("alpha");
});

test("sidecar: every field changed by hand is refused and left", async () => {
  const disk = await filled({ nodeId: "alpha" });
  const text = disk.readFile(sidecar).toString();
  const found: string[] = [];
  for (const [path, changed] of edits(JSON.parse(text))) {
    const forked = copyOf(disk);
    rewriteFile(forked, sidecar, Buffer.from(`${JSON.stringify(changed, null, 2)}\n`));
    const before = contents(forked);
    const code = await refusal(forked);
    if (!/^(SIDECAR|KEY_WRAP|KEK|FORMAT|ENCRYPTION|NODE_ID|STORE)_/.test(code))
      found.push(`${path}: ${code}`);
    if (contents(forked) !== before) found.push(`${path}: something was written`);
  }
  expect(found).toEqual([]);
  const forked = copyOf(disk);
  rewriteFile(forked, sidecar, Buffer.from(text.replace('"alpha"', '"alphb"')));
  await expectWhole(forked, { rebuildSidecar: true });
  await expectWhole(forked);
}, 60_000);

test("resync: says what it would do, then does it, on a serving node", async () => {
  const disk = await filled({ nodeId: "alpha" });
  const older = disk.readFile(sidecar);
  const foreign = (await filled()).readFile(sidecar);
  const node = await openTestNode(disk);
  const { keys } = node.node;
  expect(await keys.resync(fresh(), false)).toMatchObject({ steps: [], done: false });
  const good = disk.readFile(sidecar);
  const text = good.toString();
  const cases: [Buffer | null, RegExp][] = [
    [null, /it is missing/],
    [Buffer.from("{}"), /SIDECAR_UNREADABLE/],
    [Buffer.from(text.replace('"alpha"', '"alphb"')), /SIDECAR_TAMPERED/],
    [older, /other loads of this node/],
    [foreign, /SIDECAR_TAMPERED|another cluster/],
  ];
  for (const [bytes, why] of cases) {
    if (bytes === null) disk.unlink(sidecar);
    else rewriteFile(disk, sidecar, bytes);
    const before = contents(disk);
    const { steps, done } = await keys.resync(fresh(), false);
    expect([steps.length, done]).toEqual([1, false]);
    expect(steps[0]).toMatch(why);
    expect(contents(disk)).toBe(before);
    expect(await keys.resync(fresh(), true)).toMatchObject({ steps, done: true });
    expect(disk.readFile(sidecar).equals(good)).toBe(true);
    expect(await keys.resync(fresh(), true)).toMatchObject({ steps: [], done: true });
  }
  await keys.rotate(request(9), "storage", 0);
  rewriteFile(disk, sidecar, good);
  expect((await keys.resync(fresh(), true)).steps[0]).toMatch(/stands at entry/);
  await node.node.close();
  await expectWhole(disk);
});

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** The document with one leaf changed, or one field taken away, each in turn. */
function* edits(root: Json, path = "", whole?: (changed: Json) => Json): Generator<[string, Json]> {
  const put = whole ?? ((changed: Json) => changed);
  if (typeof root === "number") yield [path, put(root + 1)];
  if (typeof root === "boolean") yield [path, put(!root)];
  if (typeof root === "string" && root !== "") yield [path, put(flipped(root))];
  if (typeof root !== "object" || root === null) return;
  for (const name of Object.keys(root)) {
    const at = `${path}/${name}`;
    const copy = (): Record<string, Json> => structuredClone(root) as Record<string, Json>;
    const set = (value: Json): Json => put({ ...copy(), [name]: value });
    if (Array.isArray(root)) {
      const list = (value: Json): Json => {
        const changed = structuredClone(root);
        changed[Number(name)] = value;
        return put(changed);
      };
      yield* edits(root[Number(name)] as Json, at, list);
      continue;
    }
    const without = copy();
    delete without[name];
    yield [`${at} gone`, put(without)];
    yield* edits((root as Record<string, Json>)[name] as Json, at, set);
  }
}

/** Another string of the same length and, as far as can be, the same alphabet. */
function flipped(text: string): string {
  const at = Math.floor(text.length / 2);
  const other = text[at] === "a" ? "b" : "a";
  return text.slice(0, at) + other + text.slice(at + 1);
}

/** Flips one bit and mends the CRC of the frame around it. */
function editSegment(data: Buffer, number: number, frame: number, at: number): Buffer {
  const changed = Buffer.from(data);
  changed[at] = (changed[at] as number) ^ 1;
  const length = changed.readUInt32BE(frame);
  const numbered = Buffer.alloc(8);
  numbered.writeBigUInt64BE(BigInt(number));
  const start = (crc32(numbered) ^ frame ^ Math.imul(length, 0x9e3779b1)) >>> 0;
  changed.writeUInt32BE(crc32(changed.subarray(frame + 8, frame + 16 + length), start), frame + 4);
  return changed;
}

/** Frames of control records: file offset and body length. */
function controlFrames(data: Buffer): { frame: number; length: number }[] {
  const found: { frame: number; length: number }[] = [];
  for (let at = 4096; at + 16 < data.length; ) {
    const length = data.readUInt32BE(at);
    if (length === 0) {
      at = Math.ceil((at + 1) / 4096) * 4096;
      continue;
    }
    if (data[at + 16] === 3) found.push({ frame: at, length });
    at += 16 + length;
  }
  return found;
}

test("control records: any changed by hand is refused, sidecar or not", async () => {
  const disk = await filled({ nodeId: "alpha" });
  const path = "/data/store/0000000001.segment";
  const data = disk.readFile(path);
  const frames = controlFrames(data).slice(0, 16);
  expect(frames.length).toBeGreaterThan(6);
  const wrong: string[] = [];
  const codes = new Set<string>();
  for (const { frame, length } of frames)
    for (const part of [1, 2, 9, 20, Math.floor(length / 2), length - 30, length - 1])
      for (const lost of part > 0 && part < length ? [false, true] : []) {
        const forked = copyOf(disk);
        rewriteFile(forked, path, editSegment(data, 1, frame, frame + 16 + part));
        // A hint covers the control records of its segment: without it the segment is read.
        const hint = path.replace("segment", "hint");
        if (forked.status(hint) !== null) forked.unlink(hint);
        if (lost) forked.unlink(sidecar);
        const code = await refusal(forked, { nodeId: "alpha" });
        codes.add(code);
        if (!/^[A-Z]+(_[A-Z]+)+$/.test(code)) wrong.push(`${frame}+${part}, ${lost}: ${code}`);
      }
  expect(wrong).toEqual([]);
  // Not by a checksum, which whoever edits can mend.
  expect([...codes].filter((code) => code === "FILE_FRAME_DAMAGED")).toEqual([]);
  expect(codes).toContain("STORE_DAMAGED");
  expect(codes).toContain("KEY_WRAP_DAMAGED");
}, 60_000);

test("manifest: any byte changed by hand is refused, with a sidecar and without", async () => {
  const disk = await filled({ nodeId: "alpha" });
  const data = disk.readFile(manifest);
  const wrong: string[] = [];
  for (let at = 8; at < data.length - 4; at += at < 200 ? 1 : 7)
    for (const lost of at % 8 === 0 ? [false, true] : [false]) {
      const changed = Buffer.from(data);
      changed[at] = (changed[at] as number) ^ 0x10;
      changed.writeUInt32BE(crc32(changed.subarray(0, -4)), changed.length - 4);
      const forked = copyOf(disk);
      rewriteFile(forked, manifest, changed);
      if (lost) forked.unlink(sidecar);
      const code = await refusal(forked, { nodeId: "alpha" });
      if (!/^[A-Z]+(_[A-Z]+)+$/.test(code)) wrong.push(`${at}, ${lost}: ${code}`);
    }
  expect(wrong).toEqual([]);
}, 60_000);
