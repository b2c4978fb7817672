// Goal: the store in memory has the properties of every store, as far as memory can.
import { expect, test } from "vitest";
import { requireDurableControl } from "../capability.ts";
import { storeSuite } from "../suite.ts";
import { MemoryStore } from "./store.ts";

storeSuite("memory", () => ({ durable: false, open: async () => new MemoryStore() }));

test("store: one that cannot keep control records durably is refused by a typed error", () => {
  expect(() => requireDurableControl(new MemoryStore())).toThrow(
    expect.objectContaining({ code: "STORE_CONTROL_UNSUPPORTED" }),
  );
});
