// Goal: plain connections behave the same through the addon's sockets and through Node's.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { nativeSockets } from "../platform/sockets.ts";
import { suite } from "./suite.ts";

const folder = mkdtempSync(join(tmpdir(), "transport-"));
afterAll(() => rmSync(folder, { recursive: true }));

suite("node", { nodeSockets: true });
suite("node, unix", { nodeSockets: true, unixSocket: join(folder, "node") });
// Without the addon these are the same once more.
suite("native", {});
suite("native, unix", { unixSocket: join(folder, "native") });

test("transport: the addon offers sockets where it is built", () => {
  expect(nativeSockets() !== null).toBe(process.env.STRONGROOM_NATIVE !== "off");
});
