// Goal: commands of the server answer as Redis 7.0.15 does; recorded from it by hand.
import { expect, test } from "vitest";
import { FakeServer } from "./testing/fake.ts";

/** Lines sent together, and all that comes back. */
const recorded: [lines: string[], reply: string][] = [
  [["multi", "multi", "exec"], "+OK\r\n-ERR MULTI calls can not be nested\r\n*0\r\n"],
  [
    ["multi", "watch a", "set a 1", "exec"],
    "+OK\r\n-ERR WATCH inside MULTI is not allowed\r\n+QUEUED\r\n*1\r\n+OK\r\n",
  ],
  [
    ["multi", "foo", "exec"],
    "+OK\r\n-ERR unknown command 'foo', with args beginning with: \r\n" +
      "-EXECABORT Transaction discarded because of previous errors.\r\n",
  ],
  [
    ["multi", "get", "exec"],
    "+OK\r\n-ERR wrong number of arguments for 'get' command\r\n" +
      "-EXECABORT Transaction discarded because of previous errors.\r\n",
  ],
  [
    ["multi", "save", "exec"],
    "+OK\r\n-ERR Command not allowed inside a transaction\r\n" +
      "-EXECABORT Transaction discarded because of previous errors.\r\n",
  ],
  [
    ["multi", "subscribe a", "exec"],
    "+OK\r\n+QUEUED\r\n*1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n",
  ],
  [
    ["multi", "select 3", "set a 1", "exec", "get a"],
    "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n$1\r\n1\r\n",
  ],
  [
    ["multi", "set k v", "exec x", "ping", "exec", "get k"],
    "+OK\r\n+QUEUED\r\n-EXECABORT Transaction discarded because of: " +
      "wrong number of arguments for 'exec' command\r\n" +
      "+PONG\r\n-ERR EXEC without MULTI\r\n$-1\r\n",
  ],
  [["multi", "quit", "exec"], "+OK\r\n+OK\r\n"],
  [["multi", "reset", "exec"], "+OK\r\n+RESET\r\n-ERR EXEC without MULTI\r\n"],
  [["client unblock 1 foo"], "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n"],
  [["client unblock 1 timeout", "client unblock 1 ERROR"], ":0\r\n:0\r\n"],
  [
    ["client unblock 1 error x"],
    "-ERR unknown subcommand or wrong number of arguments for 'unblock'. Try CLIENT HELP.\r\n",
  ],
  [["memory malloc-stats"], "$45\r\nStats not supported for the current allocator\r\n"],
  [["cluster help"], "-ERR This instance has cluster support disabled\r\n"],
  [["shutdown save nosave"], "-ERR syntax error\r\n"],
  [["shutdown now abort"], "-ERR syntax error\r\n"],
  [["shutdown abort abort"], "-ERR No shutdown in progress.\r\n"],
  [["discard"], "-ERR DISCARD without MULTI\r\n"],
  [["hello 4"], "-NOPROTO unsupported protocol version\r\n"],
  [["hello x"], "-ERR Protocol version is not an integer or out of range\r\n"],
  [["hello 3 foo"], "-ERR Syntax error in HELLO option 'foo'\r\n"],
  [["auth a b c"], "-ERR syntax error\r\n"],
  [["auth a b"], "-WRONGPASS invalid username-password pair or user is disabled.\r\n"],
  [["select -1"], "-ERR DB index is out of range\r\n"],
  [["select x"], "-ERR value is not an integer or out of range\r\n"],
  [["client foo"], "-ERR unknown subcommand 'foo'. Try CLIENT HELP.\r\n"],
  [
    ["client maint_notifications on"],
    "-ERR unknown subcommand 'maint_notifications'. Try CLIENT HELP.\r\n",
  ],
  [["client"], "-ERR wrong number of arguments for 'client' command\r\n"],
  [["client setname"], "-ERR wrong number of arguments for 'client|setname' command\r\n"],
  [["client setname ''", "client getname"], "+OK\r\n$-1\r\n"],
  [["client kill 1.2.3.4:5"], "-ERR No such client\r\n"],
  [["client kill id x"], "-ERR client-id should be greater than 0\r\n"],
  [["client kill type foo"], "-ERR Unknown client type 'foo'\r\n"],
  [["client list id x"], "-ERR Invalid client ID\r\n"],
  [["client pause 1 foo"], "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n"],
  [["config set foo bar"], "-ERR Unknown option or number of arguments for CONFIG SET - 'foo'\r\n"],
  [
    ["config set maxclients abc"],
    "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - argument couldn't be " +
      "parsed into an integer\r\n",
  ],
  [
    ["config set databases 3"],
    "-ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable " +
      "config\r\n",
  ],
  [
    ["config set timeout 1 timeout 2"],
    "-ERR CONFIG SET failed (possibly related to argument 'timeout') - duplicate parameter\r\n",
  ],
  [["config set timeout 5", "config get timeout"], "+OK\r\n*2\r\n$7\r\ntimeout\r\n$1\r\n5\r\n"],
  [["slowlog get -2"], "-ERR count should be greater than or equal to -1\r\n"],
  [["wait 1 -1"], "-ERR timeout is negative\r\n"],
  [["cluster info"], "-ERR This instance has cluster support disabled\r\n"],
  [["command getkeys mset a b c d"], "*2\r\n$1\r\na\r\n$1\r\nc\r\n"],
  [["command info foo"], "*1\r\n$-1\r\n"],
  [["shutdown abort"], "-ERR No shutdown in progress.\r\n"],
  [["pubsub numsub a"], "*2\r\n$1\r\na\r\n:0\r\n"],
  [["unsubscribe"], "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n"],
  [
    ["subscribe a", "get x", "ping", "unsubscribe", "get x"],
    "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n" +
      "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET " +
      "are allowed in this context\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n" +
      "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n$-1\r\n",
  ],
];

