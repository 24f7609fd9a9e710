/** Retention: which log start age and size ask for, whatever the timestamps and clocks say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../../src/format/errors.ts";
import type { TopicConfig } from "../../../src/format/topic_config.ts";
import type { Partition } from "../../../src/log/partition.ts";
import { retentionStart } from "../../../src/log/retention.ts";
import { GuardedReads } from "../../../src/log/guarded_reads.ts";
import type { Segment } from "../../../src/log/segment.ts";
import { seeTail } from "../../../src/log/time_confirm.ts";
import { Walk } from "../../../src/log/walk.ts";
import { batchOf } from "../../support/batches.ts";
import { LogWorld } from "../../support/log_world.ts";
import { publishLogStart } from "../../../src/log/log_start.ts";

const WALL_MS = 1700000000000;
const HOUR_MS = 3600000;

/** One segment per entry, appended an hour after the other, with these highest timestamps. */
function filled(
  config: Partial<TopicConfig>,
  timestamps: readonly number[],
): { world: LogWorld; partition: Partition } {
  const world = new LogWorld();
  const { partition } = world.open({ retentionMs: Infinity, ...config });
  timestamps.forEach((maxTimestamp, i) => {
    world.store.wallMs = WALL_MS + i * HOUR_MS;
    if (i > 0) assert.equal(partition.roll(), 0);
    world.append(partition, batchOf([new Uint8Array(900)], { maxTimestamp }));
  });
  while (!partition.isSynced) world.sync(partition);
  return { world, partition };
}

function look({ world, partition }: ReturnType<typeof filled>, wallMs: number, trusted = true) {
  const reads = new GuardedReads(new Walk(world.store));
  const timestamps = {
    look: ({ directory }: Partition, segment: Segment) => {
      reads.guard(null, 4);
      const opened = reads.open(directory, segment);
      const isSeen = opened === 0 && seeTail(reads, directory, segment) === 0;
      reads.forgetMissing();
      return isSeen;
    },
  };
  return retentionStart(partition, timestamps, wallMs, trusted);
}

const RISING = [0, 1, 2, 3].map((i) => WALL_MS + i * HOUR_MS);

test("closed segments above the size go, oldest first, and never the active one", () => {
  const size = filled({}, RISING).partition.segments[0]!.size;
  for (const [kept, start] of [[0, 3], [1, 3], [2, 2], [3, 1], [3.5, 0], [4, 0]] as const) {
    const made = filled({ retentionBytes: kept * size }, RISING);
    assert.equal(look(made, WALL_MS, false), start, `${kept} segments are kept`);
    made.world.close(made.partition);
  }
});

test("a segment goes when its newest record is too old", () => {
  const made = filled({ retentionMs: 10 * HOUR_MS }, RISING);
  for (const [hours, start] of [[10, 0], [10.1, 1], [11.1, 2], [12.1, 3]] as const) {
    assert.equal(look(made, WALL_MS + hours * HOUR_MS), start, `after ${hours} hours`);
    assert.equal(look(made, WALL_MS + hours * HOUR_MS, false), 0, "while the clock is trusted");
  }
  assert.equal(made.partition.segments.length, 4);
  made.world.close(made.partition);
});

test("an idle active segment is rolled, so that it goes at the next look", () => {
  const made = filled({ retentionMs: HOUR_MS }, RISING);
  const { partition, world } = made;
  assert.equal(look(made, WALL_MS + 100 * HOUR_MS), 3);
  assert.equal(partition.segments.length, 5);
  assert.equal(look(made, WALL_MS + 100 * HOUR_MS), 4, "the closed one that it became");
  assert.equal(partition.segments.length, 5);
  while (!partition.isSynced) world.sync(partition);
  publishLogStart(partition, 4);
  assert.deepEqual([partition.segments.length, partition.logStart], [1, 4]);
  assert.equal(look(made, WALL_MS + 1000 * HOUR_MS), 4, "an empty one stays");
  assert.equal(partition.segments.length, 1);
  world.close(partition);
});

test("timestamps from the future pin nothing; without any the append counts", () => {
  for (const first of [WALL_MS + 1e12, -1]) {
    const made = filled({ retentionMs: 10 * HOUR_MS }, [first, ...RISING.slice(1)]);
    assert.equal(look(made, WALL_MS + 10 * HOUR_MS), 0, `${first}`);
    assert.equal(look(made, WALL_MS + 10.1 * HOUR_MS), 1, `${first}`);
    made.world.close(made.partition);
  }
});

test("old timestamps of a young append go: that is what a retention time means", () => {
  const made = filled({ retentionMs: 10 * HOUR_MS }, [1000, 1000, WALL_MS, WALL_MS]);
  assert.equal(look(made, WALL_MS), 2);
  made.world.close(made.partition);
});

test("where a compacted topic keeps the last record of each key, nothing goes", () => {
  const config = { retentionMs: 1, retentionBytes: 1, cleanupCompact: true, cleanupDelete: false };
  const made = filled(config, RISING);
  assert.equal(look(made, WALL_MS + 1000 * HOUR_MS), 0);
  made.world.close(made.partition);
});

test("after a start the headers tell the timestamps, some at a look, not the index", () => {
  const world = new LogWorld();
  const config = { retentionMs: 10 * HOUR_MS };
  const { partition } = world.open(config);
  world.store.wallMs = WALL_MS;
  const young = WALL_MS + 5 * HOUR_MS;
  for (let i = 0; i < 700; i += 1) {
    world.append(
      partition,
      batchOf([new Uint8Array(1)], { maxTimestamp: i === 600 ? young : 1000 }),
    );
  }
  assert.equal(partition.roll(), 0);
  world.append(partition, batchOf([new Uint8Array(1)], { maxTimestamp: young }));
  world.sync(partition);
  world.close(partition);
  const again = new LogWorld({ root: world.root });
  const opened = again.open(config, { clean: true });
  const made = { world: again, partition: opened.partition };
  const [first] = opened.partition.segments;
  first!.lastAppendMs = WALL_MS + 8 * HOUR_MS;
  again.write("00000000000000000000.timeindex", new Uint8Array(0));
  const early = young + 10 * HOUR_MS;
  for (let looks = 0; looks < 5; looks += 1) assert.equal(look(made, early), 0, `look ${looks}`);
  assert.deepEqual([first!.unseenSize, first!.maxTimestamp], [0, young]);
  assert.equal(look(made, early + 1), 700);
  again.close(opened.partition);
});

test("a partition that is broken or degraded loses nothing", () => {
  const made = filled({ retentionMs: HOUR_MS, retentionBytes: 1 }, RISING);
  made.partition.failure = ErrorCodes.storage_failed;
  assert.equal(look(made, WALL_MS + 1000 * HOUR_MS), 0);
  made.partition.failure = ErrorCodes.none;
  made.world.close(made.partition);
});
