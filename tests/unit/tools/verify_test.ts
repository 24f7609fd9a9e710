/**
 * verify: a directory without damage has no findings, and every kind of damage is found, named
 * with its place, and judged by what was known to be on disk. Nothing is written.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import { AT_FDCWD, EIO, LOCK_EX, O_CREAT, O_RDWR } from "../../../ffi/constants.ts";
import type { Libc } from "../../../ffi/libc.ts";
import { Codec } from "../../../src/codec/codec.ts";
import type { ConfigEntry } from "../../../src/format/topic_config.ts";
import { findingText } from "../../../src/tools/findings.ts";
import { verify, type VerifySummary } from "../../../src/tools/verify.ts";
import { concat, encodeBatch, encodeRecord, slowCrc32c } from "../../support/batches.ts";
import {
  FIRST_TIME,
  named,
  TestDirectory,
  TOPIC_ID,
  type WrittenBatch,
} from "../../support/data_directory.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";
import { forSeeds } from "../../support/prng.ts";

const FIRST = `orders-0/${named(0, ".log")}`;

/** Three segments with all codecs: offsets 0 to 59 in 15 batches of 4. */
function directory(
  options: { recoveryPoint?: number; isKafkas?: boolean; config?: ConfigEntry[] } = {},
): TestDirectory {
  const made = new TestDirectory();
  made.topic("orders", 1, TOPIC_ID, options.config);
  const codecs = Object.values(Codec);
  const segments = [0, 1, 2].map((segment) => {
    return codecs.map((codec) => ({ count: 4, codec, epoch: segment, producerId: 7 }));
  });
  made.log("orders-0", segments);
  made.checkpoint("orders-0/leader-epoch-checkpoint", ["0 0", "1 20", "2 40"]);
  made.checkpoint("recovery-point-offset-checkpoint", [
    `orders 0 ${options.recoveryPoint ?? 40}`,
  ]);
  made.checkpoint("log-start-offset-checkpoint", ["orders 0 0"]);
  made.snapshot("orders-0", 40, 39);
  if (options.isKafkas) made.write("meta.properties", "version=1\n");
  else made.catalogue();
  return made;
}

function batch(made: TestDirectory, at: number): WrittenBatch {
  return made.batches.get("orders-0")![at]!;
}

interface Outcome {
  lines: string[];
  summary: VerifySummary;
}

function run(made: TestDirectory, partition: string | null = null, use: Libc = libc): Outcome {
  const lines: string[] = [];
  const tell = (finding: Parameters<typeof findingText>[0]) => lines.push(findingText(finding));
  const summary = verify(use, made.root, { partition, tell, progress: () => {} });
  return { lines, summary };
}

/** The only finding matches. */
function finds(made: TestDirectory, pattern: RegExp, label: string): void {
  const { lines } = run(made);
  assert.equal(lines.length, 1, `${label}: ${lines.join("\n")}`);
  assert.match(lines[0]!, pattern, label);
}

/** Name, size, time and content of every file. */
function pictureOf(path: string): string[] {
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const full = join(path, entry.name);
    if (entry.isDirectory()) return [full, ...pictureOf(full)];
    return [`${full} ${statSync(full).mtimeMs} ${readFileSync(full).toString("base64")}`];
  }).sort();
}

test("a directory without damage has no findings and is left as it was", () => {
  for (const isKafkas of [false, true]) {
    const made = directory({ isKafkas });
    const before = pictureOf(made.root);
    const { lines, summary } = run(made);
    assert.deepEqual(lines, []);
    assert.deepEqual(pictureOf(made.root), before, "nothing was written");
    const { partitions, segments, batches, records, isRunning } = summary;
    assert.deepEqual({ partitions, segments, batches, records, isRunning }, {
      partitions: 1,
      segments: 3,
      batches: 15,
      records: 60,
      isRunning: false,
    });
  }
});

test("a changed bit of a batch is found wherever it is, with the offsets it costs", () => {
  const made = directory({ recoveryPoint: 60 });
  const whole = made.read(FIRST);
  forSeeds(60, (prng) => {
    const at = prng.below(5);
    const { position, size, baseOffset, lastOffset } = batch(made, at);
    const byte = prng.between(position + 21, position + size - 1);
    const flipped = whole.slice();
    flipped[byte]! ^= 1 << prng.below(8);
    made.write(FIRST, flipped);
    const pattern = new RegExp(
      `^damage .*${named(0, ".log")} at ${position}, offsets ${baseOffset} to ${lastOffset}: ` +
        ".*checksum of a batch does not fit.*below the recovery point.*sluice repair DIR orders-0",
    );
    finds(made, pattern, `byte ${byte}`);
  });
});