test("commands: replies are those of Redis 7.0", () => {
  for (const [lines, reply] of recorded)
    expect(new FakeServer().connect().call(...lines), lines.join("; ")).toBe(reply);
});

test("commands: PUBSUB NUMSUB is flat in RESP3, as in Redis 7.0", () => {
  const client = new FakeServer().connect();
  client.call("hello 3");
  expect(client.call("pubsub numsub a")).toBe("*2\r\n$1\r\na\r\n:0\r\n");
  expect(client.call("pubsub shardnumsub a")).toBe("*2\r\n$1\r\na\r\n:0\r\n");
});

test("commands: no line of any HELP ends in two full stops", () => {
  const client = new FakeServer().connect();
  for (const name of "acl client command config debug latency memory pubsub slowlog".split(" "))
    expect(client.call(`${name} help`), name).not.toContain("..\r\n");
});

test("commands: a watched key that another client changes makes EXEC nil", () => {
  const server = new FakeServer();
  const [one, other] = [server.connect(), server.connect()];
  one.call("watch a", "multi", "set b 1");
  other.call("set a 1");
  expect(one.call("exec", "get b")).toBe("*-1\r\n$-1\r\n");
  expect(one.call("watch a", "unwatch", "multi", "ping")).toContain("+QUEUED");
  other.call("set a 2");
  expect(one.call("exec")).toBe("*1\r\n+PONG\r\n");
});

test("commands: nothing but AUTH and HELLO before the password, and no text shows it", () => {
  const server = new FakeServer({ requirepass: "s3cret-word" });
  const monitor = server.connect();
  expect(monitor.call("get a")).toBe("-NOAUTH Authentication required.\r\n");
  expect(monitor.call("hello 3")).toContain("-NOAUTH HELLO must be called");
  expect(monitor.call("auth nope")).toContain("-WRONGPASS");
  expect(monitor.call("auth s3cret-word", "config set slowlog-log-slower-than 0", "monitor")).toBe(
    "+OK\r\n+OK\r\n+OK\r\n",
  );
  const client = server.connect();
  expect(client.call("hello 3 auth default s3cret-word", "get a")).toContain("%7");
  client.call("config set requirepass other-secret", "config get *", "slowlog get 100");
  const seen = monitor.transport.sent() + client.call("slowlog get 100", "acl list", "info all");
  expect(seen).not.toMatch(/s3cret-word|other-secret/);
  expect(server.connect().call("auth other-secret")).toBe("+OK\r\n");
});

test("commands: MONITOR shows quoted commands of others", () => {
  const server = new FakeServer();
  const monitor = server.connect();
  monitor.call("monitor");
  server.connect().call('set k "a\\x00\\n"');
  expect(monitor.transport.sent()).toMatch(
    /^\+\d+\.\d{6} \[0 127.0.0.1:1000\] "set" "k" "a\\x00\\n"\r\n$/,
  );
});

