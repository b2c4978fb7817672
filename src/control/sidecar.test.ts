// Goal: the sidecar keeps its form, no edit of it is ever accepted, and where it and the store
// disagree the start either mends what is safe to mend or refuses with a code.
import { beforeEach, describe, expect, test } from "vitest";
import type { KeyId } from "../base/brand.ts";
import { StrongroomError } from "../base/errors.ts";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import type { SidecarDocument } from "./document.ts";
import { readSidecar } from "./keeper.ts";
import { explainStoreFailure } from "./reconcile.ts";
import { decodeSidecar, encodeSidecar, verifySidecar } from "./sidecar.ts";
import { macs } from "./testing/cluster.ts";
import { appendEntry, dataDir, readLog, TestKek, TestNode, testRandom } from "./testing/world.ts";

const path = `${dataDir}/encryption/keys.json`;
const kek = new TestKek(7);
let seed = 500;

const start = (disk: MemoryDisk, more: Partial<TestNode["setup"]> = {}): Promise<TestNode> =>
  TestNode.start({ disk, random: testRandom(seed++), keks: [kek], ...more });

const code = async (act: () => unknown): Promise<string> => {
  try {
    await act();
    return "accepted";
  } catch (error) {
    if (error instanceof StrongroomError) return error.code;
    throw error;
  }
};

const wrap = { kekId: "file:0a", bytes: Buffer.from("abc") };
const keyOf = (purpose: "storage" | "log" | "index") =>
  ({ purpose, wraps: [wrap], created: 1, localEpoch: 2, state: "active" }) as const;
const document: SidecarDocument = {
  nodeId: "node-a",
  cluster: Buffer.alloc(16, 0xc1),
  appliedIndex: 3,
  storageCutover: 2,
  logCutover: 3,
  keys: new Map([
    [1, keyOf("storage")],
    [2, keyOf("log")],
    [3, keyOf("index")],
  ]),
  clear: null,
};

const expected = (mac: string): string => `{
  "version": 1,
  "node_id": "node-a",
  "cluster_id": "c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1",
  "applied_index": 3,
  "storage_envelope_active": true,
  "storage_cutover_index": 2,
  "log_cutover_index": 3,
  "active": {
    "storage": 1,
    "log": 2,
    "index": 3
  },
  "keys": {
${["storage", "log", "index"]
  .map(
    (purpose, at) => `    "${at + 1}": {
      "purpose": "${purpose}",
      "state": "active",
      "created": 1,
      "local_epoch": 2,
      "wraps": [
        {
          "kek": "file:0a",
          "data": "YWJj"
        }
      ]
    }`,
  )
  .join(",\n")}
  },
  "clear_index_key": null,
  "mac": {
    "key_id": 1,
    "hmac": "${mac}"
  }
}
`;

