// Goal: replies come in the order of the requests, each from the state right behind the write
// before it, whatever is in flight; a client that does not read or sends too much is bounded.
import fc from "fast-check";
import { expect, test } from "vitest";
import { CommandError } from "../keyspace/errors.ts";
import { outputBytesHigh } from "./connection.ts";
import { FakeServer } from "./testing/fake.ts";

test("connection: reads behind writes in flight wait, and see the state right behind them", () => {
  const client = new FakeServer().connect();
  client.send("set a 1", "get a", "ping x", "set a 2", "get a", "select 3", "get a");
  expect(client.transport.sent()).toBe("");
  client.server.engine.apply(1);
  client.server.host.settle();
  expect(client.transport.sent()).toBe("+OK\r\n$1\r\n1\r\n$1\r\nx\r\n");
  client.server.engine.apply(1);
  client.server.host.settle();
  expect(client.transport.sent()).toBe("+OK\r\n$1\r\n2\r\n+OK\r\n$-1\r\n");
});

const step = fc.constantFrom(
  "set a 1",
  "incr a",
  "get a",
  "append a x",
  "del a",
  "ping",
  "echo e",
  "select 1",
  "select 0",
  "multi",
  "exec",
  "discard",
  "watch a",
  "foo",
  "get",
  "set a 1 zz",
  "client setname n",
  "client getname",
  "time 1",
);

test("connection: any pipeline is answered as if each command were sent alone", () => {
  const applied = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 30 });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), applied, (lines, counts) => {
      const alone = new FakeServer().connect();
      const expected = lines.map((line) => alone.call(line)).join("");
      const piped = new FakeServer().connect();
      let at = 0;
      for (const count of counts) {
        const some = lines.slice(at, at + count);
        at += some.length;
        if (piped.transport.reading) piped.send(...some);
        else at -= some.length;
        piped.server.engine.apply(count % 3);
        piped.server.host.settle();
      }
      expect(piped.transport.sent() + piped.call(...lines.slice(at))).toBe(expected);
    }),
    { numRuns: 400 },
  );
});

test("connection: a transaction that writes nothing waits for the writes before it", () => {
  const client = new FakeServer().connect();
  client.send("set a 1", "multi", "get a", "exec", "get a");
  expect(client.transport.sent()).toBe("");
  client.settle();
  expect(client.transport.sent()).toBe("+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n$1\r\n1\r\n$1\r\n1\r\n");
});

test("connection: transactions are held up by a busy engine like other writes", () => {
  const client = new FakeServer().connect();
  client.server.engine.busy = true;
  client.send("multi", "set a 1", "exec", "set b 2");
  expect(client.transport.reading).toBe(false);
  expect(client.server.engine.pending.length).toBe(1);
  client.server.engine.busy = false;
  client.server.engine.onReady?.();
  client.settle();
  expect(client.transport.sent()).toBe("+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n+OK\r\n");
});

test("connection: a transaction that the engine does not take is an error in its turn", () => {
  const client = new FakeServer().connect();
  const { engine } = client.server;
  const { exec } = engine;
  engine.exec = () => {
    engine.exec = exec;
    throw new CommandError("EXECABORT of a test");
  };
  client.send("set a 1", "multi", "incr a", "exec", "incr a", "multi", "incr a", "exec");
  expect(client.transport.sent()).toBe("");
  client.settle();
  const [taken, refused] = ["+OK\r\n+QUEUED\r\n*1\r\n:3\r\n", "-EXECABORT of a test\r\n"];
  expect(client.transport.sent()).toBe(`+OK\r\n+OK\r\n+QUEUED\r\n${refused}:2\r\n${taken}`);
  expect(client.call("get a")).toBe("$1\r\n3\r\n");
});

