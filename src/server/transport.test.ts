// Goal: plain TCP behaves the same through the addon's sockets and through Node's.
import { expect, test } from "vitest";
import { nativeSockets } from "../platform/sockets.ts";
import { suite } from "./suite.ts";

suite("node", { nodeSockets: true });
// Without the addon this is the same once more.
suite("native", {});

test("transport: the addon offers sockets where it is built", () => {
  expect(nativeSockets() !== null).toBe(process.env.STRONGROOM_NATIVE !== "off");
});
