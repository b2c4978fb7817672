// Goal, confidentiality: no password that was sent stands in SLOWLOG or in a line of MONITOR.
// Method: each line is sent with words that hold "secret"; what else it held is shown.
import { expect, test } from "vitest";
import { FakeServer } from "./testing/fake.ts";

/** What is sent, and what SLOWLOG shows of it. */
const lines: [sent: string, shown: string][] = [
  ["acl setuser secret >secret1 on", "acl setuser (redacted) (redacted) (redacted)"],
  ["config set masterauth secret1", "config set masterauth (redacted)"],
  [
    "config set timeout 5 MASTERUSER secret1 masterauth secret2",
    "config set timeout 5 MASTERUSER (redacted) masterauth (redacted)",
  ],
  ["config set tls-key-file-pass secret1", "config set tls-key-file-pass (redacted)"],
  [
    "config set tls-client-key-file-pass secret1 foo bar",
    "config set tls-client-key-file-pass (redacted) foo bar",
  ],
  ["config set foo requirepass secret1", "config set foo requirepass (redacted)"],
  ["auth secret1", "auth (redacted)"],
  ["auth default secret1", "auth (redacted) (redacted)"],
  ["auth default secret1 secret2", "auth (redacted) (redacted) (redacted)"],
  ["hello 2 AUTH default secret1 setname n", "hello 2 AUTH (redacted) (redacted) setname n"],
  ["hello 2 foo auth default secret1", "hello 2 foo auth (redacted) (redacted)"],
  ["hello auth default secret1", "hello auth (redacted) (redacted)"],
  ["hello 3 auth secret1", "hello 3 auth (redacted)"],
];

function tightServer(): FakeServer {
  const server = new FakeServer();
  server.connect().call("config set slowlog-log-slower-than 0");
  return server;
}

test.each(lines)("confidentiality: SLOWLOG of %s", (sent, shown) => {
  const server = tightServer();
  server.connect().call(sent);
  expect(server.redis.slowLog[0]?.args.join(" ")).toBe(shown);
});

test.each(lines)("confidentiality: SLOWLOG of a transaction with %s", (sent) => {
  const client = tightServer().connect();
  client.call("multi", sent, "exec");
  const reply = client.call("slowlog get 100");
  expect(reply).toContain("(redacted)");
  expect(reply).not.toContain("secret");
});

test.each(lines)("confidentiality: MONITOR beside %s", (sent) => {
  const server = tightServer();
  const monitor = server.connect();
  monitor.call("monitor");
  server.connect().call(sent, "multi", sent, "exec");
  expect(monitor.transport.sent()).not.toContain("secret");
});

test("secrets: MONITOR shows who logs in, as Redis does, and nothing of the password", () => {
  const server = tightServer();
  const monitor = server.connect();
  monitor.call("monitor");
  server.connect().call("auth default secret1", "hello 3 auth default secret1", "reset");
  const shown = monitor.transport.sent().replace(/\+\S+ \[\S+ \S+\] /g, "");
  expect(shown).toBe(
    '"auth" "(redacted)" "(redacted)"\r\n' +
      '"hello" "3" "auth" "(redacted)" "(redacted)"\r\n"reset"\r\n',
  );
});
