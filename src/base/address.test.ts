// Goal: nothing beyond this machine is taken for the loopback, however it is spelled.
import { expect, test } from "vitest";
import { isLoopback, isLoopbackEndpoint } from "./address.ts";

const near = ["127.0.0.1", "127.255.3.4", "::1", "[::1]", "::ffff:127.0.0.1", "localhost"];
const far = [
  ...["", "128.0.0.1", "0.0.0.0", "::", "[::]", "10.127.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"],
  ...["127.example.org", "127.0.0.1.example.org", "localhost.example.org", "[127.0.0.1", "::1]"],
];

test("address: only what this machine alone can reach is the loopback", () => {
  for (const host of [...near, "LocalHost", "::FFFF:127.0.0.1"])
    expect(isLoopback(host), host).toBe(true);
  for (const host of far) expect(isLoopback(host), host).toBe(false);
});

test("address: with a port it is the same", () => {
  const withPort = (host: string) =>
    host.includes(":") && !host.startsWith("[") ? `[${host}]:1` : `${host}:1`;
  for (const host of near) expect(isLoopbackEndpoint(withPort(host)), host).toBe(true);
  for (const host of far) expect(isLoopbackEndpoint(withPort(host)), host).toBe(false);
  for (const text of ["", ":", "localhost", "?:0"]) expect(isLoopbackEndpoint(text)).toBe(false);
});