test("every bit of a batch's header counts, also those outside the checksum", () => {
  const made = directory({ recoveryPoint: 60 });
  const whole = made.read(FIRST);
  const { position } = batch(made, 1);
  for (let bit = 0; bit < 61 * 8; bit += 1) {
    const flipped = whole.slice();
    flipped[position + (bit >> 3)]! ^= 1 << (bit & 7);
    made.write(FIRST, flipped);
    assert.notDeepEqual(run(made).lines, [], `bit ${bit & 7} of byte ${bit >> 3}`);
  }
});

test("a length that lies is found, and the next whole batch too", () => {
  for (const length of [0, -5, 49, 1000, 2 ** 30]) {
    const made = directory({ recoveryPoint: 60 });
    const { position } = batch(made, 1);
    made.change(FIRST, (bytes) => new DataView(bytes.buffer).setInt32(position + 8, length));
    finds(made, /^damage .*, offsets 4 to 7: /, `length ${length}`);
  }
});

test("a tail above the recovery point is a warning, whatever is in it", () => {
  const last = `orders-0/${named(40, ".log")}`;
  const tails: readonly [string, (bytes: Uint8Array) => Uint8Array][] = [
    ["the file ends inside a batch", (bytes) => bytes.slice(0, -5)],
    ["the file ends inside a batch header", (bytes) => concat([bytes, new Uint8Array(9).fill(7)])],
    ["only zeros follow", (bytes) => concat([bytes, new Uint8Array(70000)])],
    ["a batch has a length of ", (bytes) => concat([bytes, new Uint8Array(300).fill(200)])],
  ];
  for (const [problem, change] of tails) {
    const made = directory();
    for (const kind of [".index", ".timeindex"]) rmSync(made.path(`orders-0/${named(40, kind)}`));
    made.change(last, change);
    const pattern = new RegExp(`^warning .*${problem}.*not synced.*the next start cuts it$`);
    finds(made, pattern, problem);
  }
});

test("the same tail after a clean stop, or below the recovery point, is damage", () => {
  for (const isClean of [true, false]) {
    const made = directory({ recoveryPoint: isClean ? 40 : 60 });
    if (isClean) made.cleanStop();
    for (const kind of [".index", ".timeindex"]) rmSync(made.path(`orders-0/${named(40, kind)}`));
    made.change(`orders-0/${named(40, ".log")}`, (bytes) => bytes.slice(0, -5));
    const { lines } = run(made);
    assert.match(lines[0]!, isClean ? /^damage .*after a clean stop/ : /^damage .*below the recov/);
  }
});

test("damage above the recovery point with whole batches behind it is damage", () => {
  const made = directory({ recoveryPoint: 40 });
  const { position } = batch(made, 11);
  made.change(`orders-0/${named(40, ".log")}`, (bytes) => {
    bytes[position + 70]! ^= 1;
  });
  finds(made, /^damage .*offsets 44 to 47.*drops the offsets from 44 to 59/, "in the middle");
});

test("a batch of offsets that were there before, or of a lower epoch, is stale", () => {
  const stale = directory({ recoveryPoint: 60 });
  const copied = stale.read(FIRST).slice(0, batch(stale, 0).size);
  stale.change(`orders-0/${named(40, ".log")}`, (bytes) => concat([bytes, copied]));
  finds(stale, /^warning .*a batch begins at offset 0 where 60 was to come/, "offsets");
  const lower = directory({ recoveryPoint: 60 });
  lower.change(`orders-0/${named(40, ".log")}`, (bytes) => {
    new DataView(bytes.buffer).setInt32(batch(lower, 11).position + 12, 1);
  });
  finds(lower, /^damage .*offsets 44 to 47: a batch is of epoch 1, below 2/, "epoch");
});

/** Takes the segment that begins at `base` away. */
function withoutSegment(made: TestDirectory, base: number): TestDirectory {
  for (const kind of [".log", ".index", ".timeindex"]) {
    rmSync(made.path(`orders-0/${named(base, kind)}`));
  }
  return made;
}

test("a missing segment is damage in Sluice's directory and nothing in Kafka's", () => {
  const below = withoutSegment(directory(), 20);
  finds(below, /^damage .*at 0, offsets 20 to 39: not in the log: they were on disk/, "below");
  const above = withoutSegment(directory({ recoveryPoint: 20 }), 20);
  finds(above, /^damage .*20 to 39: not in the log: the next start cuts.*from 40 to 59/, "above");
  const deleted = withoutSegment(directory(), 20);
  deleted.checkpoint("log-start-offset-checkpoint", ["orders 0 30"]);
  finds(deleted, /^damage .*at 0, offsets 30 to 39: not in the log/, "from the log start on");
  deleted.checkpoint("log-start-offset-checkpoint", ["orders 0 40"]);
  assert.deepEqual(run(deleted).lines, [], "below the log start");
  assert.deepEqual(run(withoutSegment(directory({ isKafkas: true }), 20)).lines, []);
});

