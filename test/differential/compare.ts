/**
 * When two replies are the same. Only what the protocol leaves open may differ: the order of keys,
 * cursors, and how much of a lifetime has passed.
 * @module
 */
import { readTree, type Tree } from "./wire.ts";

/** Milliseconds that may pass between the two servers' turns. */
const driftMs = 5000;

const driftOf: Readonly<Record<string, number>> = {
  ttl: driftMs / 1000,
  expiretime: driftMs / 1000,
  pttl: driftMs,
  pexpiretime: driftMs,
};

function near(one: Tree, other: Tree, drift: number): boolean {
  if (typeof one !== "string" || typeof other !== "string") return false;
  if (!one.startsWith(":") || !other.startsWith(":")) return one === other;
  const [first, second] = [Number(one.slice(1)), Number(other.slice(1))];
  // -1 and -2 have meanings of their own.
  if (first < 0 || second < 0) return first === second;
  return Math.abs(first - second) <= drift;
}

function sorted(tree: Tree): Tree {
  if (typeof tree === "string") return tree;
  const items = tree.items.map((item) => (typeof item === "string" ? item : sorted(item)));
  return { type: tree.type, items: items.sort((a, b) => (`${a}` < `${b}` ? -1 : 1)) };
}

/** A reply with what may differ made equal. */
function settled(command: string, args: readonly Buffer[], tree: Tree): Tree {
  if (command === "keys") return sorted(tree);
  if (command === "scan" && typeof tree !== "string")
    return { type: tree.type, items: tree.items.map(sorted) };
  const idle = command === "object" && args[1]?.toString("latin1").toLowerCase() === "idletime";
  if (idle && typeof tree === "string" && tree.startsWith(":")) return ":idle";
  if (command === "randomkey" && tree !== "nil") return "$some";
  return tree;
}

/**
 * Redis remembers that INCRBYFLOAT wrote a number as text until the next plain write; here the
 * bytes alone decide. So where Redis says embstr and unshared, int and shared may stand. And where
 * SETBIT or BITFIELD found every bit as it should be, Redis says raw, and here nothing has changed.
 */
function sameObject(args: readonly Buffer[], one: Tree, other: Tree): boolean {
  const subcommand = args[1]?.toString("latin1").toLowerCase();
  if (subcommand === "encoding")
    return (
      (one === "$embstr" && other === "$int") ||
      (one === "$raw" && (other === "$int" || other === "$embstr"))
    );
  return subcommand === "refcount" && one === ":1" && other === ":2147483647";
}

/** @param queued - Commands since MULTI, if `args` is EXEC. */
export function sameReply(
  args: readonly Buffer[],
  one: Buffer,
  other: Buffer,
  queued: readonly (readonly Buffer[])[] = [],
): boolean {
  return one.equals(other) || sameTree(args, readTree(one), readTree(other), queued);
}

function sameTree(
  args: readonly Buffer[],
  one: Tree,
  other: Tree,
  queued: readonly (readonly Buffer[])[],
): boolean {
  const command = (args[0] as Buffer).toString("latin1").toLowerCase();
  if (command === "exec" && typeof one !== "string" && typeof other !== "string")
    return (
      one.items.length === other.items.length &&
      queued.every((inner, i) => sameTree(inner, one.items[i]!, other.items[i]!, []))
    );
  const first = settled(command, args, one);
  const second = settled(command, args, other);
  const drift = driftOf[command];
  if (drift !== undefined) return near(first, second, drift);
  if (command === "object" && sameObject(args, first, second)) return true;
  return JSON.stringify(first) === JSON.stringify(second);
}

/** The commands before a difference, and both replies, for people. */
export function describeDifference(
  history: readonly (readonly Buffer[])[],
  one: Buffer,
  other: Buffer,
): string {
  const show = (bytes: Buffer): string => JSON.stringify(bytes.toString("latin1"));
  const lines = history.slice(-12).map((args) => `  ${args.map(show).join(" ")}`);
  return [...lines, `redis:      ${show(one)}`, `strongroom: ${show(other)}`].join("\n");
}