test("connection: a command that changes the protocol waits for the replies before it", () => {
  const client = new FakeServer().connect();
  client.send("set a 1", "get b", "hello 3", "get b", "set a 2");
  expect(client.transport.reading).toBe(false);
  client.server.engine.apply();
  client.server.host.settle();
  const text = client.transport.sent();
  expect(text.startsWith("+OK\r\n$-1\r\n%7\r\n")).toBe(true);
  expect(text.endsWith("_\r\n")).toBe(true);
  expect(client.transport.reading).toBe(true);
  client.settle();
  expect(client.transport.sent()).toBe("+OK\r\n");
});

test("connection: a client that never reads is served no further until it reads", () => {
  const client = new FakeServer().connect();
  client.call(`set big ${"x".repeat(60_000)}`);
  client.transport.stuck = true;
  for (let i = 0; i < 40; i++) client.send(...Array(20).fill("get big"));
  expect(client.transport.unsentBytes).toBeLessThan(outputBytesHigh + 200_000);
  expect(client.transport.reading).toBe(false);
  client.transport.stuck = false;
  client.transport.unsentBytes = 0;
  client.connection.drained();
  client.server.host.settle();
  expect(client.transport.reading).toBe(true);
  expect(client.transport.sent().length).toBeGreaterThan(700 * 60_000);
});

test("connection: a subscriber or monitor that never reads is closed at the hard bound", () => {
  for (const [listen, least] of [
    ["subscribe news", 32 << 20],
    ["monitor", 32 << 20],
  ] as const) {
    const server = new FakeServer();
    const listener = server.connect();
    listener.call(listen);
    listener.transport.stuck = true;
    const speaker = server.connect();
    const message = "m".repeat(60_000);
    let sent = 0;
    for (; sent < 2 * least && !listener.transport.destroyed; sent += message.length)
      speaker.call(`publish news ${message}`);
    expect(sent).toBeGreaterThan(least - 200_000);
    expect(listener.transport.destroyed).toBe(true);
    expect(speaker.call("publish news x")).toBe(":0\r\n");
  }
});

test("connection: limits of output that are set hold, the soft one after its time", () => {
  const server = new FakeServer();
  const admin = server.connect();
  admin.call('config set client-output-buffer-limit "normal 100kb 0 0 pubsub 1mb 50000 10"');
  const reader = server.connect();
  reader.call(`set big ${"x".repeat(60_000)}`, "get big");
  expect(reader.transport.destroyed).toBe(false);
  reader.send("get big", "get big");
  expect(reader.transport.destroyed).toBe(true);
  const listener = server.connect();
  listener.call("subscribe news");
  listener.transport.stuck = true;
  admin.call(`publish news ${"m".repeat(60_000)}`);
  server.host.advance(5000);
  listener.transport.unsentBytes = 0;
  server.host.advance(1000);
  admin.call(`publish news ${"m".repeat(60_000)}`);
  server.host.advance(9000);
  expect(listener.transport.destroyed).toBe(false);
  for (let n = 0; n < 3; n++) server.host.advance(1000);
  expect(listener.transport.destroyed).toBe(true);
});

test("connection: a reply that passes the hard limit is thrown away while it grows", () => {
  for (const lines of [
    [`mget ${"big ".repeat(400)}`],
    ["multi", ...Array(400).fill("get big"), "set big x", "client reply on", "get big", "exec"],
  ]) {
    const server = new FakeServer();
    const other = server.connect();
    other.call(`set big ${"x".repeat(60_000)}`, "set long 1");
    other.call('config set client-output-buffer-limit "normal 1mb 0 0"');
    const client = server.connect();
    let heldMost = 0;
    const note = (): void => {
      heldMost = Math.max(heldMost, client.connection.figures.outputBytes);
    };
    const { keyspace } = server.engine;
    const database = keyspace.database.bind(keyspace);
    keyspace.database = (db) => {
      note();
      return database(db);
    };
    client.transport.destroy = () => {
      note();
      client.transport.destroyed = true;
    };
    client.send(...lines, "del long");
    client.settle();
    expect(client.transport.destroyed).toBe(true);
    expect(client.transport.sent()).not.toContain("x");
    expect(heldMost).toBeLessThan((1 << 20) + 100_000);
    expect(other.call("exists long")).toBe(":1\r\n");
  }
});

