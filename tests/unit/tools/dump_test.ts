/** dump: every kind of file as lines, what is damaged is said, and nothing a terminal obeys. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { Codec } from "../../../src/codec/codec.ts";
import { dump, type DumpOptions } from "../../../src/tools/dump.ts";
import { encodeBatch, encodeRecord } from "../../support/batches.ts";
import { FIRST_TIME, named, TestDirectory, TOPIC_ID } from "../../support/data_directory.ts";

const OTHER_ID = "6d56ff71-2b39-47a9-8d3f-4ef52ca23466";

function directory(): TestDirectory {
  const made = new TestDirectory();
  made.topic("orders");
  const topicId = OTHER_ID;
  made.topics.push({ name: "new", topicId, partitions: 2, config: [], state: "creating" });
  made.catalogue();
  const codecs = Object.values(Codec);
  made.log("orders-0", [
    codecs.map((codec) => ({ count: 2, codec, producerId: 7 })),
    [{ count: 3, epoch: 4 }],
  ]);
  made.snapshot("orders-0", 10, 9);
  made.checkpoint("orders-0/leader-epoch-checkpoint", ["0 0", "4 10"]);
  made.checkpoint("recovery-point-offset-checkpoint", ["orders 0 13"]);
  return made;
}

const DEFAULTS: DumpOptions = {
  records: false,
  fromOffset: 0,
  limit: Infinity,
  json: false,
  encoding: "text",
};

function run(
  path: string,
  options: Partial<DumpOptions> = {},
): { lines: string[]; damaged: boolean } {
  const state = { damaged: false, left: 0 };
  const steps = [...dump(libc, path, { ...DEFAULTS, ...options }, state)];
  return { lines: steps.filter((line) => line !== null), damaged: state.damaged };
}

test("batches of all segments of a partition, a line each", () => {
  const made = directory();
  const { lines, damaged } = run(made.path("orders-0"));
  assert.ok(!damaged);
  const batches = made.batches.get("orders-0")!;
  assert.equal(
    lines[0],
    `file=${named(0, ".log")} size=${made.read(`orders-0/${named(0, ".log")}`).length}`,
  );
  assert.match(lines[6]!, new RegExp(`^file=${named(10, ".log")} size=`));
  const codecs = ["none", "gzip", "snappy", "lz4", "zstd", "none"];
  [...lines.slice(1, 6), lines[7]!].forEach((line, at) => {
    const { baseOffset, lastOffset, position, size, maxTimestamp } = batches[at]!;
    const count = lastOffset - baseOffset + 1;
    const producer = at < 5
      ? `producerId=7 producerEpoch=0 baseSequence=${baseOffset}`
      : "producerId=-1";
    assert.ok(
      line.startsWith(
        `baseOffset=${baseOffset} lastOffset=${lastOffset} count=${count} position=${position} ` +
          `size=${size} codec=${codecs[at]} epoch=${at < 5 ? 0 : 4} ${producer}`,
      ),
      line,
    );
    assert.ok(line.endsWith(`maxTimestamp=${maxTimestamp} crc=ok`), line);
  });
  assert.deepEqual(run(made.root).lines.length, lines.length, "a data directory: all partitions");
});

test("records of every codec, from an offset and up to a limit", () => {
  const made = directory();
  const { lines } = run(made.path("orders-0"), { records: true, fromOffset: 3, limit: 5 });
  const records = lines.filter((line) => line.startsWith("  "));
  assert.deepEqual(
    records.map((line) => /^ {2}offset=(\d+)/.exec(line)?.[1]),
    ["3", "4", "5", "6", "7"],
  );
  const value = "value 4 ".padEnd(40, "a");
  const start = `  offset=4 timestamp=${
    FIRST_TIME + 4
  } key="k4" value="${value}" headers={"h"=null}`;
  assert.ok(records[1]!.startsWith(start), String(records[1]));
});

test("lines of JSON say the same", () => {
  const made = directory();
  const { lines } = run(made.path("orders-0"), { records: true, json: true, fromOffset: 12 });
  const rows = lines.map((line) => JSON.parse(line));
  assert.deepEqual(rows[rows.length - 1], {
    offset: 12,
    timestamp: FIRST_TIME + 12,
    key: "k12",
    value: "value 12 ".padEnd(40, "a"),
  });
  assert.equal(rows[rows.length - 2].baseOffset, 10);
});

test("bytes come as text, hex or base64, null as null, and never as they are", () => {
  const made = directory();
  const escape = new TextEncoder().encode("\u001b]0;x\u0007");
  const record = {
    key: null,
    value: escape,
    headers: [{ key: "\u009b", value: Uint8Array.of(255) }],
  };
  const path = "other-0/00000000000000000000.log";
  made.write(path, encodeBatch(encodeRecord(record, 0), 1));
  const shown = (options: Partial<DumpOptions>) => {
    const { lines } = run(made.path(path), { records: true, ...options });
    assert.match(lines.join(""), /^[ -~]*$/);
    return lines[lines.length - 1]!.replace(/^.*timestamp"?[=:]\d+[ ,]/, "");
  };
  assert.equal(shown({}), 'key=null value="\\u{1b}]0;x\\u{7}" headers={"\\u{9b}"="\\xff"}');
  assert.match(shown({ encoding: "hex" }), /^key=null value=1b5d303b7807 /);
  assert.match(shown({ encoding: "base64" }), /^key=null value=G10wO3gH /);
  const json = `{${shown({ json: true })}`;
  assert.deepEqual(JSON.parse(json), {
    key: null,
    value: "\u001b]0;x\u0007",
    headers: [["\u009b", { base64: "/w==" }]],
  });
});

test("indexes, snapshots, checkpoints, metadata and the catalogue", () => {
  const made = directory();
  const batches = made.batches.get("orders-0")!;
  const files: readonly [string, string[]][] = [
    [
      `orders-0/${named(0, ".index")}`,
      batches.slice(1, 5).map(({ lastOffset, position }) =>
        `offset=${lastOffset} position=${position}`
      ),
    ],
    [
      `orders-0/${named(0, ".timeindex")}`,
      batches.slice(1, 5).map((batch) =>
        `timestamp=${batch.maxTimestamp} offset=${batch.lastOffset}`
      ),
    ],
    [`orders-0/${named(10, ".snapshot")}`, [
      "producerId=7 producerEpoch=0 lastSequence=0 lastOffset=9 offsetDelta=0 " +
      `timestamp=${FIRST_TIME} coordinatorEpoch=0 currentTxnFirstOffset=-1`,
    ]],
    ["orders-0/leader-epoch-checkpoint", ["epoch=0 startOffset=0", "epoch=4 startOffset=10"]],
    ["orders-0/partition.metadata", [`topicId=${TOPIC_ID}`]],
    ["recovery-point-offset-checkpoint", ["topic=orders partition=0 offset=13"]],
    ["catalogue", [
      "clusterId=a0b1c2d3-0000-4000-8000-000000000001 nodeEpoch=0 nextProducerId=0",
      `topic=orders topicId=${TOPIC_ID} partitions=1 config=`,
      `creating=new topicId=${OTHER_ID} partitions=2 config=`,
    ]],
  ];
  for (const [name, expected] of files) {
    assert.deepEqual(run(made.path(name)), { lines: expected, damaged: false }, name);
  }
  const index = `orders-0/${named(0, ".index")}`;
  assert.equal(run(made.path(index), { fromOffset: 4, limit: 1 }).lines.length, 1);
  made.write(`${index}.damaged-1`, made.read(index));
  assert.equal(run(made.path(`${index}.damaged-1`)).lines.length, 4, "a copy that repair kept");
});

test("a batch that is damaged is printed as far as it can be, its records are not", () => {
  const made = directory();
  const { position, size } = made.batches.get("orders-0")![1]!;
  const path = `orders-0/${named(0, ".log")}`;
  made.change(path, (bytes) => {
    bytes[position + 65]! ^= 1;
  });
  const { lines, damaged } = run(made.path(path), { records: true });
  assert.ok(damaged);
  const at = lines.findIndex((line) => line.endsWith("crc=wrong"));
  assert.match(lines[at]!, /^baseOffset=2 lastOffset=3 /);
  const text = "damaged=the checksum of a batch does not fit";
  assert.equal(lines[at + 1], `${text} position=${position} size=${size}`);
  assert.match(lines[at + 2]!, /^baseOffset=4 /, "and the next batch follows");
  made.change("orders-0/leader-epoch-checkpoint", () => new TextEncoder().encode("0\n7\n"));
  assert.ok(run(made.path("orders-0/leader-epoch-checkpoint")).damaged);
});

test("what cannot be dumped is refused with a reason", () => {
  const made = directory();
  made.write("notes.txt", "hello");
  assert.throws(() => run(made.path("notes.txt")), /is of no kind that can be dumped/);
  assert.throws(() => run(made.path("nothing.log")), /does not exist/);
  assert.throws(() => run(made.path("nowhere/nothing.log")), /does not exist/);
  made.write("empty/x", "");
  assert.throws(() => run(made.path("empty")), /holds no segment and no partition/);
});

test("passing over many batches is done in steps, in which a caller may leave", () => {
  const made = new TestDirectory();
  made.topic("orders");
  made.catalogue();
  made.log("orders-0", [Array.from({ length: 40 }, () => ({ count: 1 }))]);
  const options = { ...DEFAULTS, fromOffset: 100 };
  const steps = [...dump(libc, made.path("orders-0"), options, { damaged: false, left: 0 })];
  assert.ok(steps.filter((line) => line === null).length >= 2, "without a line");
  assert.equal(steps.filter((line) => line !== null).length, 1, "the name of the file");
});