test("of a compacted topic offsets may be missing below the recovery point", () => {
  const config = [{ key: "cleanup.policy", value: "compact" }];
  assert.deepEqual(run(withoutSegment(directory({ config }), 20)).lines, []);
  const above = withoutSegment(directory({ config, recoveryPoint: 20 }), 20);
  finds(above, /^damage .*20 to 39: not in the log: the next start cuts/, "above");
  above.cleanStop();
  assert.deepEqual(run(above).lines, [], "all was on disk after a clean stop");
  rmSync(above.path(".kafka_cleanshutdown"));
  rmSync(above.path("recovery-point-offset-checkpoint"));
  assert.deepEqual(run(above).lines, [], "without a recovery point recovery takes every gap");
  const tail = directory({ config, recoveryPoint: 70 });
  tail.write(`orders-0/${named(70, ".log")}`, "");
  assert.deepEqual(run(tail).lines, [], "a gap before an empty segment");
});

test("a log that begins behind its log start has lost records", () => {
  const made = withoutSegment(directory(), 0);
  finds(made, /^damage +orders-0, offsets 0 to 19: .*begins at 20, its log start is 0/, "front");
  made.checkpoint("log-start-offset-checkpoint", ["orders 0 20"]);
  assert.deepEqual(run(made).lines, []);
});

test("a log that ends below the recovery point has lost what was on disk", () => {
  const made = directory({ recoveryPoint: 60 });
  for (const kind of [".log", ".index", ".timeindex"]) {
    rmSync(made.path(`orders-0/${named(40, kind)}`));
  }
  made.checkpoint("orders-0/leader-epoch-checkpoint", ["0 0", "1 20"]);
  finds(made, /^damage +orders-0, offsets 40 to 59: missing: the recovery point 60/, "lost");
});

test("index entries that are not those of their batch are warnings", () => {
  const index = `orders-0/${named(20, ".index")}`;
  const time = `orders-0/${named(20, ".timeindex")}`;
  const made = directory();
  const wrong: readonly [string, string, (view: DataView) => void][] = [
    ["at 8: it points to \\d+, where no batch", index, (view) => {
      view.setInt32(12, view.getInt32(12) + 1);
    }],
    ["at 8: it says that the batch at \\d+ ends at 10, it ends", index, (view) => {
      view.setInt32(8, 10);
    }],
    ["at 0: it says that the batch at 0 ends at 7, it ends at 3", index, (view) => {
      view.setInt32(4, 0);
    }],
    ["at 16: its entries do not increase", index, (view) => view.setInt32(16, 2)],
    ["at 24: 1 entries point behind the end", index, (view) => view.setInt32(28, 99999)],
    ["at 12: it says that", time, (view) => view.setBigInt64(12, BigInt(FIRST_TIME + 30))],
    ["at 24: its entries do not increase", time, (view) => view.setBigInt64(24, 5n)],
    ["at 36: 1 entries are of offsets behind", time, (view) => view.setInt32(44, 5000)],
  ];
  for (const [text, name, change] of wrong) {
    const before = made.read(name);
    made.change(name, (bytes) => change(new DataView(bytes.buffer)));
    finds(made, new RegExp(`^warning .*${named(20, "")}\\.\\w+ ${text}.*--rebuild$`), text);
    made.write(name, before);
  }
  made.change(index, (bytes) => bytes.slice(0, -3));
  finds(made, /29 bytes are no whole number of entries/, "length");
  made.write(index, concat([made.read(index).slice(0, 24), new Uint8Array(80)]));
  assert.deepEqual(run(made).lines, [], "zeros at the end, as Kafka leaves them");
});

test("an index that is wrong from end to end gives ten lines and a count", () => {
  const made = new TestDirectory();
  made.topic("orders");
  made.catalogue();
  made.log("orders-0", [Array.from({ length: 40 }, () => ({ count: 1 }))]);
  made.change(`orders-0/${named(0, ".index")}`, (bytes) => {
    const view = new DataView(bytes.buffer);
    for (let at = 4; at < bytes.length; at += 8) view.setInt32(at, view.getInt32(at) + 1);
  });
  const { lines, summary } = run(made);
  assert.equal(lines.length, 11);
  assert.match(lines[10]!, /29 more of this kind/);
  assert.equal(summary.findings.warning, 39);
});

