/**
 * Random transactions on two connections to each of two servers: MULTI, EXEC, DISCARD, WATCH and
 * UNWATCH in sensible and wrong places, while the other connection writes.
 * @module
 */
import type { RawClient } from "./client.ts";
import { describeDifference, sameReply } from "./compare.ts";
import { randomCommand } from "./generator.ts";
import type { Trial } from "./judge.ts";
import { Choices } from "./random.ts";

const words = (...args: string[]): Buffer[] => args.map((arg) => Buffer.from(arg));

/** What a connection has queued since MULTI; null outside of a transaction. */
type Queue = Buffer[][] | null;

/** A command for a connection in this state. */
function nextStep(choices: Choices, queue: Queue): Buffer[] {
  if (choices.once(40)) return words(choices.of(["MULTI", "EXEC", "DISCARD", "UNWATCH"]));
  if (choices.once(40)) return words("WATCH", choices.of(["a", "b"]));
  if (choices.once(60)) return words("NOSUCHCOMMAND", "x");
  if (queue !== null) return choices.once(4) ? words("exec") : randomCommand(choices);
  if (choices.once(4)) return words("MULTI");
  if (choices.once(4)) return words("watch", choices.of(["a", "b", "c"]), choices.of(["a", "d"]));
  return randomCommand(choices);
}

function queueAfter(queue: Queue, args: Buffer[], reply: Buffer): Queue {
  const command = (args[0] as Buffer).toString("latin1").toLowerCase();
  const text = reply.toString("latin1");
  if (command === "multi" && text.startsWith("+OK")) return [];
  if (command === "discard" && text.startsWith("+OK")) return null;
  if (command === "exec") return null;
  if (queue !== null && text.startsWith("+QUEUED")) return [...queue, args];
  return queue;
}

async function prepare(clients: readonly RawClient[], resp3: boolean): Promise<void> {
  for (const client of clients) {
    await client.call("DISCARD");
    await client.call("HELLO", resp3 ? "3" : "2");
  }
  await clients[0]?.call("FLUSHALL");
}

/** @throws with the seed and the last commands at the first difference. */
export async function judgeTransactions(
  redis: readonly RawClient[],
  node: readonly RawClient[],
  { seed, commands, resp3 }: Trial,
): Promise<void> {
  await prepare(redis, resp3);
  await prepare(node, resp3);
  const choices = new Choices(seed * 2 + Number(resp3));
  const queues: Queue[] = redis.map(() => null);
  const history: Buffer[][] = [];
  for (let n = 0; n < commands; n++) {
    const at = choices.below(redis.length);
    const queue = queues[at] as Queue;
    const args = nextStep(choices, queue);
    const [one, other] = await Promise.all([
      (redis[at] as RawClient).send(args),
      (node[at] as RawClient).send(args),
    ]);
    history.push([Buffer.from(`${at}:`), ...args]);
    if (!sameReply(args, one, other, queue ?? []))
      throw new Error(`seed ${seed}:\n${describeDifference(history, one, other)}`);
    queues[at] = queueAfter(queue, args, one);
  }
}
