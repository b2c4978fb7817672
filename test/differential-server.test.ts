// Goal: commands of connections and of the server, and the protocol itself, answer as redis-server
// 7.0 does, byte for byte, on RESP2 and RESP3.
// Method: each script goes to both over a connection of its own; everything that comes back until
// silence or a close is compared. What belongs to the process (ids, versions of data) is masked.
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commands } from "../src/commands/table.ts";
import { type Listening, serveRedis } from "../src/server/listen.ts";
import { QuickEngine } from "../src/server/testing/quick.ts";
import { type Running, startRedis } from "./differential/redis.ts";

const quietMs = 250;
let redis: Running;
let ours: Listening;

beforeAll(async () => {
  redis = await startRedis();
  const engine = new QuickEngine();
  ours = await serveRedis({ port: 0, engine, commands, report: (error) => console.error(error) });
});

afterAll(async () => {
  await redis?.stop();
  await ours?.close();
});

/** Everything that comes back, and whether the server closed. */
function exchange(port: number, bytes: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let received = "";
    const end = (how: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(`${received}${how}`);
    };
    let timer = setTimeout(() => end("<open>"), quietMs * 4);
    socket.on("data", (data) => {
      received += data.toString("latin1");
      clearTimeout(timer);
      timer = setTimeout(() => end("<open>"), quietMs);
    });
    socket.on("error", () => end("<closed>"));
    socket.on("end", () => end("<closed>"));
    socket.write(bytes);
  });
}

function mask(text: string): string {
  return text
    .replace(/\$2\r\nid\r\n:\d+/g, "$2\r\nid\r\n:N")
    .replace(/\+\d+\.\d{6} \[0 127\.0\.0\.1:\d+\]/g, "+TIME [0 ADDRESS]");
}

async function compare(scripts: readonly (string | Buffer)[]): Promise<void> {
  const bytes = scripts.map((script) => Buffer.from(script as string));
  const pairs = await Promise.all(
    bytes.map((script) => Promise.all([exchange(redis.port, script), exchange(ours.port, script)])),
  );
  const differing = pairs.flatMap(([expected, found], i) =>
    mask(expected) === mask(found)
      ? []
      : [
          {
            script: bytes[i]?.toString("latin1", 0, 80),
            expected: mask(expected),
            found: mask(found),
          },
        ],
  );
  expect(differing).toEqual([]);
}

const sessions = [
  "ping|ping a|ping a b|echo|echo x|echo x y",
  "multi|multi|exec|exec|discard",
  "multi|watch a|set s:a 1|exec",
  "multi|foo a b|exec|get s:b",
  "multi|get|exec",
  "multi|save|exec",
  "multi|shutdown|exec",
  "multi|select 3|set s:c 1|select 16|get s:c|exec|get s:c",
  "multi|quit|exec",
  "multi|reset|exec",
  "multi|hello 3|get s:none|exec|get s:none",
  "multi|ping|ping x|echo y|client getname|exec",
  "multi|client reply off|ping|exec|ping|client reply on",
  "watch s:w|multi|set s:w 1|exec|unwatch|watch|exec",
  "watch s:v|set s:v 1|multi|get s:v|exec",
  "discard|exec",
  "hello|hello 2|hello 3|hello 4|hello 1|hello x|hello 3 foo|hello 3 setname|hello 3 auth a",
  "hello 3 setname n|client getname|hello 2 setname 'a b'",
  "auth x|auth a b|auth default b|auth a b c|hello 3 auth a b",
  "select|select 1|select 15|select 16|select -1|select x|select 99999999999999999999",
  "select 99999999999|select -99999999999|select 2147483647|slowlog get 3000000000",
  "client pause 1 foo|client pause 99999999999999999999|client pause -1|client pause x write",
  "client|client foo|client setname|client setname 'a b'|client setname ab|client getname",
  "client setname ''|client getname|client id x|client getredir|client maint_notifications on",
  "client kill 1.2.3.4:5|client kill id x|client kill id 0|client kill foo bar|client kill id",
  "client kill type foo|client kill id 99999999|client kill skipme maybe|client kill user nobody",
  "client list type foo|client list id x|client list foo|client list type|client list id 999999",
  "client reply foo|client reply skip|ping|ping z|client reply off|ping|client reply on|ping",
  "client reply off|subscribe a|psubscribe b|unsubscribe|punsubscribe|client reply on|ping",
  "hello 3|client reply off|subscribe a|publish a x|unsubscribe|client reply on|ping",
  "hello 3|client reply skip|subscribe a|client reply skip|publish a x|client reply skip|reset",
  "hello 3|client reply off|multi|ping|subscribe a|publish a x|exec|client reply on|ping",
  "exec x|multi|exec x|exec",
  "watch s:q|exec x|set s:q 1|multi|ping|exec",
  "multi|monitor|ping|exec|get s:none",
  "pubsub channels a b|pubsub shardchannels a b|PUBSUB Channels a b",
  "hello 3|client reply off|debug protocol push|client reply on",
  "client no-evict x|client no-evict on|client no-evict off|client pause x|client pause 1 foo",
  "client unblock 99999|client unblock x|client caching yes|client trackinginfo|client unpause",
  "hello 3|client trackinginfo|client list id 99999999|acl getuser default|acl getuser nobody",
  "config|config foo|config get|config set a|config set foo bar|config get nothing-like-it",
  "config set maxclients abc|config set timeout -1|config set databases 3|config rewrite",
  "config set timeout 1 timeout 2|config set timeout 0 foo|config get databases",
  "config get proto-max-bulk-len|config get SLOWLOG-L*|config get maxmemory-policy",
  "hello 3|config get timeout",
  "slowlog|slowlog foo|slowlog get x|slowlog get -2|slowlog len x",
  "latency latest|latency history x|latency graph x|latency reset|latency foo",
  "memory|memory foo|memory usage|memory usage s:none|memory usage s:none samples x|memory purge",
  "wait x 0|wait 0 x|wait 0 0|wait 1 -1|wait",
  "shutdown foo|shutdown abort|bgsave foo|time x|lastsave x|shutdown save foo",
  "shutdown save nosave|shutdown nosave now save|shutdown abort now|shutdown save save abort",
  "shutdown abort abort|shutdown force abort|multi|shutdown save nosave|exec",
  "acl whoami|acl whoami x|acl cat|acl cat foo|acl users|acl list|acl deluser|acl foo",
  "command foo|command getkeys get|command getkeys set a b|command getkeys mset a b c d",
  "command list filterby foo bar|command info foo|command docs foo|command info get",
  "hello 3|command info get|command info foo|command docs foo",
  "cluster|cluster info|cluster nodes|cluster foo|asking",
  "pubsub|pubsub foo|pubsub numsub|pubsub numsub a b|pubsub channels zz*|pubsub shardnumsub a",
  "hello 3|pubsub numsub a b|pubsub shardnumsub a b|pubsub numsub|pubsub channels zz*",
  "subscribe a|get x|ping|ping x|echo x|subscribe b a|psubscribe p*|unsubscribe zz|quit",
  "hello 3|subscribe a|get s:none|ping|unsubscribe a|unsubscribe|punsubscribe|sunsubscribe",
  "unsubscribe|punsubscribe x|ssubscribe s|get x|sunsubscribe s|ping",
  "publish nobody x|spublish nobody x|publish x",
  "subscribe self1|reset|get s:none",
  "foo|foo a 'b c'|FOO|'\\x00a'|'a\\nb' 'c\\nd'|get|get a b|set a",
  "quit now|ping",
  "reset|reset x",
  "debug populate x|debug populate -1|debug populate|debug populate 1 a -1|debug populate 1 a b",
  "debug populate 1 a 2 3|debug populate 0|debug foo|debug foo bar|debug|debug object",
  "debug object a b|debug object s:none|debug protocol|debug protocol foo|debug sleep x",
  "debug error a b|debug error 'MY err'|debug replicate x|debug change-repl-id|debug reload foo",
  "debug quicklist-packed-threshold x|debug quicklist-packed-threshold 5gb|debug pause-cron 0",
  ...["", "hello 3|"].flatMap((hello) =>
    ["string", "integer", "double", "bignum", "null", "array", "set", "map", "attrib", "push"]
      .concat(["verbatim", "true", "false"])
      .map((type) => `${hello}debug protocol ${type}|ping`),
  ),
  "role x|readonly x|lolwut version 9999",
];

