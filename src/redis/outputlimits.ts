/**
 * `client-output-buffer-limit`: how much a client may leave unread before it is disconnected, by
 * class, as redis.conf of Redis 7.0 describes it. Replicas do not connect here; their limits are
 * kept because tools set them. A client that watches with MONITOR is sent what it never asked for,
 * so it counts as one of pub/sub.
 * @module
 */
import { parseMemory } from "./memorysize.ts";

export interface OutputLimit {
  /** 0: none. */
  readonly hardBytes: number;
  readonly softBytes: number;
  /** How long the soft bound may be passed. */
  readonly softSeconds: number;
}

/**
 * Where a class has no hard limit: a client with more unread output than this that is sent yet
 * another reply is disconnected. One reply of any size is let through.
 */
export const outputBytesHard = 64 * 1024 * 1024;

const classes = ["normal", "slave", "pubsub"] as const;
type Class = (typeof classes)[number];

function limit(hardBytes: number, softBytes: number, softSeconds: number): OutputLimit {
  return { hardBytes, softBytes, softSeconds };
}

function classNamed(word: string): Class | null {
  const name = word.toLowerCase() === "replica" ? "slave" : word.toLowerCase();
  return classes.find((one) => one === name) ?? null;
}

export class OutputLimits {
  private readonly limits: Record<Class, OutputLimit> = {
    normal: limit(0, 0, 0),
    slave: limit(256 << 20, 64 << 20, 60),
    pubsub: limit(32 << 20, 8 << 20, 60),
  };
  /** Below this no client is looked at. */
  leastBytes = 8 << 20;

  /** Of those that are sent only what they asked for. */
  get normal(): OutputLimit {
    return this.limits.normal;
  }
  /** Of those that subscribed, and of monitors. */
  get pubsub(): OutputLimit {
    return this.limits.pubsub;
  }

  /** As CONFIG GET shows it. */
  get text(): string {
    const words = classes.map((name) => {
      const { hardBytes, softBytes, softSeconds } = this.limits[name];
      return `${name} ${hardBytes} ${softBytes} ${softSeconds}`;
    });
    return words.join(" ");
  }

  /** Takes "class hard soft seconds …", or nothing of it. @returns null, or Redis's error. */
  set(text: string): string | null {
    const words = text.split(/\s+/).filter((word) => word !== "");
    if (words.length % 4 !== 0) return "Wrong number of arguments in buffer limit configuration.";
    const changes: [Class, OutputLimit][] = [];
    for (let at = 0; at < words.length; at += 4) {
      const [name = "", hard = "", soft = "", seconds = ""] = words.slice(at, at + 4);
      const of = classNamed(name);
      if (of === null) return "Invalid client class specified in buffer limit configuration.";
      const [hardBytes, softBytes] = [parseMemory(hard), parseMemory(soft)];
      if (hardBytes === null || softBytes === null || !/^\d{1,9}$/.test(seconds))
        return "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
      changes.push([of, limit(hardBytes, softBytes, Number(seconds))]);
    }
    for (const [name, value] of changes) this.limits[name] = value;
    const bounds = [this.normal, this.pubsub].flatMap((one) => [one.hardBytes, one.softBytes]);
    this.leastBytes = Math.min(outputBytesHard, ...bounds.filter((bytes) => bytes > 0));
    return null;
  }
}
