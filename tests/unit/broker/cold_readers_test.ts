/** Whose next bytes a request is, and what nobody will want soon. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { droppableEnd, readerAt } from "../../../src/broker/cold_readers.ts";
import type { ColdStream } from "../../../src/broker/cold_stream.ts";
import { COLD_DROP_STEP, COLD_READER_IDLE_MS, COLD_READERS_MAX } from "../../../src/limits.ts";
import { ColdWorld } from "../../support/cold_world.ts";

const REREAD = 65536;
const FAR = 10 * COLD_DROP_STEP;

class Readers {
  readonly world = new ColdWorld();

  constructor() {
    this.world.fill(1, 1024);
  }

  at(position: number): ColdStream {
    const { partition } = this.world;
    const segment = partition.log.active;
    return readerAt(partition, segment, segment.file!, position);
  }

  /** One that has read up to `next`, and was seen at `usedMs`. */
  readTo(next: number, usedMs: number = 0): ColdStream {
    const stream = this.at(next);
    stream.next = next;
    stream.loaded = next;
    stream.limit = FAR;
    stream.usedMs = usedMs;
    return stream;
  }

  get count(): number {
    return this.world.partition.readers.length;
  }
}

test("a reader is known by where it goes on, or a little before it", () => {
  const readers = new Readers();
  const first = readers.readTo(1_000_000);
  assert.equal(readers.at(1_000_000), first);
  assert.equal(readers.at(1_000_000 - REREAD + 1), first, "a walk may begin before the batch");
  assert.notEqual(readers.at(1_000_000 - REREAD), first);
  assert.notEqual(readers.at(1_000_001), first, "it has not come so far");
  assert.equal(readers.count, 3);
  readers.world.close();
});

test("one that waits for the disk is left alone, wherever it stands", () => {
  const readers = new Readers();
  const waiting = readers.readTo(5000);
  waiting.waiter = { stream: waiting, tries: 1, missedAt: 0, partBytes: 0, readResult: 0 };
  assert.notEqual(readers.at(5000), waiting);
  waiting.waiter = null;
  readers.world.close();
});

test("when all places are taken the one that was idle the longest is forgotten", () => {
  const readers = new Readers();
  const streams = Array.from({ length: COLD_READERS_MAX }, (_, i) => {
    return readers.readTo((i + 1) * 1_000_000, 100 + i);
  });
  streams[2]!.usedMs = 1;
  streams[0]!.posted = 1; // the oldest of those that are at work does not count
  streams[0]!.usedMs = 0;
  streams[2]!.window = 4 * streams[2]!.window;
  const taken = readers.at(77);
  assert.equal(taken, streams[2]);
  assert.deepEqual([taken.next, taken.loaded, taken.run], [77, 77, 0], "it begins anew");
  assert.equal(taken.window, streams[1]!.window, "and with the first window");
  assert.equal(readers.count, COLD_READERS_MAX);
  streams[0]!.posted = 0;
  readers.world.close();
});

test("at the end of a segment a reader goes on in the next one, from its beginning", () => {
  const readers = new Readers();
  const { log } = readers.world.partition;
  const atEnd = readers.readTo(log.active.size);
  atEnd.limit = log.active.size;
  assert.equal(log.roll(), 0);
  readers.world.fill(1, 1024);
  assert.notEqual(readers.at(600_000), atEnd, "that is no beginning");
  assert.equal(readers.at(0), atEnd);
  readers.world.close();
});

test("what lies behind a reader may be dropped in whole steps, with room for a walk", () => {
  const readers = new Readers();
  const { partition } = readers.world;
  const stream = readers.readTo(FAR);
  assert.equal(droppableEnd(partition, stream, FAR, 0), FAR - COLD_DROP_STEP);
  assert.equal(
    droppableEnd(partition, stream, FAR + REREAD, 0),
    FAR - COLD_DROP_STEP,
    "not loaded",
  );
  stream.loaded = FAR + REREAD;
  assert.equal(droppableEnd(partition, stream, FAR + REREAD, 0), FAR);
  readers.world.close();
});

test("a reader that is behind keeps what it will want, until it is seen no more", () => {
  const readers = new Readers();
  const { partition } = readers.world;
  const behind = readers.readTo(3 * COLD_DROP_STEP, 1000);
  const stream = readers.readTo(FAR, 1000);
  const before = droppableEnd(partition, stream, FAR, 1000);
  assert.equal(before, 0, "all of it: drops are from the beginning on");
  assert.equal(droppableEnd(partition, stream, FAR, 1000 + COLD_READER_IDLE_MS), 0);
  const late = 1001 + COLD_READER_IDLE_MS;
  assert.equal(droppableEnd(partition, stream, FAR, late), FAR - COLD_DROP_STEP);
  behind.next = FAR;
  assert.equal(droppableEnd(partition, stream, FAR, 1000), FAR - COLD_DROP_STEP, "it has passed");
  behind.baseOffset = -1;
  assert.equal(droppableEnd(partition, stream, FAR, 1000), 0, "it is in an earlier segment");
  readers.world.close();
});
