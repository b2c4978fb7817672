// Goal: who watches others, or has them wait, is let go when it ends, and has what Redis gives it.
import { expect, test } from "vitest";
import { FakeServer } from "./testing/fake.ts";

test("monitoring: who was ended subscribes to nothing any more, inside EXEC or not", () => {
  const server = new FakeServer();
  const other = server.connect();
  other.call('config set client-output-buffer-limit "pubsub 1mb 0 0"');
  const name = "m".repeat(60_000);
  const client = server.connect();
  const own = Array(20).fill(`publish a ${name}`);
  client.send("hello 3", "multi", "subscribe a", ...own, "subscribe b", "set k 1", "exec");
  client.settle();
  expect(client.transport.destroyed).toBe(true);
  expect(other.call("pubsub channels", "get k")).toBe("*0\r\n$1\r\n1\r\n");
  const monitor = server.connect();
  monitor.call("monitor");
  monitor.transport.stuck = true;
  for (let n = 0; n < 20; n++) monitor.send(`subscribe ${n}${name}`);
  monitor.settle();
  expect(monitor.transport.destroyed).toBe(true);
  expect(other.call("pubsub channels")).toBe("*0\r\n");
  expect(server.redis.watchful).toBe(false);
});

test("monitoring: a monitor gets no second reply, and no keys", () => {
  const server = new FakeServer();
  const client = server.connect();
  client.call("set a 1", "monitor");
  const refused = "-ERR Replica can't interact with the keyspace\r\n";
  for (const line of ["get a", "set a 2", "dbsize", "publish c m"])
    expect(client.call(line), line).toBe(refused);
  expect(client.call("monitor")).toBe("");
  expect(client.call("ping")).toMatch(/^\+\d+\.\d+ \[0 [^ ]+\] "ping"\r\n\+PONG\r\n$/);
  expect(server.connect().call("quit")).toBe("+OK\r\n");
  expect(client.call("reset", "get a")).toBe("+RESET\r\n$1\r\n1\r\n");
});

test("pause: CLIENT PAUSE WRITE holds what writes or is published, and its end is noticed", () => {
  const server = new FakeServer();
  const [one, other] = [server.connect(), server.connect()];
  for (const [lines, early] of [
    [["multi", "ping", "get a", "exec"], "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+PONG\r\n$-1\r\n"],
    [["publish c m"], ""],
    [["spublish c m"], ""],
    [["multi", "publish c m", "exec"], "+OK\r\n"],
    [["set b 1"], ""],
  ] as const) {
    one.call("client pause 1000 write");
    expect(other.call(...lines), lines.join()).toBe(early);
    server.host.advance(1100);
    other.settle();
    expect(server.redis.watchful).toBe(false);
    other.transport.sent();
  }
});
