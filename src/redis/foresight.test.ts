// Goal: what is told to the engine beforehand are the GETs that come next, and nothing that a
// client sends makes a hint more than a hint.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Foresight } from "./foresight.ts";
import { FakeEngine, FakeServer } from "./testing/fake.ts";

const encoded = (...parts: string[]) =>
  `*${parts.length}\r\n${parts.map((part) => `$${part.length}\r\n${part}\r\n`).join("")}`;

test("foresight: GETs are taken from the front, sixteen at most, and told together", () => {
  const engine = new FakeEngine();
  const foresight = new Foresight(engine);
  const keys = Array.from({ length: 20 }, (_, n) => `key:${n}`);
  const text = Buffer.from(keys.map((key, n) => encoded(n % 2 ? "GET" : "get", key)).join(""));
  const at = foresight.look(text, 0, text.length, 3);
  expect(foresight.full).toBe(true);
  foresight.tell();
  expect(foresight.look(text, at, text.length, 3)).toBe(text.length);
  foresight.tell();
  expect(engine.foreseen).toEqual([keys.slice(0, 16), keys.slice(16)]);
});

test("foresight: one alone, none, and what is no GET are not told of", () => {
  const engine = new FakeEngine();
  const foresight = new Foresight(engine);
  const one = encoded("get", "a");
  const long = encoded("get", "k".repeat(100));
  for (const text of [
    one,
    "",
    one + encoded("set", "a", "1"),
    encoded("set", "a", "1") + one + one,
    one + encoded("get"),
    one + encoded("mget", "a"),
    one + long + one,
    `${one}get a\r\n`,
    one + one.slice(0, -1),
    one + one.replace("$1", "$01234"),
    one + one.replace("$1", "$-1"),
    one + one.replace("$1\r", "$1x"),
  ]) {
    foresight.look(Buffer.from(text), 0, text.length, 0);
    foresight.tell();
    expect(engine.foreseen, text).toEqual([]);
  }
});

test("foresight: no bytes lead outside what was received", () => {
  const piece = fc.constantFrom(
    ...[
      encoded("get", "a"),
      encoded("GET", "key:1"),
      "*2\r\n$3\r\nget\r\n$",
      "99\r\n",
      "5",
      "\r\n",
    ],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.nat(40), fc.nat(40), (pieces, skip, cut) => {
      const told: number[] = [];
      const engine = new FakeEngine();
      const text = Buffer.from(pieces.join(""));
      const [from, to] = [Math.min(skip, text.length), Math.max(0, text.length - cut)];
      engine.foresee = (_, starts, ends, __, count) => {
        for (let n = 0; n < count; n++) told.push(starts[n]!, ends[n]!);
      };
      const foresight = new Foresight(engine);
      const at = foresight.look(text, from, to, 0);
      foresight.tell();
      expect(at).toBeGreaterThanOrEqual(from);
      expect(told).toEqual([...told].sort((a, b) => a - b));
      for (const place of told) expect(place >= from && place <= to).toBe(true);
    }),
  );
});

test("foresight: a pipeline is told of before it runs; behind a write, or in MULTI, not", () => {
  const { server, connection } = new FakeServer().connect();
  const { engine } = server;
  const send = (...commands: string[]) => {
    const bytes = Buffer.from(commands.map((line) => encoded(...line.split(" "))).join(""));
    connection.receive(bytes, 0, bytes.length);
  };
  const keys = Array.from({ length: 40 }, (_, n) => `k${n}`);
  send(...keys.map((key) => `get ${key}`));
  expect(engine.foreseen.map((group) => group.length)).toEqual([16, 16, 8]);
  expect(engine.foreseen.flat()).toEqual(keys);
  send("set a 1", "get a", "get b");
  expect(engine.foreseen.length).toBe(3);
  engine.apply();
  server.host.settle();
  send("multi", "get a", "get b", "exec");
  expect(engine.foreseen.length).toBe(3);
});

test("foresight: what several connections have sent is told of together", () => {
  const server = new FakeServer();
  const clients = Array.from({ length: 20 }, () => server.connect());
  const parts = clients.map((_, n) => encoded("get", `key:${n}`));
  const input = Buffer.from(parts.join(""));
  const rows = parts.map((part, n) => {
    const start = parts.slice(0, n).join("").length;
    return [start, start + part.length] as const;
  });
  const more = rows.map(([start, end], n) =>
    n < 17 ? clients[n]!.connection.announced(input, start, end) : false,
  );
  expect(more.indexOf(false)).toBe(15);
  expect(server.engine.foreseen).toEqual([]);
  for (const [n, [start, end]] of rows.entries()) clients[n]!.connection.receive(input, start, end);
  expect(server.engine.foreseen).toEqual([clients.slice(0, 16).map((_, n) => `key:${n}`)]);
  server.host.settle();
  expect(clients.map(({ transport }) => transport.sent())).toEqual(clients.map(() => "$-1\r\n"));
});
