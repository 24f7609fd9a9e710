/** adopt: a Kafka log directory becomes Sluice's by one file, or is refused and left as it was. */
import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { test } from "node:test";
import { libc } from "#ffi";
import { AT_FDCWD, LOCK_EX, O_CREAT, O_RDONLY, O_RDWR } from "../../../ffi/constants.ts";
import { formatPartitionMetadata } from "../../../src/format/checkpoint.ts";
import { type CatalogueContent, loadCatalogue } from "../../../src/log/catalogue.ts";
import { RECOVERY_POINT_FILE } from "../../../src/format/file_names.ts";
import { DataDirectory } from "../../../src/log/data_directory.ts";
import { PartitionKind } from "../../../src/log/opened_log.ts";
import { adopt } from "../../../src/tools/adopt.ts";
import { ToolError } from "../../../src/tools/places.ts";
import { verify } from "../../../src/tools/verify.ts";
import {
  batchOf,
  concat,
  encodeBatch,
  sameBytes,
  slowCrc32c,
  stamped,
} from "../../support/batches.ts";
import { named, TestDirectory, TOPIC_ID } from "../../support/data_directory.ts";
import { LogWorld } from "../../support/log_world.ts";

/** Nothing that Kafka kept goes by its age. */
const KEEP = [{ key: "retention.ms", value: "-1" }];

const OTHER_ID = "6d56ff71-2b39-47a9-8d3f-4ef52ca23466";

/** Two topics, what Kafka keeps beside them, and what it left over. */
function directory(): TestDirectory {
  const made = new TestDirectory();
  made.topic("orders", 3);
  made.topic("a.b-c", 1, OTHER_ID);
  made.log("orders-0", [[{ count: 3, epoch: 2 }], [{ count: 1, epoch: 5, producerId: 2041 }]]);
  made.log("orders-1", [[{ count: 1, epoch: 1 }]]);
  made.write("orders-2/leader-epoch-checkpoint", "");
  made.log("a.b-c-0", [[{ count: 2 }]]);
  made.write(`a.b-c-0/${named(0, ".log")}.deleted`, "old");
  made.log("__cluster_metadata-0", [[{ count: 1 }]]);
  made.write("x-0.0123456789abcdef0123456789abcdef-delete/x", "");
  made.write("meta.properties", "#\nnode.id=1\nversion=1\ncluster.id=TDXf39s0hbCuwNtENQNevw\n");
  made.cleanStop();
  return made;
}

function run(made: TestDirectory, isDry = false): { content: CatalogueContent; text: string } {
  const lines: string[] = [];
  const content = adopt(libc, made.root, { isDry, tell: (line) => lines.push(line) });
  return { content, text: lines.join("\n") };
}

function catalogueOf(made: TestDirectory): CatalogueContent | null {
  const fd = libc.openat(AT_FDCWD, made.root, O_RDONLY, 0);
  const content = loadCatalogue(libc, fd);
  libc.close(fd);
  return content;
}

function names(made: TestDirectory): string[] {
  return readdirSync(made.root, { recursive: true }).map(String).sort();
}