test("server: sessions of every command of connections and of the server", async () => {
  const lines = sessions.map((session) => `${session.split("|").join("\r\n")}\r\n`);
  await compare(lines);
});

/** Each has all of the data for itself. */
const wholeData = [
  "flushall|debug digest|set k v|debug digest|set k 12345|expire k 1000|debug digest|flushall",
  "select 3|set a x|debug digest|debug digest-value a b a|debug digest-value|debug digest x",
  "flushall|debug populate 3|debug populate 3 foo|set bar:1 x|debug populate 2 bar 20|debug digest",
];

test("server: sessions that look at all of the data", async () => {
  for (const session of wholeData) await compare([`${session.split("|").join("\r\n")}\r\n`]);
});

test("server: inline commands, quotes and broken protocol", async () => {
  await compare([
    "PING\r\n\r\n  \r\nping\n",
    "SET i:1 \"a b\"\r\nGET i:1\r\nSET i:1 'x\\'y'\r\nGET i:1\r\n" +
      'set i:1 "\\x41\\n\\q\\""\nget i:1\n',
    'SET a "open\r\n',
    'SET a "x"y\r\n',
    "foo 'a\nb' c\r\n",
    "*1\r\n$4\r\nPINGxxPING\r\n",
    "*-1\r\n*0\r\n*1\r\n$4\r\nPING\r\n",
    "*-99999999999999\r\nPING\r\n",
    "*01\r\n",
    "*\r\n",
    "*x\r\n",
    "*2147483648\r\n",
    "*99999999999999999999\r\n",
    "*1\r\n$x\r\n",
    "*1\r\n$-1\r\n",
    "*1\r\n$\r\n",
    "*1\r\n$536870913\r\n",
    "*2\r\n$3\r\nGET\r\n$99999999999999999999\r\n",
    "*1\r\n:5\r\n",
    "*1\r\n\u0001\r\n",
    "*1\r\n\n4\r\n",
    "*1\r\n".repeat(1000),
    `*${"1".repeat(70_000)}`,
    `*1\r\n$${"1".repeat(70_000)}`,
    `*1\r\nx${"1".repeat(70_000)}`,
    "*1\r\n$4\r\nPING\r\n*1\r\n$x\r\n",
    "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
    "POST / HTTP/1.1\r\n\r\nPING\r\n",
    Buffer.concat([
      Buffer.from("*2\r\n$4\r\nECHO\r\n$256\r\n"),
      Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
      Buffer.from("\r\n"),
    ]),
    "*2\r\n$5\r\na\r\nbc\r\n$4\r\nd\r\ne\r\n",
  ]);
});
