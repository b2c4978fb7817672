// Goal: DEBUG does what test suites ask of Redis 7.0.15, and nothing where it is not allowed.
// Method: digests and texts were recorded from redis-server.
import { expect, test } from "vitest";
import { FakeServer } from "./testing/fake.ts";

const refused =
  "-ERR DEBUG command not allowed. If the enable-debug-command option is set to " +
  '"local", you can run it from a local connection, otherwise you need to set this option ' +
  "in the configuration file, and then restart the server.\r\n";

test("debug: `enable-debug-command no` refuses every subcommand, in transactions too", () => {
  const client = new FakeServer({ "enable-debug-command": "no" }).connect();
  for (const line of ["debug sleep 0", "debug error x", "DEBUG help", "debug foo"])
    expect(client.call(line), line).toBe(refused);
  expect(client.call("multi", "debug sleep 0", "exec")).toBe(
    `+OK\r\n${refused}-EXECABORT Transaction discarded because of previous errors.\r\n`,
  );
});

test("debug: `enable-debug-command local` refuses who comes from elsewhere", () => {
  const client = new FakeServer({ "protected-mode": "no" }).connect();
  client.transport.address = "10.0.0.1:7";
  expect(client.call("debug sleep 0")).toBe(refused);
  client.transport.address = "127.0.0.1:7";
  expect(client.call("debug sleep 0")).toBe("+OK\r\n");
});

test("debug: digests of the same data are those of Redis", () => {
  const client = new FakeServer().connect();
  expect(client.call("debug digest")).toBe(`+${"0".repeat(40)}\r\n`);
  expect(client.call("set k v", "debug digest", "debug digest-value k nokey")).toBe(
    "+OK\r\n+264ccf65edec66bccfa7cc659414ccca432057d2\r\n" +
      `*2\r\n+d79ee9fe5d5ad902d7f6620efc3b07b75ddd742f\r\n+${"0".repeat(40)}\r\n`,
  );
  client.call("select 3", "set other 1");
  expect(client.call("debug digest")).not.toContain("264ccf65");
});

test("debug: a digest reads all keys, page by page", () => {
  const [one, other] = [new FakeServer().connect(), new FakeServer().connect()];
  const keys = Array.from({ length: 250 }, (_, n) => `set key${n} ${n}`);
  one.call(...keys);
  other.call(...keys.reverse());
  expect(one.call("debug digest")).toBe(other.call("debug digest"));
  other.call("set key200 x");
  expect(one.call("debug digest")).not.toBe(other.call("debug digest"));
});

test("debug: POPULATE writes what is not there through the engine, and answers once", async () => {
  const server = new FakeServer();
  const client = server.connect();
  client.call("set bar:1 kept");
  client.send("debug populate 700 bar 9");
  expect(server.engine.pending.length).toBeGreaterThan(100);
  expect(server.engine.pending.length).toBeLessThan(700);
  while (client.transport.sent() === "") {
    client.settle();
    await Promise.resolve();
  }
  expect(client.call("dbsize", "get bar:1", "get bar:0", "get bar:699")).toBe(
    ":700\r\n$4\r\nkept\r\n$9\r\nvalue:0\0\0\r\n$9\r\nvalue:699\r\n",
  );
});

test("debug: POPULATE holds few keys at once when they are long", () => {
  const server = new FakeServer();
  server.connect().send(`debug populate 700 ${"p".repeat(60_000)}`);
  expect(server.engine.pending.length).toBeGreaterThan(1);
  expect(server.engine.pending.length).toBeLessThan(20);
});

test("debug: POPULATE ends with its connection", async () => {
  const server = new FakeServer();
  const client = server.connect();
  client.send("debug populate 100000");
  client.connection.gone();
  client.settle();
  await Promise.resolve();
  client.settle();
  expect(server.connect().call("dbsize")).toMatch(/^:\d{1,4}\r\n$/);
});

test("debug: what answers later has no place in a transaction", () => {
  const client = new FakeServer().connect();
  const no = "-ERR Command not allowed inside a transaction\r\n";
  expect(client.call("multi", "debug populate 1", "debug reload", "debug sleep 0")).toBe(
    `+OK\r\n${no}${no}+QUEUED\r\n`,
  );
});

test("debug: SLOWLOG shows the whole command", () => {
  const client = new FakeServer().connect();
  client.call("config set slowlog-log-slower-than 0", "debug set-active-expire 1");
  expect(client.call("slowlog get 1")).toContain(
    "*3\r\n$5\r\ndebug\r\n$17\r\nset-active-expire\r\n$1\r\n1\r\n",
  );
});