test("records that do not fit their header are damage although the checksum fits", () => {
  const record = encodeRecord({ value: new Uint8Array(5) }, 0);
  const bad: readonly [string, readonly number[], number, number][] = [
    ["bytes follow the last record", [...record, ...record], 1, 0],
    ["the gzip block cannot be decompressed", [1, 2, 3], 1, 1],
    ["the zstd block cannot be decompressed: no whole frame", [1, 2, 3], 1, 4],
    ["the codec 6 block cannot be decompressed", [1, 2, 3], 1, 6],
  ];
  for (const [problem, body, count, attributes] of bad) {
    const made = new TestDirectory();
    made.topic("orders");
    made.catalogue();
    made.write(FIRST, encodeBatch(body, count, { attributes }));
    finds(made, new RegExp(`^damage .*at 0, offset 0: its checksum fits, but ${problem}`), problem);
  }
});

test("a header that lies about its highest time is noted", () => {
  const made = new TestDirectory();
  made.topic("orders");
  made.catalogue();
  made.write(FIRST, encodeBatch(encodeRecord({ timestampDelta: 9 }, 0), 1));
  finds(made, /^note +orders-0: 1 batches name another highest time/, "lying");
});

test("snapshots are whole, and never ahead of the log", () => {
  const snapshot = `orders-0/${named(40, ".snapshot")}`;
  const made = directory();
  const whole = made.read(snapshot);
  for (let at = 0; at < whole.length; at += 1) {
    const changed = whole.slice();
    changed[at]! ^= 4;
    made.write(snapshot, changed);
    finds(made, /^warning .*40.snapshot: it is no whole snapshot/, `byte ${at}`);
  }
  made.snapshot("orders-0", 40, 40);
  finds(made, /^warning .*producer 7 has offset 40, which it does not cover/, "covers");
  rmSync(made.path(snapshot));
  made.snapshot("orders-0", 61, 59);
  finds(made, /^warning .*61.snapshot: it is of offset 61, ahead of the log end 60/, "ahead");
});

test("epochs that are not those of the batches are found", () => {
  const file = "orders-0/leader-epoch-checkpoint";
  const wrong: readonly [RegExp, readonly string[]][] = [
    [/offset 20 is of epoch 1, this file says epoch 0/, ["0 0", "2 40"]],
    [/offset 20 is of epoch 1, this file says none/, ["0 30", "2 40"]],
    [/epoch 3 begins at 61, the log ends at 60/, ["0 0", "1 20", "2 40", "3 61"]],
  ];
  for (const [pattern, lines] of wrong) {
    const made = directory();
    made.checkpoint(file, lines);
    finds(made, pattern, lines.join(", "));
  }
  const made = directory();
  made.checkpoint(file, ["1 22", "2 40"]);
  assert.deepEqual(run(made).lines, [], "what lies below the log start is forgotten");
  made.write(file, "0\n2\n0 0\n");
  finds(made, /^warning .*it is no list of epochs/, "not a list");
});

test("what the catalogue and the directories say of each other is compared", () => {
  const made = directory();
  made.topic("orders2", 2, "6d56ff71-2b39-47a9-8d3f-4ef52ca23466");
  made.catalogue();
  rmSync(made.path("orders2-1"), { recursive: true });
  made.write(`strange-7/${named(0, ".index")}`, "");
  made.write("gone-0.0123456789abcdef0123456789abcdef-delete/x", "");
  made.write("catalogue.tmp", "");
  made.write("orders-0/partition.metadata", "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ");
  const { lines, summary } = run(made);
  const expected = [
    /^damage +orders2-1: the catalogue has this partition, its directory is not there/,
    /^warning +strange-7: the catalogue does not know/,
    /^note +catalogue.tmp: a file that was not finished/,
    /^note +gone-0.*-delete: a partition that is being deleted/,
    /^damage +orders-0\/partition.metadata: it is of topic id 0000.*, the catalogue has 5d56/,
    /^note +orders2-0: it holds no segment/,
    /^warning +strange-7: it holds no segment/,
  ];
  expected.forEach((pattern, at) => assert.match(lines[at] ?? "nothing", pattern));
  assert.equal(lines.length, expected.length, lines.join("\n"));
  assert.deepEqual(summary.findings, { damage: 2, warning: 2, unread: 0, note: 3 });
});

