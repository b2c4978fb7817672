/**
 * The load of the durability tests: each writer has one connection and keys of its own, draws
 * random commands, and tells the oracle of each before it is sent.
 * @module
 */
import { Unit } from "./oracle.ts";
import { type Argument, type Client, ConnectionLost, type Reply, ServerError } from "./resp.ts";

/** xorshift32: the same seed draws the same numbers. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** An integer in [0, below). */
  below(below: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state % below;
  }

  /** 1 to `max` random characters of one byte; small sizes are as likely as large ones. */
  text(max: number): string {
    const length = 1 + this.below(Math.min(max, 2 ** (1 + this.below(Math.log2(max)))));
    const unit = this.below(2 ** 31).toString(36);
    return unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
  }
}

interface Step {
  readonly commands: readonly (readonly Argument[])[];
  readonly replies: readonly Reply[];
  readonly unit: Unit | null;
}

const appendedMax = 32 * 1024;

export class Writer {
  readonly strings: Unit[];
  readonly counters: Unit[];
  readonly pairs: Unit[];
  readonly wrong: string[] = [];
  acknowledged = 0;
  /** The server was told to stop: errors are allowed. */
  stopping = false;
  readonly #dice: Dice;

  constructor(number: number, seed: number) {
    const units = (count: number, keys: (at: number) => string[]) =>
      Array.from({ length: count }, (_, at) => new Unit(...keys(at)));
    this.strings = units(40, (at) => [`w${number}:s${at}`]);
    this.counters = units(8, (at) => [`w${number}:n${at}`]);
    this.pairs = units(8, (at) => [`w${number}:p${at}a`, `w${number}:p${at}b`]);
    this.#dice = new Dice(seed * 31 + number * 7919 + 1);
  }

  get units(): Unit[] {
    return [...this.strings, ...this.counters, ...this.pairs];
  }

  /** Sends until the connection ends, `stopped` says so or a reply is wrong. */
  async run(client: Client, stopped: () => boolean): Promise<void> {
    try {
      while (!stopped() && this.wrong.length === 0) {
        const burst = this.#dice.below(10) < 3 ? 2 + this.#dice.below(30) : 1;
        await this.#perform(
          client,
          Array.from({ length: burst }, () => this.#draw()),
        );
      }
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
    } finally {
      client.close();
    }
  }

  async #perform(client: Client, steps: readonly Step[]): Promise<void> {
    const sent = client.sendAll(steps.flatMap((step) => step.commands));
    let at = 0;
    for (const step of steps) {
      const replies = await Promise.all(sent.slice(at, at + step.commands.length));
      at += step.commands.length;
      if (this.stopping && replies.some((reply) => reply instanceof ServerError)) return;
      if (JSON.stringify(replies) !== JSON.stringify(step.replies)) {
        this.wrong.push(wrongReply(step, replies));
        return;
      }
      this.acknowledged++;
      step.unit?.acknowledge();
    }
  }

  #draw(): Step {
    const roll = this.#dice.below(100);
    if (roll < 20) return this.#increment();
    if (roll < 35) return this.#transaction();
    const unit = this.strings[this.#dice.below(this.strings.length)] as Unit;
    const [key] = unit.keys as [string];
    const [value] = unit.latest as [string | null];
    if (roll < 45) return { commands: [["GET", key]], replies: [value], unit: null };
    if (roll < 53) return this.#change(unit, ["DEL", key], value === null ? 0 : 1, null);
    if (roll < 68 && (value?.length ?? 0) < appendedMax) {
      const added = this.#dice.text(4096);
      const after = (value ?? "") + added;
      return this.#change(unit, ["APPEND", key, added], after.length, after);
    }
    const after = this.#dice.text(16 * 1024);
    return this.#change(unit, ["SET", key, after], "OK", after);
  }

  #change(unit: Unit, command: Argument[], reply: Reply, after: string | null): Step {
    unit.begin([after]);
    return { commands: [command], replies: [reply], unit };
  }

  #increment(): Step {
    const unit = this.counters[this.#dice.below(this.counters.length)] as Unit;
    const next = Number(unit.latest[0] ?? 0) + 1;
    return this.#change(unit, ["INCR", unit.keys[0] as string], next, String(next));
  }

  /** Two keys set, or both deleted, in one transaction. */
  #transaction(): Step {
    const unit = this.pairs[this.#dice.below(this.pairs.length)] as Unit;
    const [one, other] = unit.keys as [string, string];
    const deletes = this.#dice.below(5) === 0;
    const after = deletes ? [null, null] : [this.#dice.text(2048), this.#dice.text(2048)];
    const commands = deletes
      ? [
          ["DEL", one],
          ["DEL", other],
        ]
      : [
          ["SET", one, after[0] as string],
          ["SET", other, after[1] as string],
        ];
    const results = deletes ? unit.latest.map((value) => (value === null ? 0 : 1)) : ["OK", "OK"];
    unit.begin(after);
    return {
      commands: [["MULTI"], ...commands, ["EXEC"]],
      replies: ["OK", "QUEUED", "QUEUED", results],
      unit,
    };
  }
}

function wrongReply(step: Step, replies: readonly Reply[]): string {
  const short = (reply: Reply) =>
    reply instanceof ServerError ? `-${reply.message}` : JSON.stringify(reply).slice(0, 60);
  const commands = step.commands.map((command) => command.slice(0, 2).join(" ")).join("; ");
  return `${commands}: got ${replies.map(short)}, expected ${step.replies.map(short)}`;
}

/**
 * Reads every unit and compares.
 * @param others - Keys that stand beside those of the writers.
 * @returns everything that is wrong.
 */
export async function checkUnits(
  client: Client,
  writers: readonly Writer[],
  others = 0,
): Promise<string[]> {
  const problems: string[] = [];
  let expected = others;
  for (const unit of writers.flatMap((writer) => writer.units)) {
    const found = (await client.call("MGET", ...unit.keys)) as (string | null)[];
    expected += found.filter((value) => value !== null).length;
    const problem = unit.observe(found);
    if (problem !== "") problems.push(problem);
  }
  const keys = await client.call("DBSIZE");
  if (keys !== expected) problems.push(`DBSIZE is ${keys}, but ${expected} keys are known`);
  return problems;
}
