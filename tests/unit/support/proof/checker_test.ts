/**
 * The judge is judged first: on a sound history it says nothing, and each way to break one is
 * named by its number.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Checker, type Reading } from "../../../support/proof/checker.ts";
import { type Attempt, History } from "../../../support/proof/history.ts";
import type { ReadRecord } from "../../../support/proof/records.ts";

const PLACE = 0;

/** A history of one partition, and what lies in it; the tests break it. */
class World {
  readonly history: History = new History();
  readonly checker: Checker = new Checker(this.history);
  records: ReadRecord[] = [];
  logStart = 0;
  /** Null: behind the last record. */
  end: number | null = null;

  /** An attempt of `count` records; `stored` puts them into the log. */
  send(
    producer: number,
    first: number,
    count: number,
    outcome: Attempt["outcome"],
    more: { stored?: boolean; session?: number; idempotent?: boolean; error?: string } = {},
  ): Attempt {
    const { stored = outcome === "acked", session = producer, idempotent = false } = more;
    const hashes = Array.from({ length: count }, (_, i) => producer * 1000 + first + i);
    const attempt = this.history.begin({
      ...{ place: PLACE, producer, session, first, hashes, idempotent },
    });
    const baseOffset = this.#next;
    if (stored) hashes.forEach((_, i) => this.store(producer, first + i));
    if (outcome !== "pending") {
      const at = outcome === "acked" ? baseOffset : -1;
      this.history.settle(attempt, outcome, at, more.error ?? "");
    }
    return attempt;
  }

