// Goal: a node without a password that listens beyond the loopback serves this machine alone.
import { expect, test } from "vitest";
import { FakeServer, FakeTransport } from "./testing/fake.ts";

function connectFrom(server: FakeServer, address: string, unix = false) {
  const transport = new FakeTransport();
  Object.assign(transport, { address, unix });
  const connection = server.redis.connect(transport);
  return typeof connection === "string" ? connection.split(" ", 1)[0] : "served";
}

test("protected mode: without a password only the loopback and the socket file are served", () => {
  const server = new FakeServer();
  for (const address of ["127.0.0.1:5", "127.9.9.9:5", "[::1]:5", "[::ffff:127.0.0.1]:5"])
    expect(connectFrom(server, address)).toBe("served");
  expect(connectFrom(server, "/run/strongroom.sock:0", true)).toBe("served");
  for (const address of ["10.0.0.1:5", "[2001:db8::1]:5", "[::ffff:10.0.0.1]:5", "?:0"])
    expect(connectFrom(server, address)).toBe("-DENIED");
});

test("protected mode: a password, or switching it off, lets others in", () => {
  const server = new FakeServer();
  expect(server.redis.settings.set("protected-mode", "maybe")).toMatch(/'yes' or 'no'/);
  expect(server.redis.settings.set("protected-mode", "no")).toBe(null);
  expect(connectFrom(server, "10.0.0.1:5")).toBe("served");
  for (const word of ["yes", "YES"]) {
    expect(server.redis.settings.set("protected-mode", word)).toBe(null);
    expect(connectFrom(server, "10.0.0.1:5")).toBe("-DENIED");
  }
  expect(server.redis.settings.set("requirepass", "x")).toBe(null);
  expect(connectFrom(server, "10.0.0.1:5")).toBe("served");
});