describe("the file", () => {
  test("golden text, and the HMAC covers it all under the active storage key", () => {
    const text = encodeSidecar(document, macs).toString();
    const covered = Buffer.from(`strongroom/1/sidecar\0${expected("")}`);
    const mac = macs.hmac(1 as KeyId, "sidecar", covered)?.toString("hex") ?? "";
    expect(text).toBe(expected(mac));
    expect(verifySidecar(decodeSidecar(Buffer.from(text)), macs)).toEqual(document);
  });

  test("every flipped bit, every truncation and a byte too many are refused", () => {
    const whole = encodeSidecar(document, macs);
    const read = (bytes: Buffer): unknown => verifySidecar(decodeSidecar(bytes), macs);
    const refused = (bytes: Buffer): void => {
      try {
        read(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(StrongroomError);
        return;
      }
      expect.unreachable("accepted");
    };
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = Buffer.from(whole);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      refused(flipped);
    }
    for (let size = 0; size < whole.length; size++) refused(whole.subarray(0, size));
    refused(Buffer.concat([whole, Buffer.from(" ")]));
  });

  // biome-ignore lint/suspicious/noExplicitAny: the point is to put anything anywhere.
  const edits: [string, (json: Record<string, any>) => void, string][] = [
    ["node_id", (json) => (json.node_id = "node-b"), "SIDECAR_TAMPERED"],
    ["cluster_id", (json) => (json.cluster_id = "00".repeat(16)), "SIDECAR_TAMPERED"],
    ["applied_index", (json) => (json.applied_index = 4), "SIDECAR_TAMPERED"],
    ["envelope off", (json) => (json.storage_envelope_active = false), "SIDECAR_TAMPERED"],
    [
      "cutovers",
      (json) => {
        json.storage_envelope_active = false;
        json.storage_cutover_index = 0;
        json.log_cutover_index = 0;
      },
      "SIDECAR_TAMPERED",
    ],
    ["active", (json) => (json.active.storage = 2), "SIDECAR_TAMPERED"],
    ["purpose", (json) => (json.keys[2].purpose = "storage"), "SIDECAR_UNREADABLE"],
    ["state", (json) => (json.keys[3].state = "fenced"), "SIDECAR_UNREADABLE"],
    ["epoch", (json) => (json.keys[1].local_epoch = 1), "SIDECAR_TAMPERED"],
    ["epoch 65536", (json) => (json.keys[1].local_epoch = 65536), "SIDECAR_UNREADABLE"],
    ["created", (json) => (json.keys[1].created = 0), "SIDECAR_TAMPERED"],
    ["a wrap", (json) => (json.keys[1].wraps[0].data = "YWJk"), "SIDECAR_TAMPERED"],
    ["a kek", (json) => (json.keys[1].wraps[0].kek = "file:0b"), "SIDECAR_TAMPERED"],
    ["no wraps", (json) => (json.keys[1].wraps = []), "SIDECAR_UNREADABLE"],
    ["mac gone", (json) => (json.mac = null), "SIDECAR_TAMPERED"],
    ["mac under another key", (json) => (json.mac.key_id = 2), "SIDECAR_TAMPERED"],
    ["a field more", (json) => (json.more = 1), "SIDECAR_TAMPERED"],
    ["a field less", (json) => delete json.log_cutover_index, "SIDECAR_UNREADABLE"],
    ["version", (json) => (json.version = 2), "FORMAT_VERSION"],
    [
      "made to look clear",
      (json) => {
        json.keys = {};
        json.active = { storage: 0, log: 0, index: 0 };
        json.mac = null;
      },
      "SIDECAR_TAMPERED",
    ],
  ];
  test.each(edits)("edited by hand, %s: refused", async (_name, edit, wanted) => {
    const json = JSON.parse(encodeSidecar(document, macs).toString());
    edit(json);
    const bytes = Buffer.from(`${JSON.stringify(json, null, 2)}\n`);
    expect(await code(() => verifySidecar(decodeSidecar(bytes), macs))).toBe(wanted);
  });
});