  store(producer: number, sequence: number): void {
    const hash = producer * 1000 + sequence;
    const identity = { producer, place: PLACE, sequence };
    this.records.push({ offset: this.#next, hash, timestamp: 0, ...identity });
  }

  get #next(): number {
    return (this.records.at(-1)?.offset ?? this.logStart - 1) + 1;
  }

  see(offset: number, hash: number): void {
    this.history.sightings.push({ who: "c", at: this.history.now(), place: PLACE, offset, hash });
  }

  seeEnds(logStart: number, visibleEnd: number): void {
    const at = this.history.now();
    this.history.ends.push({ who: "c", at, place: PLACE, logStart, visibleEnd });
  }

  reading(name: string = "t-0"): Reading {
    const end = this.end ?? this.#next;
    return { place: PLACE, name, logStart: this.logStart, end, records: this.records };
  }

  judge(isRecovered: boolean = true): void {
    this.checker.judge([this.reading()], isRecovered);
  }

  /** The numbers of what was found. */
  get found(): string[] {
    return [...new Set(this.checker.violations.map((text) => text.split(" ")[0] ?? ""))].sort();
  }
}

/** Two producers, three batches; one more that nobody knows of is stored, another is not. */
function soundWorld(): World {
  const world = new World();
  world.send(0, 0, 3, "acked");
  world.send(1, 0, 2, "acked");
  world.see(0, 0);
  world.seeEnds(0, 5);
  world.send(0, 3, 2, "acked");
  world.send(0, 5, 1, "unknown", { stored: true });
  world.send(1, 2, 1, "unknown");
  return world;
}

test("a sound history has no violation, also at the second look", () => {
  const world = soundWorld();
  world.judge();
  world.send(0, 6, 2, "acked", { session: 9 });
  world.seeEnds(0, 10);
  world.judge();
  assert.deepEqual(world.checker.violations, []);
  assert.equal(world.checker.compared, 8 + 10);
  assert.equal(world.checker.lost, 0);
});

/** Each breaks a sound history in one way, before the first look or after it. */
const BREAKS: readonly [ids: string, what: string, change: (world: World) => void][] = [
  ["C1", "the acknowledged end is lost, seen by nobody", (world) => {
    world.send(2, 0, 1, "acked");
    world.records.pop();
  }],
  ["C1 C6", "two acknowledged records change places", ({ records }) => {
    const [first, second] = [records[1]!, records[2]!];
    records[1] = { ...second, offset: 1 };
    records[2] = { ...first, offset: 2 };
  }],
  ["C2", "a record is not what was sent", ({ records }) => {
    records[5] = { ...records[5]!, hash: 77 };
  }],
  ["C3", "an offset is missing inside", (world) => {
    world.records[7] = { ...world.records[7]!, offset: 8 };
    world.end = 9;
  }],
  ["C3", "the end is said to lie behind the last record", (world) => {
    world.end = 9;
  }],
  ["C4", "a record that nobody sent", (world) => world.store(3, 0)],
  ["C4", "a record of another partition", (world) => {
    world.records[7] = { ...world.records[7]!, place: 1 };
  }],
  ["C5", "a record twice", (world) => world.store(0, 5)],
  ["C6", "an older batch of a producer behind a younger one", (world) => {
    world.send(2, 1, 1, "unknown", { stored: true });
    world.send(2, 0, 1, "unknown", { stored: true });
  }],
  ["C7", "a consumer was shown something else", (world) => world.see(1, 99)],
  ["C8", "an unknown batch is missing, what followed it is there", (world) => {
    world.send(1, 3, 1, "unknown", { stored: true });
  }],
  ["C8", "half a batch is there", (world) => {
    world.send(2, 0, 2, "unknown", { stored: true });
    world.records.pop();
  }],
  ["C9", "a consumer saw a higher end", (world) => world.seeEnds(0, 12)],
  ["C9", "an end went back before a consumer's eyes", (world) => {
    world.seeEnds(0, 8);
    world.seeEnds(0, 7);
  }],
  ["C9", "the log start went back before a consumer's eyes", (world) => {
    world.seeEnds(1, 8);
    world.seeEnds(0, 8);
    world.logStart = 1;
    world.records.shift();
  }],
  ["C13", "an acknowledgement after a storage error on the same connection", (world) => {
    const late = world.send(2, 0, 1, "pending", { stored: true, session: 30 });
    world.send(2, 1, 1, "failed", { session: 30, error: "storage_failed" });
    world.history.settle(late, "acked", 8, "");
  }],
  ["C13", "sent after a storage error was known, and acknowledged", (world) => {
    world.send(2, 0, 1, "failed", { session: 30, error: "storage_failed" });
    world.send(3, 0, 1, "acked", { session: 31 });
  }],
];

for (const [ids, what, change] of BREAKS) {
  test(`${ids}: ${what}`, () => {
    const world = soundWorld();
    change(world);
    world.judge();
    assert.deepEqual(world.found, ids.split(" "), world.checker.violations.join("\n"));
  });
}

test("C7, C9, C12: between two looks", () => {
  const changed = soundWorld();
  changed.judge();
  changed.records[7] = { ...changed.records[7]!, sequence: 2, producer: 1, hash: 1002 };
  changed.judge();
  assert.ok(changed.found.includes("C7"), "the unknown batch became another one");
  assert.ok(changed.found.includes("C12"), "which the first recovery had dropped");

  const shorter = soundWorld();
  shorter.judge();
  shorter.records.pop();
  shorter.judge();
  assert.deepEqual(shorter.found, ["C9"], "the unknown batch was seen, and is gone");

  const back = soundWorld();
  back.judge();
  back.store(1, 2);
  back.judge();
  assert.deepEqual(back.found, ["C12"], "dropped by the first recovery, there after the second");

  const unsynced = soundWorld();
  unsynced.judge(false);
  unsynced.store(1, 2);
  unsynced.judge();
  assert.deepEqual(unsynced.found, [], "out of sight before the start, there after it");
});

test("an idempotent batch may be sent again, and is there once", () => {
  const world = soundWorld();
  world.send(3, 0, 2, "unknown", { idempotent: true });
  world.judge();
  world.send(3, 0, 2, "acked", { idempotent: true, session: 40 });
  world.judge();
  assert.deepEqual(world.checker.violations, []);
  world.send(3, 0, 2, "acked", { idempotent: true, session: 41, stored: true });
  world.judge();
  assert.deepEqual(world.found, ["C5"]);
});

test("a batch that was refused by name leaves no hole, and must not come back", () => {
  const world = soundWorld();
  world.send(2, 0, 1, "failed", { error: "disk_full" });
  world.send(2, 1, 1, "acked");
  world.judge();
  assert.deepEqual(world.checker.violations, []);
  world.store(2, 0);
  world.judge();
  assert.deepEqual(world.found, ["C12", "C6"]);
});

test("a batch that was refused, then taken, then cut by the log start, is no hole", () => {
  const world = new World();
  world.send(3, 0, 3, "failed", { idempotent: true, error: "disk_full" });
  world.send(3, 0, 3, "acked", { idempotent: true, session: 40 });
  world.send(0, 0, 1, "acked");
  world.records.shift();
  world.logStart = 1;
  world.judge();
  assert.deepEqual(world.checker.violations, []);
});

test("a batch without an answer that was seen, then left with the oldest, is no hole", () => {
  const world = new World();
  world.send(0, 0, 2, "unknown", { stored: true });
  world.send(0, 2, 1, "unknown", { stored: true });
  world.judge();
  world.records = world.records.slice(2);
  world.logStart = 2;
  world.judge();
  assert.deepEqual(world.checker.violations, []);
});

test("a batch that was stored when it was sent again, and left unseen, is no hole", () => {
  const world = new World();
  world.send(0, 0, 1, "unknown", { idempotent: true });
  world.send(0, 1, 1, "unknown", { idempotent: true });
  world.send(0, 0, 1, "acked", { idempotent: true, session: 9 });
  world.send(0, 1, 1, "acked", { idempotent: true, session: 9 });
  world.records = world.records.slice(1);
  world.logStart = 1;
  world.judge();
  assert.deepEqual(world.checker.violations, []);
});

test("C8: a batch without an answer that nobody saw is a hole below what followed it", () => {
  const world = new World();
  world.send(0, 0, 2, "unknown", { stored: true });
  world.send(0, 2, 1, "unknown", { stored: true });
  world.records = world.records.slice(2);
  world.logStart = 2;
  world.judge();
  assert.deepEqual(world.found, ["C8"]);
});

test("C8: records of a refused batch are missing that no log start explains", () => {
  for (const remaining of [[0, 2], [0, 1], [1, 2]]) {
    const world = new World();
    world.send(3, 0, 3, "failed", { idempotent: true, error: "disk_full" });
    for (const sequence of remaining) world.store(3, sequence);
    world.judge();
    assert.deepEqual(world.found, ["C8"], remaining.join());
  }
  const behind = new World();
  behind.send(3, 0, 3, "failed", { idempotent: true, error: "disk_full" });
  behind.logStart = 5;
  behind.send(0, 0, 1, "acked");
  for (const sequence of [1, 2]) behind.store(3, sequence);
  behind.judge();
  assert.deepEqual(behind.found, ["C8"], "the log begins with another batch");
});

test("an acknowledgement before a storage error, or of another start, is none after it", () => {
  const world = soundWorld();
  const early = world.send(2, 0, 1, "pending", { stored: true });
  world.send(3, 0, 1, "failed", { error: "storage_failed" });
  // On another connection, whose replies may come later.
  world.history.settle(early, "acked", 8, "");
  world.history.life += 1;
  world.send(2, 1, 1, "acked", { session: 50 });
  world.judge();
  assert.deepEqual(world.checker.violations, []);
});

test("C11: two readings that differ in a record, in number or in their ends", () => {
  const world = soundWorld();
  const wire = world.reading("wire");
  world.checker.compare(wire, { ...wire, name: "files" });
  assert.deepEqual(world.checker.violations, []);
  const records = wire.records.map((record, i) => i === 3 ? { ...record, hash: 5 } : record);
  const others: Partial<Reading>[] = [
    { records },
    { records: wire.records.slice(0, -1) },
    { end: 9 },
    { logStart: 1 },
  ];
  for (const other of others) {
    const checker = new Checker(world.history);
    checker.compare(wire, { ...wire, name: "files", ...other });
    assert.match(checker.violations.join(), /^C11 wire: files /);
  }
});

test("a load that was not ended is no evidence", () => {
  const world = soundWorld();
  world.send(2, 0, 1, "pending");
  assert.throws(() => world.judge(), /not ended/);
});

test("a lost record is counted: what C14 asks for", () => {
  const world = soundWorld();
  world.records.splice(5);
  world.judge();
  assert.equal(world.checker.lost, 2, "the acknowledged ones; the unknown one is nobody's loss");
});
