// Goal: once a key is retired or a KEK given up, none of their wraps is in any file, in whatever
// form files hold wraps, and what lies under the others is whole.
import { expect, test } from "vitest";
import { openKek } from "../kek/open.ts";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import { fresh, openTestNode, type TestNode } from "./testing/harness.ts";

const request = (n: number): string => n.toString(16).padStart(32, "0");

interface Keyring {
  readonly keys: Record<
    string,
    { readonly wraps: readonly { readonly kek: string; readonly data: string }[] }
  >;
}

/** The key's wraps as bytes, as text, and as text of text; parts of them suffice. */
function formsOf(disk: MemoryDisk, keyId: number, by?: string): Buffer[] {
  const { keys } = JSON.parse(disk.readFile("/data/encryption/keys.json").toString()) as Keyring;
  const wraps = (keys[keyId]?.wraps ?? [])
    .filter(({ kek }) => by === undefined || kek === by)
    .map(({ data }) => Buffer.from(data, "base64"));
  return wraps.flatMap((bytes) => {
    // Rows hold wraps somewhere inside base64 text: each alignment has its own letters.
    const texts = [0, 1, 2].map((skip) =>
      bytes
        .subarray(skip + 3)
        .toString("base64")
        .slice(0, 24),
    );
    return [bytes.subarray(8, 32), ...texts.map((text) => Buffer.from(text))];
  });
}

function holders(disk: MemoryDisk, forms: readonly Buffer[]): string[] {
  return [...disk.contents()]
    .filter(([, bytes]) => forms.some((form) => bytes.includes(form)))
    .map(([path]) => path);
}

test("retire: no wrap of a key is left in any file, after a restart neither", async () => {
  const disk = new MemoryDisk();
  let node = await openTestNode(disk);
  for (let n = 0; n < 60; n++) await node.run("set", `k${n}`, `${n}`.padEnd(1500, "v"));
  await node.node.checkpoint();
  const { keys } = node.node;
  const before = new Map([1, 2].map((id) => [id, formsOf(disk, id)]));
  for (const forms of before.values())
    expect(holders(disk, forms).some((path) => path.endsWith(".segment"))).toBe(true);
  await keys.rotate(request(1), "storage", 0);
  await keys.rotate(request(2), "log", 0);
  await keys.startRewrite(fresh(), 1, 0);
  for (let turn = 0; turn < 2000 && keys.rewrite(1)?.state !== "done"; turn++)
    await new Promise((resolve) => setTimeout(resolve, 5));
  for (const [id, forms] of before) {
    await keys.retire(request(10 + id), id);
    expect([id, holders(disk, forms)]).toEqual([id, []]);
    expect((await keys.proof(id)).clean).toBe(true);
  }
  await node.node.close();
  node = await openTestNode(disk);
  for (const forms of before.values()) expect(holders(disk, forms)).toEqual([]);
  for (let n = 0; n < 60; n++)
    expect(await node.run("get", `k${n}`)).toContain(`${n}`.padEnd(9, "v"));
  const nothing = { keyId: 1, state: "done", bytesTotal: 0 };
  expect(await node.node.keys.startRewrite(fresh(), 1, 0)).toMatchObject(nothing);
  expect(node.node.keys.rewrite(1)).toMatchObject(nothing);
  expect(node.node.keys.keyring().rewrites).toEqual([]);
  await node.node.close();
});

const second = "env:STRONGROOM_TEST_KEK_2";
/** A variable is taken out of the environment by whoever reads it. */
const deps = {
  openKek: (spec: string) => {
    process.env.STRONGROOM_TEST_KEK = "07".repeat(32);
    process.env.STRONGROOM_TEST_KEK_2 = "08".repeat(32);
    return openKek(spec);
  },
};
const firstId = (node: TestNode): string => node.node.keys.keyring().keks[0]?.id as string;

/** Every wrap by this KEK that the sidecar holds, in every form. */
const wrapsBy = (disk: MemoryDisk, kekId: string): Buffer[] =>
  [1, 2, 3].flatMap((id) => formsOf(disk, id, kekId));

async function twoKeks(): Promise<{ disk: MemoryDisk; node: TestNode }> {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk, {}, deps);
  for (let n = 0; n < 20; n++) await node.run("set", `k${n}`, `${n}`.padEnd(1500, "v"));
  await node.node.checkpoint();
  await node.node.keys.addKek(fresh(), second);
  await node.run("set", "k", "v");
  await node.node.checkpoint();
  return { disk, node };
}

async function served(node: TestNode): Promise<void> {
  for (let n = 0; n < 20; n++)
    expect(await node.run("get", `k${n}`)).toContain(`${n}`.padEnd(9, "v"));
  for await (const { findings } of node.node.verify(0)) expect(findings).toEqual([]);
  await node.node.close();
}

test("rewrap: no file holds a wrap that was removed, replaced or made anew", async () => {
  const { disk, node } = await twoKeks();
  const { keys } = node.node;
  const first = firstId(node);
  const old = wrapsBy(disk, first);
  expect(old.length).toBeGreaterThan(3);
  expect(holders(disk, old).some((path) => path.endsWith(".segment"))).toBe(true);
  await keys.removeKek(fresh(), first);
  expect(holders(disk, old)).toEqual([]);
  const other = firstId(node);
  const anew = wrapsBy(disk, other);
  expect(await keys.replaceKek(fresh(), other, second)).toMatchObject({ kekId: other });
  expect(holders(disk, anew)).toEqual([]);
  const before = wrapsBy(disk, other);
  expect(before).toHaveLength(anew.length);
  await keys.replaceKek(fresh(), other, "env:STRONGROOM_TEST_KEK");
  expect(holders(disk, before)).toEqual([]);
  expect(keys.keyring().keks.map(({ id }) => id)).toEqual([first]);
  await node.node.close();
  await served(await openTestNode(disk, {}, deps));
});

test("rewrap: what a stop leaves of removed wraps is cleared by the same request", async () => {
  const { disk, node } = await twoKeks();
  const first = firstId(node);
  await node.node.close();
  const old = wrapsBy(disk, first);
  const both = { keks: [second, "env:STRONGROOM_TEST_KEK"] };
  const begun = disk.fork({ kind: "kept" });
  const life = async (on: MemoryDisk, id: string): Promise<void> => {
    const opened = await openTestNode(on, both, deps);
    try {
      await opened.node.keys.removeKek(id, first);
    } finally {
      await opened.node.close().catch(() => {});
    }
  };
  const before = begun.operations;
  await life(begun, fresh());
  const operations = begun.operations - before;
  for (let stop = 5; stop < operations; stop += 7) {
    const stopped = disk.fork({ kind: "kept" });
    const id = fresh();
    stopped.stopAfter(stop);
    await life(stopped, id).catch(() => {});
    const rest = stopped.fork({ kind: "kept" });
    const next = await openTestNode(rest, both, deps);
    // Answered, or told that it was done to the end before.
    await next.node.keys.removeKek(id, first).catch((error: { code: string }) => {
      expect(error.code).toBe("KEK_NOT_IN_USE");
    });
    expect([stop, holders(rest, old)]).toEqual([stop, []]);
    await served(next);
  }
});
