// Goal: however few descriptors there are, what the node itself needs is set aside.
import { expect, test } from "vitest";
import { descriptorsLeast, shareDescriptors } from "./descriptors.ts";

test("descriptors: the shares never exceed the whole, and 64 are the node's own", () => {
  for (const total of [descriptorsLeast, 100, 120, 256, 1024, 4096, 65_536, 1_048_576]) {
    const { segments, admin, clients } = shareDescriptors(total);
    expect(Math.min(segments, admin)).toBeGreaterThanOrEqual(8);
    expect(clients).toBeGreaterThanOrEqual(1);
    expect(64 + segments + admin + clients).toBe(total);
  }
});

test("descriptors: the least is the least, and without a limit there is room for all", () => {
  expect(shareDescriptors(descriptorsLeast).clients).toBe(1);
  expect(shareDescriptors(descriptorsLeast - 1).clients).toBe(0);
  const all = { segments: 512, admin: 64, clients: Number.POSITIVE_INFINITY };
  expect(shareDescriptors(Number.POSITIVE_INFINITY)).toEqual(all);
});
