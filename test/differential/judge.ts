/**
 * Sends the same random commands to two servers and compares every reply.
 * @module
 */
import type { RawClient } from "./client.ts";
import { describeDifference, sameReply } from "./compare.ts";
import { randomCommand } from "./generator.ts";
import { Choices } from "./random.ts";

/** Performs commands in order and gives their replies on the wire. */
export interface Candidate {
  perform(batch: readonly (readonly Buffer[])[]): Promise<Buffer[]>;
}

export interface Trial {
  readonly seed: number;
  readonly commands: number;
  readonly resp3: boolean;
}

const batchSize = 100;

/** Seeds of a run: fixed ones, and those of STRONGROOM_SEEDS ("7,8"), to repeat a failure. */
export function seeds(...fixed: number[]): number[] {
  const given = process.env.STRONGROOM_SEEDS;
  return given === undefined ? fixed : given.split(",").map(Number);
}

function nextBatch(choices: Choices): Buffer[][] {
  return choices.list(batchSize, () => randomCommand(choices));
}

/** @throws with the seed and the last commands at the first difference. */
export async function judge(
  redis: RawClient,
  candidate: Candidate,
  { seed, commands, resp3 }: Trial,
): Promise<void> {
  await redis.call("FLUSHALL");
  await redis.call("HELLO", resp3 ? "3" : "2");
  const choices = new Choices(seed * 2 + Number(resp3));
  const history: Buffer[][] = [];
  while (history.length < commands) {
    const batch = nextBatch(choices);
    const expected = await Promise.all(batch.map((args) => redis.send(args)));
    const actual = await candidate.perform(batch);
    for (let i = 0; i < batch.length; i++) {
      const args = batch[i] as Buffer[];
      const [one, other] = [expected[i] as Buffer, actual[i] as Buffer];
      history.push(args);
      if (!sameReply(args, one, other))
        throw new Error(`seed ${seed}:\n${describeDifference(history, one, other)}`);
    }
  }
}