test("what a newer program wrote refuses the partition that it lies in, or all of them", () => {
  const made = directory();
  made.topic("orders2", 1, "6d56ff71-2b39-47a9-8d3f-4ef52ca23466");
  made.catalogue();
  made.write("orders2-0/leader-epoch-checkpoint", "1\n1\n0 0 0\n");
  const isNewer = /orders2-0\/leader-epoch-checkpoint is of format 1, this version knows 0/;
  assert.throws(() => run(made), isNewer);
  assert.throws(() => run(made, "orders2-0"), isNewer);
  assert.equal(run(made, "orders-0").summary.records, 60);
});

test("directories of a topic that is being created may be missing", () => {
  const made = directory();
  const topicId = "6d56ff71-2b39-47a9-8d3f-4ef52ca23466";
  made.topics.push({ name: "new", topicId, partitions: 2, config: [], state: "creating" });
  made.catalogue();
  const { lines } = run(made);
  assert.match(lines.join("\n"), /^note +catalogue: the creation of new is not finished/);
  assert.equal(lines.length, 1);
});

test("a damaged catalogue or checkpoint does not keep the partitions from being verified", () => {
  const made = directory();
  made.change("catalogue", (bytes) => {
    bytes[60]! ^= 1;
  });
  made.write("recovery-point-offset-checkpoint", "0\n9\n");
  const { lines, summary } = run(made);
  assert.match(lines[0]!, /^damage +catalogue: the catalogue is damaged/);
  assert.match(lines[1]!, /^warning +recovery-point-offset-checkpoint: it is no list/);
  assert.equal(lines.length, 2);
  assert.equal(summary.records, 60);
});

test("beside a running broker only what lies below the recovery points is looked at", () => {
  for (const damaged of [45, 25]) {
    const made = directory({ recoveryPoint: 40 });
    const topicId = TestDirectory.name;
    made.topics.push({ name: "new", topicId, partitions: 1, config: [], state: "ready" });
    const found = made.batches.get("orders-0")!.find(({ lastOffset }) => lastOffset >= damaged)!;
    made.change(`orders-0/${named(found.segment, ".log")}`, (bytes) => {
      bytes[found.position + 80]! ^= 1;
    });
    rmSync(made.path(`orders-0/${named(20, ".index")}`));
    const lock = libc.openat(AT_FDCWD, made.path(".lock"), O_RDWR | O_CREAT, 0o600);
    assert.equal(libc.flock(lock, LOCK_EX), 0);
    const { lines, summary } = run(made);
    assert.ok(summary.isRunning);
    assert.match(lines[0]!, /^note +\.: a broker works here/);
    assert.equal(lines.length, damaged < 40 ? 2 : 1, lines.join("\n"));
    libc.close(lock);
    assert.ok(!run(made).summary.isRunning, "and the lock was not kept");
  }
});

test("one partition alone, and one that is not there", () => {
  const made = directory();
  made.topic("other", 1);
  made.catalogue();
  assert.equal(run(made, "orders-0").summary.partitions, 1);
  assert.throws(() => run(made, "orders-1"), /has no partition orders-1/);
  assert.throws(() => run(made, "orders"), /orders is not a partition/);
  assert.throws(() => run(made, "../x-0"), /is not a partition/);
});

test("what is no data directory is refused, and one that cannot be read is unread", () => {
  const empty = new TestDirectory();
  assert.throws(() => run(empty), /is no data directory/);
  empty.write("notes.txt", "hello");
  assert.throws(() => run(empty), /is no data directory/);
  const made = directory();
  const faulty = new FaultyLibc(libc);
  faulty.plan = (call, args) => call === "pread" && Number(args[3]) > 700 ? -EIO : undefined;
  const { lines, summary } = run(made, null, faulty.libc);
  assert.ok(summary.findings.unread > 0);
  assert.match(lines.join("\n"), /^unread +orders-0: cannot be read on: read orders-0.*EIO/m);
});

test("names of files cannot write to the terminal", () => {
  const made = directory();
  made.write("evil\u001b[2J.tmp", "");
  const { lines } = run(made);
  assert.deepEqual(lines, [
    "note     evil\\u{1b}[2J.tmp: a file that was not finished; the next start replaces it",
  ]);
});

test("the checksum helper of these tests is the definition", () => {
  assert.equal(slowCrc32c(new TextEncoder().encode("123456789")), 0xe3069283);
});

test("descriptors are given back, also after damage and errors", () => {
  const made = directory();
  made.change(FIRST, (bytes) => bytes.slice(0, -3));
  const faulty = new FaultyLibc(libc);
  run(made, null, faulty.libc);
  const closed = faulty.calls.filter((call) => call === "close").length;
  assert.equal(closed, faulty.opened);
});
