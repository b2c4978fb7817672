/**
 * Why a command is not performed: the checks of Redis 7.0's processCommand (server.c), in its
 * order and with its texts. What a text quotes of the request is cut and is latin1.
 * @module
 */
import { isLoopbackEndpoint } from "../base/address.ts";
import type { Args } from "../commands/args.ts";
import type { Peer, ServerContext, Session, TableEntry } from "./context.ts";
import { subscriptions } from "./session.ts";

/** Bytes of the request that an error may quote. */
const quotedBytesMax = 128;

/** As C prints it: up to the first NUL. */
function quoted(buffer: Buffer, start: number, end: number, bytesMax: number): string {
  const text = buffer.toString("latin1", start, Math.min(end, start + bytesMax));
  const zero = text.indexOf("\0");
  return zero < 0 ? text : text.slice(0, zero);
}

/** `buffer` holds all arguments, the name first. */
export function unknownCommand(
  buffer: Buffer,
  starts: readonly number[],
  ends: readonly number[],
  argc: number,
): string {
  const name = quoted(buffer, starts[0], ends[0], quotedBytesMax);
  let args = "";
  for (let i = 1; i < argc && args.length < quotedBytesMax; i++)
    args += `'${quoted(buffer, starts[i], ends[i], quotedBytesMax - args.length)}' `;
  return `ERR unknown command '${name}', with args beginning with: ${args}`;
}

export function unknownSubcommand(container: string, args: Args): string {
  const name = quoted(args.buffer, args.start(0), args.end(0), quotedBytesMax);
  return `ERR unknown subcommand '${name}'. Try ${container.toUpperCase()} HELP.`;
}

const subscribedCommands = new Set([
  "ping",
  "subscribe",
  "ssubscribe",
  "sunsubscribe",
  "unsubscribe",
  "psubscribe",
  "punsubscribe",
  "quit",
  "reset",
]);

const debugRefused =
  "ERR DEBUG command not allowed. If the enable-debug-command option is set to " +
  '"local", you can run it from a local connection, otherwise you need to set this option ' +
  "in the configuration file, and then restart the server.";

/** The whole error text, or null if the command may be performed or queued. */
export function refusal(server: ServerContext, peer: Peer, entry: TableEntry): string | null {
  const { session } = peer;
  if (entry.name === "debug" && !debugAllowed(server, peer)) return debugRefused;
  if (!session.authenticated && !entry.flags.has("no_auth"))
    return "NOAUTH Authentication required.";
  if (session.transaction !== null && entry.flags.has("no_multi"))
    return "ERR Command not allowed inside a transaction";
  if (peer.protocol === 2 && subscriptions(session) > 0 && !subscribedCommands.has(entry.name))
    return (
      `ERR Can't execute '${entry.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / ` +
      "PING / QUIT / RESET are allowed in this context"
    );
  // To Redis a monitor is a kind of replica.
  if (session.monitor && (mayReplicate(entry) || entry.flags.has("readonly")))
    return "ERR Replica can't interact with the keyspace";
  return null;
}

/** Redis's CMD_MAY_REPLICATE, and writes. */
export function mayReplicate(entry: TableEntry): boolean {
  return entry.isWrite || entry.name === "publish" || entry.name === "spublish";
}

/** True if CLIENT PAUSE WRITE holds it. */
export function isHeldAsWrite(session: Session, entry: TableEntry): boolean {
  return entry.name === "exec" ? session.transaction?.replicates === true : mayReplicate(entry);
}

function debugAllowed(server: ServerContext, peer: Peer): boolean {
  const setting = server.settings.get("enable-debug-command");
  if (setting === "yes") return true;
  return setting === "local" && (peer.unix || isLoopbackEndpoint(peer.address));
}

const notQueued = new Set(["exec", "discard", "multi", "watch", "quit", "reset"]);

/** True if this command is queued while a transaction is open. */
export function isQueued(entry: TableEntry): boolean {
  return !notQueued.has(entry.name);
}