test("topics, ids, partitions, epoch and producer ids are those of the directory", () => {
  const made = directory();
  const before = names(made);
  const { content, text } = run(made);
  assert.deepEqual(catalogueOf(made), content);
  assert.deepEqual(content, {
    clusterId: "TDXf39s0hbCuwNtENQNevw",
    nodeEpoch: 6,
    topics: [
      { name: "a.b-c", topicId: OTHER_ID, partitions: 1, config: KEEP, state: "ready" },
      { name: "orders", topicId: TOPIC_ID, partitions: 3, config: KEEP, state: "ready" },
    ],
    deletions: [],
    settings: [],
    nextProducerId: 3000,
  });
  assert.deepEqual(names(made), [...before, ".lock", "catalogue"].sort(), "one file, and the lock");
  assert.match(text, /not adopted: __cluster_metadata-0, Kafka's own metadata/);
  assert.match(text, /not adopted: x-0\.\w+-delete, left over from Kafka/);
  assert.match(text, /a\.b-c-0: 1 \.deleted files are left alone/);
  assert.match(text, /settings of topics.*are not adopted/);
  assert.throws(() => run(made), /has a catalogue/);
});

test("what is adopted opens, after it was refused with the hint", () => {
  const made = directory();
  const open = () => DataDirectory.open(libc, made.root, true);
  assert.throws(open, new RegExp(`looks like a Kafka log directory.*sluice adopt ${made.root}`));
  assert.ok(!names(made).includes(".lock"), "and untouched");
  run(made);
  const opened = open();
  assert.ok(opened.clean, "Kafka's clean stop counts");
  assert.equal(opened.catalogue.nodeEpoch, 6);
  opened.closeClean();
  const found: string[] = [];
  const tell = ({ severity, path }: { severity: string; path: string }) =>
    found.push(`${severity} ${path}`);
  verify(libc, made.root, { partition: null, tell, progress: () => {} });
  assert.deepEqual(found, [
    "note __cluster_metadata-0",
    "note x-0.0123456789abcdef0123456789abcdef-delete",
    "note orders-2",
  ]);
});

test("a dry run says the same and writes nothing", () => {
  const made = directory();
  const before = names(made);
  const dry = run(made, true);
  assert.deepEqual(names(made), before);
  const wet = run(made);
  assert.deepEqual(dry.content, wet.content);
  assert.ok(wet.text.startsWith(dry.text));
});

test("a topic without an id gets a new one, in every partition", () => {
  const made = directory();
  for (const partition of [0, 1, 2]) {
    made.write(
      `orders-${partition}/partition.metadata`,
      "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA",
    );
  }
  const { content, text } = run(made);
  const { topicId } = content.topics[1]!;
  assert.match(text, new RegExp(`topic orders has no id: it gets ${topicId}`));
  for (const partition of [0, 1, 2]) {
    const written = new TextDecoder().decode(made.read(`orders-${partition}/partition.metadata`));
    assert.equal(written, formatPartitionMetadata(topicId));
  }
});

test("what is not whole or of several topics is refused, by name and untouched", () => {
  const refused: readonly [RegExp, (made: TestDirectory) => void][] = [
    [
      /topic more is not whole: there is more-1 and no more-0/,
      (made) => made.write("more-1/x", ""),
    ],
    [/there is orders-5 and no orders-3/, (made) => made.write("orders-5/x", "")],
    [
      /the partitions of orders are of several topics: ids /,
      (made) => made.write("orders-1/partition.metadata", formatPartitionMetadata(OTHER_ID)),
    ],
    [
      /orders-1\/partition.metadata is damaged/,
      (made) => made.write("orders-1/partition.metadata", "topic_id"),
    ],
    [
      /is of record format 1/,
      (made) => made.write(`orders-2/${named(0, ".log")}`, encodeBatch([1, 2, 3], 1, { magic: 1 })),
    ],
  ];
  for (const [pattern, change] of refused) {
    const made = directory();
    change(made);
    const before = names(made);
    assert.throws(() => run(made), pattern);
    assert.deepEqual(names(made).filter((name) => name !== ".lock"), before);
  }
});

/** What the cleaner leaves of orders-1, which had one batch, of offset 0; where its log ends. */
const COMPACTIONS: readonly (readonly [string, number, (made: TestDirectory) => void])[] = [
  [
    "the cleaner's checkpoint says so",
    1,
    (made) => made.write("cleaner-offset-checkpoint", "0\n1\norders 1 1\n"),
  ],
  [
    "of five offsets one is left",
    5,
    (made) =>
      made.change(`orders-1/${named(0, ".log")}`, (bytes) => {
        new DataView(bytes.buffer).setInt32(23, 4);
        new DataView(bytes.buffer).setUint32(17, slowCrc32c(bytes.subarray(21)));
      }),
  ],
  [
    "it begins above the name of its file",
    8,
    (made) =>
      made.change(`orders-1/${named(0, ".log")}`, (bytes) => {
        new DataView(bytes.buffer).setInt32(4, 7);
      }),
  ],
  ["batches are missing in the middle", 10, (made) => {
    const more = stamped(batchOf([new Uint8Array(3)]), 9, 1);
    made.change(`orders-1/${named(0, ".log")}`, (bytes) => concat([bytes, more]));
  }],
  ["and before a segment that is empty", 30, (made) => {
    const more = stamped(batchOf([new Uint8Array(3)]), 9, 1);
    made.change(`orders-1/${named(0, ".log")}`, (bytes) => concat([bytes, more]));
    made.write(`orders-1/${named(30, ".log")}`, "");
  }],
];

/** Kafka's checkpoint, as a clean stop leaves it. */
function recoveryPoints(made: TestDirectory, end: number): void {
  made.checkpoint("recovery-point-offset-checkpoint", ["orders 0 4", `orders 1 ${end}`]);
}

test("a compacted topic is one of Sluice's, and no start cuts it at a gap", () => {
  for (const [label, end, compact] of COMPACTIONS) {
    const made = directory();
    compact(made);
    recoveryPoints(made, end);
    const log = made.read(`orders-1/${named(0, ".log")}`);
    const { content, text } = run(made);
    assert.deepEqual(content.topics.map(({ config }) => config), [
      KEEP,
      [{ key: "cleanup.policy", value: "compact" }],
    ], label);
    assert.match(text, /topic orders was compacted: it gets cleanup\.policy=compact/);
    for (const clean of [true, false, false]) {
      const world = new LogWorld({ root: made.root, directory: "orders-1" });
      const how = { clean, recoveryPoint: end, kind: PartitionKind.cleaned, epoch: 6 };
      const { partition, report } = world.open({}, how);
      assert.deepEqual([report.degraded, report.bytesDropped], ["", 0], label);
      assert.equal(partition.stagedEnd, end, label);
      partition.abandon();
      world.end();
    }
    sameBytes(made.read(`orders-1/${named(0, ".log")}`), log, label);
  }
});

test("a compacted topic is refused where a gap could be a lost tail", () => {
  const doubts: readonly [RegExp, (made: TestDirectory, end: number) => void][] = [
    [/Kafka did not stop cleanly/, (made) => rmSync(made.path(".kafka_cleanshutdown"))],
    [/orders-0.*recovery point is 0, its/, (made) => rmSync(made.path(RECOVERY_POINT_FILE))],
    [/orders-1.*recovery point is \d+, its/, (made, end) => recoveryPoints(made, end - 1)],
    [/orders-1.*recovery point is \d+, its/, (made, end) => recoveryPoints(made, end + 1)],
    [
      /orders-0 was compacted.*recovery point is 0, its log ends at 4/,
      (made, end) => made.checkpoint(RECOVERY_POINT_FILE, [`orders 1 ${end}`]),
    ],
    [
      /orders-0.*the checksum of a batch does not fit/,
      (made) =>
        made.change(`orders-0/${named(3, ".log")}`, (bytes) => {
          bytes[70]! ^= 1;
        }),
    ],
  ];
  for (const [, end, compact] of COMPACTIONS) {
    for (const [pattern, change] of doubts) {
      const made = directory();
      compact(made);
      recoveryPoints(made, end);
      change(made, end);
      assert.throws(() => run(made), (error) => {
        assert.ok(error instanceof ToolError, String(error));
        assert.match(error.message, pattern);
        assert.match(error.hint, /Start Kafka on it and stop it cleanly.*move the directories/);
        return true;
      });
      assert.ok(!names(made).includes("catalogue"));
    }
  }
  const never = directory();
  never.write("cleaner-offset-checkpoint", "0\n1\norders 0 0\n");
  rmSync(never.path(".kafka_cleanshutdown"));
  assert.deepEqual(run(never).content.topics[1]!.config, KEEP, "the cleaner was never there");
});

test("what a kill of Kafka cut off is left for Kafka to finish", () => {
  const swapped = directory();
  swapped.write(`orders-0/${named(0, ".log")}.swap`, "");
  assert.throws(() => run(swapped), /orders-0\/0+\.log\.swap: Kafka was replacing a segment/);
  const behind = directory();
  rmSync(behind.path(`orders-0/${named(0, ".log")}`));
  behind.checkpoint("log-start-offset-checkpoint", ["orders 0 2"]);
  assert.throws(() => run(behind), /orders-0 begins at offset 3, Kafka's checkpoint says 2/);
  behind.checkpoint("log-start-offset-checkpoint", ["orders 0 3"]);
  behind.write(`orders-0/${named(3, ".txnindex")}`, "");
  assert.match(run(behind).text, /orders-0: records of aborted transactions will be seen/);
});

test("a directory in which a broker works, or which is none, is refused", () => {
  const made = directory();
  const lock = libc.openat(AT_FDCWD, made.path(".lock"), O_RDWR | O_CREAT, 0o600);
  libc.flock(lock, LOCK_EX);
  for (const isDry of [true, false]) assert.throws(() => run(made, isDry), /is in use/);
  libc.close(lock);
  const empty = new TestDirectory();
  assert.throws(() => run(empty), /is no Kafka log directory/);
  empty.write("notes.txt", "hello");
  assert.throws(() => run(empty), /is no Kafka log directory/);
});

test("without a clean stop, and with damage, it says so and goes on", () => {
  const made = new TestDirectory();
  made.topic("orders");
  made.log("orders-0", [[{ count: 3, epoch: 2 }, { count: 1, epoch: 9 }]]);
  made.change(`orders-0/${named(0, ".log")}`, (bytes) => {
    bytes[70]! ^= 1;
  });
  const { content, text } = run(made);
  assert.equal(content.nodeEpoch, 10);
  assert.match(text, /Kafka did not stop cleanly here/);
  assert.match(text, /orders-0: orders-0\/0+\.log at 0: the checksum.*see sluice verify/);
  assert.match(content.clusterId, /^[0-9a-f-]{36}$/, "a new cluster id without meta.properties");
});
