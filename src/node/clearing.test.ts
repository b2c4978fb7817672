// Goal: once a key is retired no wrap of it is in any file, in whatever form files hold wraps, and
// what lies under the others is whole.
import { expect, test } from "vitest";
import { MemoryDisk } from "../platform/testing/memory-disk.ts";
import { fresh, openTestNode } from "./testing/harness.ts";

const request = (n: number): string => n.toString(16).padStart(32, "0");

interface Keyring {
  readonly keys: Record<string, { readonly wraps: readonly { readonly data: string }[] }>;
}

/** The key's wraps as bytes, as text, and as text of text; parts of them suffice. */
function formsOf(disk: MemoryDisk, keyId: number): Buffer[] {
  const { keys } = JSON.parse(disk.readFile("/data/encryption/keys.json").toString()) as Keyring;
  const wraps = keys[keyId]?.wraps.map(({ data }) => Buffer.from(data, "base64")) ?? [];
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
