/**
 * A program that has Strongroom as a dependency: `installed.ts DATA-DIR KEK-FILE`. It is copied
 * into a project of its own, checked there against the declarations of the package, and run.
 * @module
 */
import { type OpenOptions, open, ReplyError, StrongroomError } from "strongroom";

const [dataDir = "", kek = ""] = process.argv.slice(2);
const where: OpenOptions = { dataDir, kek: `file:${kek}` };

const db = await open(where);
const done: string | null = await db.execute("SET", "greeting", "hello");
const greeting: string | null = await db.execute("GET", "greeting");
const count: number | bigint = await db.execute("INCRBY", "visits", 41);
const bytes = await db.executeBytes("GET", "greeting");
// @ts-expect-error The types are there: GET is answered with text, not with a number.
const wrong: number = await db.execute("GET", "visits");
const refused = await db.execute("INCR", "greeting").catch((error: unknown) => error);
const { primitives } = db.status();
await db.close();
const closed = await db.execute("GET", "greeting").catch((error: unknown) => error);

const again = await open(where);
const kept: string | null = await again.execute("GET", "greeting");
const next: number | bigint = await again.execute("INCR", "visits");
await again.close();

console.log(
  JSON.stringify({
    ...{ done, greeting, count, wrong, kept, next, primitives },
    bytes: Buffer.isBuffer(bytes),
    refused: refused instanceof ReplyError,
    closed: closed instanceof StrongroomError && closed.code,
  }),
);
