// Goal: what the node keeps for itself is read back as it was written, byte for byte as documented,
// and nothing else is accepted.
import { expect, test } from "vitest";
import { controlTables } from "../control/records.ts";
import { rowText, rowValue } from "../control/rowtext.ts";
import {
  type LocalRow,
  nodeRow,
  type RequestRow,
  readLocalRows,
  requestIdRow,
  rewriteRow,
} from "./localrows.ts";

const request = Buffer.from("00112233445566778899aabbccddeeff", "hex");
const done: RequestRow = { request, ordinal: 7, appliedIndex: 513, kind: "throttle", keyId: 4 };
const rewrite = {
  keyId: 4,
  state: "paused",
  bytesTotal: 1000,
  recordsTotal: 9,
  bytesPerSecond: 0,
} as const;

const vectors: [string, LocalRow, string, string][] = [
  ["node", nodeRow("n1"), Buffer.from("node").toString("hex"), "016e31"],
  [
    "rewrite",
    rewriteRow(4, rewrite),
    `${Buffer.from("rewrite|").toString("hex")}00000004`,
    "010200000000000003e800000000000000090000000000000000",
  ],
  [
    "request",
    requestIdRow(request, done),
    `${Buffer.from("request|").toString("hex")}00112233445566778899aabbccddeeff`,
    "01000000000000000700000000000002010400000004",
  ],
];

test.each(vectors)("local rows: %s stands as documented", (_name, row, key, value) => {
  expect(row.key.toString("hex")).toBe(key);
  expect(rowValue(row.value).toString("hex")).toBe(value);
});

test("local rows: what was written is read back, other tables and deleted rows are not", () => {
  const other: LocalRow = { ...nodeRow("other"), table: controlTables.keyring };
  const gone = [rewriteRow(5, null), requestIdRow(Buffer.alloc(16, 1), null)];
  const rows = [...vectors.map(([, row]) => row), other, ...gone];
  expect(readLocalRows(rows)).toEqual({ nodeId: "n1", rewrites: [rewrite], requests: [done] });
});

test("local rows: truncated, longer, of another version, kind or name: refused", () => {
  for (const [name, row] of vectors.slice(1)) {
    const value = rowValue(row.value);
    const changed = (to: Buffer): LocalRow => ({ ...row, value: rowText(to) });
    const spoiled = [
      ...Array.from({ length: value.length }, (_, length) => changed(value.subarray(0, length))),
      changed(Buffer.concat([value, Buffer.alloc(1)])),
      changed(Buffer.concat([Buffer.of(2), value.subarray(1)])),
      { ...row, key: Buffer.concat([row.key, Buffer.of(0)]) },
      { ...row, key: row.key.subarray(1) },
    ];
    const kindAt = name === "rewrite" ? 1 : 17;
    for (const kind of [0, 9]) {
      const copy = Buffer.from(value);
      copy[kindAt] = kind;
      spoiled.push(changed(copy));
    }
    for (const bad of spoiled) expect(() => readLocalRows([bad])).toThrow();
  }
});