test("connection: a transaction that only reads waits for the barrier, unless local", () => {
  const client = new FakeServer().connect();
  const { engine, host } = client.server;
  engine.barrier = true;
  client.send("multi", "get a", "exec", "ping");
  expect(client.transport.sent()).toBe("+OK\r\n+QUEUED\r\n");
  engine.barred.shift()?.readReady();
  host.settle();
  expect(client.transport.sent()).toBe("*1\r\n$-1\r\n+PONG\r\n");
  expect(client.call("readonly", "multi", "get a", "exec")).toContain("*1\r\n$-1\r\n");
  expect(engine.barred).toHaveLength(0);
  client.call("readwrite");
  client.send("multi", "get a", "exec", "get a");
  client.server.host.settle();
  expect(engine.barred).toHaveLength(1);
  engine.barred.shift()?.readReady();
  host.settle();
  expect(engine.barred).toHaveLength(1);
});

test("connection: how limits of output are written is checked as Redis does", () => {
  const client = new FakeServer().connect();
  const set = (text: string): string =>
    client.call(`config set client-output-buffer-limit "${text}"`);
  expect(set("normal 1 2")).toContain("Wrong number of arguments in buffer limit");
  expect(set("master 1 2 3")).toContain("Invalid client class specified");
  for (const wrong of ["normal x 2 3", "normal 1 y 3", "normal 1 2 -3", "normal 1 2 3s"])
    expect(set(wrong)).toContain("Error in hard, soft or soft_seconds setting");
  expect(set("replica 1mb 0 0 PUBSUB 2mb 1kb 5")).toBe("+OK\r\n");
  expect(client.call("config get client-output-buffer-limit")).toContain(
    "normal 0 0 0 slave 1048576 0 0 pubsub 2097152 1024 5",
  );
});

test("connection: MONITOR shows a command once, however often it has to wait", () => {
  const server = new FakeServer();
  const monitor = server.connect();
  monitor.call("monitor");
  const client = server.connect();
  server.engine.barrier = true;
  client.send("set k 1", "info server", "get k");
  client.settle();
  server.engine.barred.shift()?.readReady();
  server.host.settle();
  client.call("client pause 100");
  client.send("client reply skip", "set k 2", "get k");
  server.host.advance(200);
  client.settle();
  const seen = monitor.transport.sent().match(/] .*/g) ?? [];
  expect(seen.filter((line) => line.includes('"set" "k" "1"'))).toHaveLength(1);
  expect(seen.filter((line) => line.includes('"get" "k"')).length).toBeLessThanOrEqual(2);
  expect(seen.filter((line) => line.includes('"info"'))).toHaveLength(1);
  expect(seen.filter((line) => line.includes('"set" "k" "2"'))).toHaveLength(1);
});

test("connection: while the node is busy nothing more is parsed", () => {
  const client = new FakeServer().connect();
  const { engine, host } = client.server;
  engine.busy = true;
  client.send("set a 1", "set a 2");
  expect(engine.pending).toHaveLength(1);
  expect(client.transport.reading).toBe(false);
  engine.busy = false;
  engine.onReady?.();
  host.settle();
  expect(engine.pending).toHaveLength(2);
  expect(client.transport.reading).toBe(true);
});

test("connection: where reads need a barrier they wait for it, in order", () => {
  const client = new FakeServer().connect();
  const { engine, host } = client.server;
  engine.barrier = true;
  client.send("get a", "ping", "set a 1");
  expect(client.transport.sent()).toBe("");
  expect(engine.pending).toHaveLength(0);
  engine.barred.shift()?.readReady();
  host.settle();
  expect(client.transport.sent()).toBe("$-1\r\n+PONG\r\n");
  client.settle();
  expect(client.transport.sent()).toBe("+OK\r\n");
  expect(client.call("readonly", "get a")).toBe("+OK\r\n$1\r\n1\r\n");
});