describe("sidecar against store and log", () => {
  let disk: MemoryDisk;
  let older: Buffer;

  /** First start, a copy of the file, then a rotation of both keys, flushed. */
  beforeEach(async () => {
    disk = new MemoryDisk();
    const node = await start(disk);
    await node.write();
    node.flush();
    older = disk.readFile(path);
    await node.rotate("storage");
    await node.rotate("log");
    await node.write();
    node.flush();
    node.stop();
  });

  test("missing: rebuilt from the store, with epochs beyond those in the registry", async () => {
    disk.unlink(path);
    const node = await start(disk, { nodeId: "node-a" });
    expect(node.keeper.document.keys.size).toBe(5);
    expect(node.keeper.epochOf(4)).toBe(2);
    expect(await node.write()).toBe("apply");
  });

  test("missing, and the store never flushed: rebuilt from the log", async () => {
    const fresh = new MemoryDisk();
    const first = await start(fresh);
    await first.rotate("storage");
    first.stop();
    fresh.unlink(path);
    const node = await start(fresh);
    expect(node.keeper.document.keys.size).toBe(4);
    expect(await node.write()).toBe("apply");
  });

  test("missing with encryption off, once the store has flushed: refused", async () => {
    const clear = new MemoryDisk();
    const first = await start(clear, { encryption: "off" });
    await first.write();
    first.flush();
    first.stop();
    clear.unlink(path);
    expect(await code(() => start(clear, { encryption: "off" }))).toBe("SIDECAR_MISSING");
  });

  test("older: rebuilt from the store", async () => {
    disk.replaceFile(path, older);
    const node = await start(disk);
    expect(node.keeper.document.keys.size).toBe(5);
    expect(await node.write()).toBe("apply");
  });

  test("older, and the store cannot be opened without the keys it lacks: says so", () => {
    const unknown = new StrongroomError("CRYPTO_KEY_UNKNOWN", "key 4");
    expect(explainStoreFailure(unknown)).toMatchObject({ code: "SIDECAR_OLDER", cause: unknown });
    const other = new StrongroomError("FORMAT_RANGE");
    expect(explainStoreFailure(other)).toBe(other);
  });

  test("newer than log and store: refused, and the file is left as it is", async () => {
    const ahead = disk.readFile(path);
    const lost = new MemoryDisk();
    (await start(lost)).stop();
    for (const name of lost.list(`${dataDir}/log`)) lost.unlink(`${dataDir}/log/${name}`);
    expect(await code(() => start(lost))).toBe("SIDECAR_NEWER");
    const entries = readLog(disk).slice(0, 5);
    const back = new MemoryDisk();
    back.makeDirectory(`${dataDir}/encryption`);
    back.replaceFile(path, ahead);
    for (const entry of entries) appendEntry(back, entry);
    expect(await code(() => start(back))).toBe("SIDECAR_NEWER");
    expect(back.readFile(path)).toEqual(ahead);
  });

  test("of another cluster: refused", async () => {
    const other = new MemoryDisk();
    (await start(other)).stop();
    disk.replaceFile(path, other.readFile(path));
    expect(await code(() => start(disk))).toBe("SIDECAR_FOREIGN");
  });

  test("of another history of the same cluster: refused", async () => {
    const fork = disk.fork({ kind: "kept" });
    const here = await start(disk);
    await here.rotate("storage");
    here.flush();
    here.stop();
    const there = await start(fork);
    await there.rotate("log");
    there.flush();
    there.stop();
    disk.replaceFile(path, fork.readFile(path));
    expect(await code(() => start(disk))).toBe("SIDECAR_CONFLICT");
  });

  test("exchanged for one with encryption off: refused, whatever the flag says", async () => {
    const clear = new MemoryDisk();
    (await start(clear, { encryption: "off" })).stop();
    disk.replaceFile(path, clear.readFile(path));
    expect(await code(() => start(disk))).toBe("ENCRYPTION_ON_OVER_CLEAR");
    expect(await code(() => start(disk, { encryption: "off" }))).toBe("SIDECAR_FOREIGN");
    const text = JSON.parse(disk.readFile(path).toString());
    text.cluster_id = JSON.parse(older.toString()).cluster_id;
    disk.replaceFile(path, Buffer.from(`${JSON.stringify(text, null, 2)}\n`));
    expect(await code(() => start(disk, { encryption: "off" }))).toBe("ENCRYPTION_OFF_OVER_SEALED");
  });

  test("not JSON, or not a file: refused and left as it is", async () => {
    disk.replaceFile(path, Buffer.from("{"));
    expect(await code(() => start(disk))).toBe("SIDECAR_UNREADABLE");
    expect(disk.readFile(path).toString()).toBe("{");
    disk.unlink(path);
    disk.makeDirectory(path);
    expect(await code(() => readSidecar(disk, dataDir))).toBe("SIDECAR_UNREADABLE");
  });

  test("a rewrite that fails leaves the entry unapplied; a restart goes on", async () => {
    const node = await start(disk);
    const before = node.applied;
    disk.fail("rename", "ENOSPC", 1, (name) => name.endsWith("keys.json"));
    await expect(node.rotate("storage")).rejects.toThrow(/ENOSPC/);
    expect(node.applied).toBe(before);
    node.stop();
    const again = await start(disk);
    expect(again.keeper.document.keys.size).toBe(6);
    expect(await again.write()).toBe("apply");
  });
});
