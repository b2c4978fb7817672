// Goal: a proof can be checked without its node, and not one field of it can be changed.
import { expect, test } from "vitest";
import { nodePrimitives } from "../../platform/node-primitives.ts";
import { MemoryDisk } from "../../platform/testing/memory-disk.ts";
import type { Proof } from "../operations.ts";
import { openTestNode } from "../testing/harness.ts";
import { checkProof } from "./proofcheck.ts";
import { Providers } from "./testing/providers.ts";

async function made(): Promise<{ disk: MemoryDisk; keks: Providers; proof: Proof }> {
  const disk = new MemoryDisk();
  const keks = new Providers();
  const node = await openTestNode(disk, { keks: ["test:a"] }, { openKek: keks.open });
  await node.run("set", "k", "v");
  await node.node.keys.rotate("1".repeat(32), "storage", 0);
  const proof = await node.node.keys.proof(1);
  await node.node.close();
  return { disk, keks, proof };
}

test("proof: an active key is never clean, and its counts say what is there", async () => {
  const disk = new MemoryDisk();
  const node = await openTestNode(disk);
  await node.run("set", "k", "v");
  await node.node.checkpoint();
  const proof = await node.node.keys.proof(1);
  expect([proof.clean, proof.state]).toEqual([false, "active"]);
  const counts = new Map(proof.counted.map(({ surface, count }) => [surface, count]));
  expect(counts.get("store segment")).toBeGreaterThan(0);
  expect(counts.get("wrap in sidecar")).toBe(1);
  expect(counts.get("wrap in control records")).toBe(1);
  await expect(node.node.keys.proof(9)).rejects.toMatchObject({ code: "CONTROL_KEY_UNKNOWN" });
  await node.node.close();
});

test("proof: it is checked offline, and every changed field is refused", async () => {
  const { disk, keks, proof } = await made();
  const deps = { disk, primitives: nodePrimitives, keks: [await keks.open("test:a")] };
  const check = (value: unknown) => checkProof(deps, "/data", JSON.stringify(value));
  expect(await check(proof)).toEqual(proof);
  // However its fields are ordered.
  expect(await check(Object.fromEntries(Object.entries(proof).reverse()))).toEqual(proof);
  const changed: unknown[] = Object.entries(proof).map(([name, value]) => {
    const other =
      typeof value === "number" ? value + 1 : typeof value === "boolean" ? !value : `${value}0`;
    return { ...proof, [name]: name === "counted" ? proof.counted.slice(1) : other };
  });
  changed.push({ ...proof, counted: proof.counted.map((one) => ({ ...one, count: 0 })) });
  for (const one of [...changed, {}, null, 7, []])
    await expect(check(one)).rejects.toMatchObject({
      code: expect.stringMatching(/KEY_PROOF_INVALID|CRYPTO_KEY_UNKNOWN|CRYPTO_KEY_PURPOSE/),
    });
  await expect(checkProof(deps, "/data", "{")).rejects.toMatchObject({ code: "KEY_PROOF_INVALID" });
});