test("connection: the writes of a closed connection are applied, and nothing is sent", () => {
  const server = new FakeServer();
  const client = server.connect();
  client.send("set a 1", "get a", "set b 2");
  client.connection.gone();
  client.settle();
  expect(client.transport.sent()).toBe("");
  expect(server.redis.peers.size).toBe(0);
  expect(server.connect().call("get b")).toBe("$1\r\n2\r\n");
});

test("connection: a broken stream is answered behind what is in flight, then closed", () => {
  const client = new FakeServer().connect();
  client.send("set a 1", "*1", "x");
  expect(client.transport.sent()).toBe("");
  client.settle();
  expect(client.transport.sent()).toBe("+OK\r\n-ERR Protocol error: expected '$', got 'x'\r\n");
  expect(client.transport.ended).toBe(true);
});

test("connection: a bug in a command is one error reply and a report", () => {
  const client = new FakeServer().connect();
  const { engine, host } = client.server;
  engine.read = () => {
    throw new TypeError("bug");
  };
  expect(client.call("get a", "ping")).toBe("-ERR internal error\r\n+PONG\r\n");
  expect(host.bugs).toHaveLength(1);
});

test("connection: CLIENT REPLY OFF and SKIP throw away just what they say", () => {
  const client = new FakeServer().connect();
  expect(client.call("client reply skip", "set a 1", "ping z")).toBe("$1\r\nz\r\n");
  expect(client.call("set a 2", "client reply skip", "get a", "get a")).toBe("+OK\r\n$1\r\n2\r\n");
  expect(client.call("client reply off", "ping", "set a 3", "client reply on", "get a")).toBe(
    "+OK\r\n$1\r\n3\r\n",
  );
});

test("connection: what is published is sent without replies too", () => {
  const server = new FakeServer();
  const [client, other] = [server.connect(), server.connect()];
  const message = ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n";
  const joined = ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
  client.call("hello 3", "client reply off");
  expect(client.call("set a 1", "subscribe c", "ping")).toBe(joined);
  expect(other.call("publish c m")).toBe(":1\r\n");
  client.settle();
  expect(client.transport.sent()).toBe(message);
  expect(client.call("multi", "ping", "set a 2", "subscribe c", "exec", "publish c m")).toBe(
    joined + message,
  );
  expect(client.call("client reply on", "client reply skip", "unsubscribe d", "ping")).toBe(
    "+OK\r\n>3\r\n$11\r\nunsubscribe\r\n$1\r\nd\r\n:1\r\n+PONG\r\n",
  );
});

test("connection: a skipped read that waits for a barrier is skipped all the same", () => {
  const server = new FakeServer();
  const client = server.connect();
  client.call("set a 1");
  server.engine.barrier = true;
  expect(client.call("client reply skip", "get a", "ping")).toBe("");
  server.engine.barrier = false;
  client.connection.readReady();
  client.settle();
  expect(client.transport.sent()).toBe("+PONG\r\n");
});

test("connection: QUIT answers what came before it and nothing after it", () => {
  const client = new FakeServer().connect();
  expect(client.call("set a 1", "quit", "set a 2")).toBe("+OK\r\n+OK\r\n");
  expect(client.transport.ended).toBe(true);
});

test("connection: SAVE answers when the checkpoint is done, and what follows waits", async () => {
  const client = new FakeServer().connect();
  const { engine, host } = client.server;
  client.send("save", "ping");
  expect(client.transport.sent()).toBe("");
  engine.checkpoints.shift()?.();
  for (let i = 0; i < 5; i++) await Promise.resolve();
  host.settle();
  expect(client.transport.sent()).toBe("+OK\r\n+PONG\r\n");
});

test("connection: CLIENT PAUSE holds commands until it is over", () => {
  const client = new FakeServer().connect();
  const other = client.server.connect();
  client.call("client pause 100 write");
  expect(other.call("get a")).toBe("$-1\r\n");
  expect(other.call("set a 1")).toBe("");
  client.server.host.advance(200);
  other.settle();
  expect(other.transport.sent()).toBe("+OK\r\n");
});
