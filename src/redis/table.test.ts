// Goal: commands are found whatever the case of their name, and nothing else is found.
import fc from "fast-check";
import { expect, test } from "vitest";
import { commands } from "../commands/table.ts";
import { serverCommands } from "./commands.ts";
import { makeTable } from "./table.ts";

const table = makeTable(commands, serverCommands);

test("table: every name is found in any case", () => {
  for (const entry of table.entries)
    for (const name of [entry.name, entry.name.toUpperCase(), ` ${entry.name}`.slice(1)]) {
      const bytes = Buffer.from(`x${name}y`);
      expect(table.find(bytes, 1, bytes.length - 1)).toBe(entry);
    }
});

test("table: bytes that only resemble a name are not found", () => {
  const names = new Set(table.entries.map(({ name }) => name));
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(...names).chain((name) =>
      fc.tuple(fc.nat(name.length - 1), fc.nat(255)).map(([at, byte]) => {
        const changed = Buffer.from(name);
        changed[at] = byte;
        return changed;
      }),
    ),
  );
  fc.assert(
    fc.property(bytes, (data) => {
      const found = table.find(Buffer.from(data), 0, data.length);
      const name = Buffer.from(data).toString("latin1");
      const lower = name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
      expect(found?.name ?? null).toBe(names.has(lower) ? lower : null);
    }),
    { numRuns: 2000 },
  );
});