test("commands: pub/sub delivers by channel and by pattern, in RESP3 as pushes", () => {
  const server = new FakeServer();
  const [one, two] = [server.connect(), server.connect()];
  one.call("subscribe news");
  two.call("hello 3", "psubscribe n*");
  expect(server.connect().call("publish news hi")).toBe(":2\r\n");
  expect(one.transport.sent()).toBe("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
  expect(two.transport.sent()).toBe(
    ">4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$2\r\nhi\r\n",
  );
  one.connection.gone();
  expect(server.connect().call("publish news hi")).toBe(":1\r\n");
});

test("commands: CLIENT KILL ends others, and the caller after its reply", () => {
  const server = new FakeServer();
  const [one, two] = [server.connect(), server.connect()];
  expect(one.call(`client kill id ${two.connection.id}`)).toBe(":1\r\n");
  expect(two.transport.destroyed).toBe(true);
  expect(one.call("client kill skipme no type normal")).toBe(":1\r\n");
  expect(one.transport.ended).toBe(true);
});

test("commands: maxclients is never more than there are descriptors for", () => {
  const client = new FakeServer({ maxclients: 100, clientsMax: 40 }).connect();
  const shown = (n: number): string => `*2\r\n$10\r\nmaxclients\r\n$2\r\n${n}\r\n`;
  expect(client.call("config get maxclients")).toBe(shown(40));
  expect(client.call("config set maxclients 41")).toBe(
    "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system " +
      "is not able to handle the specified number of clients, try with 40\r\n",
  );
  expect(client.call("config set maxclients 39", "config get maxclients")).toContain(shown(39));
});

test("commands: too many clients are refused with Redis's text, silent ones are closed", () => {
  const server = new FakeServer({ maxclients: 2, timeout: 10 });
  const [one] = [server.connect(), server.connect()];
  expect(() => server.connect()).toThrow("-ERR max number of clients reached\r\n");
  for (let i = 0; i < 12; i++) {
    server.host.advance(1000);
    if (i < 11) one.call("ping");
  }
  expect(server.redis.peers.size).toBe(1);
});

test("commands: a client that takes a reply, or waits for one, is not idle", () => {
  const server = new FakeServer({ timeout: 10 });
  const [taking, waiting, deaf, subscriber] = [0, 1, 2, 3].map(() => server.connect());
  for (const client of [taking, deaf]) {
    client.transport.stuck = true;
    client.send(`echo ${"x".repeat(1000)}`);
    client.settle();
  }
  waiting.send("set a 1");
  subscriber.send("ssubscribe c");
  for (let i = 0; i < 30; i++) {
    taking.transport.unsentBytes--;
    server.host.advance(1000);
  }
  expect(deaf.transport.destroyed).toBe(true);
  for (const { transport } of [taking, waiting, subscriber])
    expect(transport.destroyed).toBe(false);
  waiting.settle();
  expect(waiting.transport.sent()).toBe("+OK\r\n");
  for (let i = 0; i < 9; i++) server.host.advance(1000);
  expect(waiting.transport.destroyed).toBe(false);
  for (let i = 0; i < 9; i++) server.host.advance(1000);
  for (const { transport } of [taking, waiting]) expect(transport.destroyed).toBe(true);
});

test("commands: TIME does not go back while its two clocks tick apart", () => {
  const server = new FakeServer();
  const { clock } = server.host;
  const client = server.connect();
  const times: number[] = [];
  for (const [wall, monotonic] of [
    [1000, 5.998],
    [1000, 6.001],
    [1001, 6.5],
    [1001, 7.2],
    [1000, 7.9],
    [900, 8.5],
  ] as const) {
    clock.nowMs = () => wall;
    clock.monotonicMs = () => monotonic;
    const [, , seconds = "", , micros = ""] = client.call("time").split("\r\n");
    times.push(Number(seconds) * 1e6 + Number(micros));
  }
  const [last, ...before] = times.reverse();
  expect(before).toEqual(before.toSorted((a, b) => b - a));
  expect(last).toBeLessThan(before[0] as number);
});

test("commands: slow commands are logged, INFO and COMMAND hold what tools read", () => {
  const client = new FakeServer().connect();
  expect(client.call("debug sleep 0.02", "slowlog len")).toBe("+OK\r\n:1\r\n");
  expect(client.call("slowlog get")).toContain("$5\r\ndebug\r\n$5\r\nsleep\r\n$4\r\n0.02\r\n");
  const info = client.call("info everything");
  for (const field of ["redis_version:7.0.15", "role:master", "connected_clients:1", "cmdstat_"])
    expect(info).toContain(field);
  expect(client.call("info server")).not.toContain("# Clients");
  expect(client.call("command count")).toMatch(/^:\d{2,3}\r\n$/);
  expect(client.call("command docs get")).toContain("summary");
});

test("commands: a password of the start is text, of CONFIG SET the bytes that came", () => {
  const server = new FakeServer({ requirepass: "p\u00e4ss\u20ac" });
  const bytes = Buffer.from("p\u00e4ss\u20ac", "utf8").toString("latin1");
  const client = server.connect();
  expect(client.call("auth p\u00e4ss")).toContain("-WRONGPASS");
  expect(client.call(`auth ${bytes}`)).toBe("+OK\r\n");
  client.call("config set requirepass \u00e4\u00f6");
  expect(server.connect().call("auth \u00e4\u00f6")).toBe("+OK\r\n");
});

test("commands: each of many watched keys is watched once, until the watches end", () => {
  const server = new FakeServer();
  const { engine } = server;
  const watch = engine.watch.bind(engine);
  let watched = 0;
  engine.watch = (db, key) => {
    watched++;
    return watch(db, key);
  };
  const client = server.connect();
  const names = Array.from({ length: 20_000 }, (_, n) => `k${n % 10_000}`);
  client.call(`watch ${names.join(" ")}`, "watch k1 k2", "select 1", "watch k1");
  expect(watched).toBe(10_001);
  client.call("unwatch", "watch k1");
  expect(watched).toBe(10_002);
});
