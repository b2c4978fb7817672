/**
 * The queue of MULTI. Data commands go to the engine at EXEC; what belongs to the server runs at
 * its place between them.
 * @module
 */
import type { Args } from "../commands/args.ts";
import type { Peer, ServerContext, TableEntry, Transaction } from "./context.ts";
import { mayReplicate } from "./refusals.ts";

/** Bytes of arguments that one transaction may hold. */
const transactionBytesMax = 512 * 1024 * 1024;
/** What one queued command costs besides its arguments. */
const overheadBytes = 200;

type Runner = ServerContext & {
  countError(entry: TableEntry, text: string): void;
  run(peer: Peer, entry: TableEntry, args: Args, reply: never): unknown;
};

/** @param args - Owned by the transaction from now on. @returns null, or the error text. */
export function queueCommand(
  server: ServerContext & Pick<Runner, "run" | "countError">,
  peer: Peer,
  transaction: Transaction,
  entry: TableEntry,
  args: Args,
): string | null {
  const bytes = transaction.bytes + args.buffer.length + overheadBytes;
  if (bytes > transactionBytesMax) return "ERR Transaction is larger than this server takes";
  transaction.bytes = bytes;
  if (mayReplicate(entry)) transaction.replicates = true;
  const { spec } = entry;
  if (spec !== null) {
    entry.figures.calls++;
    if (entry.isWrite) transaction.writes = true;
    transaction.commands.push({ spec, db: transaction.db, args, local: null });
    return null;
  }
  if (entry.server?.answersLater?.(args)) return "ERR Command not allowed inside a transaction";
  transaction.local = true;
  if (entry.name === "select") noteSelect(server, transaction, args);
  transaction.commands.push({
    spec: null,
    db: transaction.db,
    args,
    local: (reply) => {
      // Whoever was ended by a command before this one must not subscribe to anything any more.
      if (!server.peers.has(peer.id)) return;
      entry.figures.calls++;
      const refused = entry.server?.refusedInExec;
      if (refused !== undefined) {
        server.countError(entry, refused);
        reply.error(refused);
        return;
      }
      server.run(peer, entry, args, reply as never);
    },
  });
  return null;
}

/** Commands queued after a SELECT belong to the database that it will select. */
function noteSelect(server: ServerContext, transaction: Transaction, args: Args): void {
  const text = args.text(0);
  const db = /^\d{1,4}$/.test(text) ? Number(text) : -1;
  if (db >= 0 && db < server.engine.databaseCount) transaction.db = db;
}
