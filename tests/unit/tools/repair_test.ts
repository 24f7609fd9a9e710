/**
 * repair: a dry run changes nothing, a repair cuts at the damage and keeps every byte, and what
 * it leaves has no findings. Cut off at any call, it can be begun again.
 */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { test } from "node:test";
import { libc } from "#ffi";
import { AT_FDCWD, EIO, ENOSPC, LOCK_EX, O_CREAT, O_RDWR } from "../../../ffi/constants.ts";
import type { Libc } from "../../../ffi/libc.ts";
import { StorageError } from "../../../src/log/files.ts";
import { type Finding, findingText } from "../../../src/tools/findings.ts";
import { repair, type RepairOptions, type RepairOutcome } from "../../../src/tools/repair.ts";
import { verify } from "../../../src/tools/verify.ts";
import { batchOf, sameBytes } from "../../support/batches.ts";
import { named, TestDirectory } from "../../support/data_directory.ts";
import { FaultyLibc } from "../../support/faulty_libc.ts";
import { LogWorld } from "../../support/log_world.ts";

const LOG = `orders-0/${named(20, ".log")}`;

/** Three segments of 5 batches of 4 records: offsets 0 to 59; a clean stop. */
function directory(): TestDirectory {
  const made = new TestDirectory();
  made.topic("orders");
  made.topic("other", 1, "6d56ff71-2b39-47a9-8d3f-4ef52ca23466");
  made.catalogue();
  const segment = (epoch: number) => Array.from({ length: 5 }, () => ({ count: 4, epoch }));
  made.log("orders-0", [segment(0), segment(1), segment(2)]);
  made.log("other-0", [[{ count: 1 }]]);
  made.checkpoint("orders-0/leader-epoch-checkpoint", ["0 0", "1 20", "2 40"]);
  made.checkpoint("recovery-point-offset-checkpoint", ["orders 0 60", "other 0 1"]);
  made.checkpoint("replication-offset-checkpoint", ["orders 0 60", "other 0 1"]);
  made.checkpoint("log-start-offset-checkpoint", ["orders 0 0", "other 0 0"]);
  for (const offset of [20, 40, 60]) made.snapshot("orders-0", offset, offset - 1);
  made.cleanStop();
  return made;
}

/** Damages the batch of offsets 28 to 31. Returns where it begins. */
function damage(made: TestDirectory): number {
  const { position } = made.batches.get("orders-0")![7]!;
  made.change(LOG, (bytes) => {
    bytes[position + 80]! ^= 1;
  });
  return position;
}

function run(
  made: TestDirectory,
  options: Partial<RepairOptions> = {},
  use: Libc = libc,
): { outcome: RepairOutcome; lines: string[] } {
  const lines: string[] = [];
  const outcome = repair(use, made.root, "orders-0", {
    truncate: false,
    rebuild: false,
    keepDirectory: null,
    tell: (line) => lines.push(line),
    progress: () => {},
    ...options,
  });
  return { outcome, lines };
}

function findings(made: TestDirectory): string[] {
  const found: Finding[] = [];
  verify(libc, made.root, { partition: null, tell: (one) => found.push(one), progress: () => {} });
  return found.map(findingText);
}

/** Every file and its content. */
function picture(made: TestDirectory): Map<string, string> {
  const files = new Map<string, string>();
  for (const entry of readdirSync(made.root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === ".lock") continue;
    const name = `${entry.parentPath}/${entry.name}`.slice(made.root.length + 1);
    files.set(name, Array.from(made.read(name)).join());
  }
  return files;
}

test("a partition without damage needs nothing, with every flag", () => {
  const made = directory();
  const before = picture(made);
  for (const flags of [{}, { truncate: true }, { rebuild: true }]) {
    assert.equal(run(made, flags).outcome, "nothing");
    assert.deepEqual(picture(made), before);
  }
});

test("without a flag it says what it would do, and does nothing", () => {
  const made = directory();
  const position = damage(made);
  const before = picture(made);
  const { outcome, lines } = run(made);
  assert.equal(outcome, "planned");
  assert.deepEqual(picture(made), before);
  assert.ok(!made.has(".lock"));
  const text = lines.join("\n");
  assert.match(text, new RegExp(`^${LOG} at ${position}: the checksum of a batch does not fit`));
  assert.match(text, new RegExp(`would cut ${LOG} to ${position} bytes`));
  assert.match(text, /the log then ends at 28; offsets 28 to 59 go/);
  assert.match(text, new RegExp(`would put aside orders-0/${named(40, ".log")}`));
  assert.match(text, new RegExp(`would keep ${LOG}\\.damaged-1`));
  assert.match(text, /nothing was changed: run it again with --truncate/);
});

test("--truncate cuts before the damage, keeps every byte, and leaves no finding", () => {
  const made = directory();
  const position = damage(made);
  const before = picture(made);
  const whole = made.read(LOG);
  assert.equal(run(made, { truncate: true }).outcome, "done");
  assert.deepEqual(findings(made), []);
  sameBytes(made.read(LOG), whole.slice(0, position), "what is before the damage");
  sameBytes(made.read(`${LOG}.damaged-1`), whole, "the copy");
  for (const [name, content] of before) {
    const isSame = made.has(name) && Array.from(made.read(name)).join() === content;
    if (isSame) continue;
    const copy = `${name}.damaged-1`;
    assert.equal(
      made.has(copy) && Array.from(made.read(copy)).join(),
      content,
      `a copy of ${name}`,
    );
  }
  const text = (name: string) => new TextDecoder().decode(made.read(name));
  assert.equal(text("recovery-point-offset-checkpoint"), "0\n2\norders 0 28\nother 0 1\n");
  assert.equal(text("replication-offset-checkpoint"), "0\n2\norders 0 28\nother 0 1\n");
  assert.equal(text("orders-0/leader-epoch-checkpoint"), "0\n2\n0 0\n1 20\n");
  assert.ok(made.has(`orders-0/${named(20, ".snapshot")}`));
  assert.ok(!made.has(`orders-0/${named(40, ".snapshot")}`));
  assert.equal(run(made).outcome, "nothing", "and a second repair has nothing to do");
});

test("copies may go to another directory, and the next repair has another number", () => {
  const made = directory();
  damage(made);
  mkdirSync(made.path("kept"));
  const whole = made.read(LOG);
  const later = made.read(`orders-0/${named(40, ".log")}`);
  run(made, { truncate: true, keepDirectory: made.path("kept") });
  sameBytes(made.read(`kept/orders-0.${named(20, ".log")}.damaged-1`), whole, "the damaged one");
  sameBytes(made.read(`kept/orders-0.${named(40, ".log")}.damaged-1`), later, "a later one");
  assert.ok(!readdirSync(made.path("orders-0")).some((name) => name.includes("damaged")));
  assert.deepEqual(findings(made), []);
  made.change(LOG, (bytes) => {
    bytes[70]! ^= 1;
  });
  run(made, { truncate: true, keepDirectory: made.path("kept") });
  assert.ok(made.has(`kept/orders-0.${named(20, ".log")}.damaged-2`));
  const again = directory();
  damage(again);
  run(again, { truncate: true });
  again.change(LOG, (bytes) => {
    bytes[70]! ^= 1;
  });
  run(again, { truncate: true });
  assert.ok(again.has(`${LOG}.damaged-1`));
  assert.ok(again.has(`${LOG}.damaged-2`));
  assert.deepEqual(findings(again), []);
  const third = directory();
  damage(third);
  const before = picture(third);
  const keepDirectory = third.path("none");
  assert.throws(() => run(third, { truncate: true, keepDirectory }), /none: ENOENT/);
  assert.deepEqual(picture(third), before);
});

test("damage at the first byte of the log leaves an empty one", () => {
  const made = directory();
  made.change(`orders-0/${named(0, ".log")}`, (bytes) => {
    bytes[16] = 9;
  });
  assert.equal(run(made, { truncate: true }).outcome, "done");
  assert.equal(made.read(`orders-0/${named(0, ".log")}`).length, 0);
  assert.deepEqual(findings(made), []);
});

test("--rebuild makes anew what is derived from the log, and touches no log", () => {
  const wrong: readonly [string, (made: TestDirectory) => void][] = [
    ["index", (made) =>
      made.change(`orders-0/${named(20, ".index")}`, (bytes) => {
        bytes[7]! ^= 1;
      })],
    ["time index", (made) =>
      made.change(`orders-0/${named(0, ".timeindex")}`, (bytes) => {
        bytes[7]! ^= 64;
      })],
    ["length", (made) => made.change(`orders-0/${named(0, ".index")}`, (bytes) => bytes.slice(1))],
    ["snapshot", (made) =>
      made.change(`orders-0/${named(40, ".snapshot")}`, (bytes) => {
        bytes[12]! ^= 1;
      })],
    ["snapshot ahead", (made) => made.snapshot("orders-0", 99, 98)],
    ["epochs", (made) => made.checkpoint("orders-0/leader-epoch-checkpoint", ["0 0", "2 40"])],
    ["no epochs", (made) => made.write("orders-0/leader-epoch-checkpoint", "0\n1\n")],
  ];
  for (const [label, change] of wrong) {
    const made = directory();
    change(made);
    const logs = [...picture(made)].filter(([name]) => name.endsWith(".log"));
    assert.notDeepEqual(findings(made), [], label);
    assert.equal(run(made).outcome, "planned", label);
    assert.equal(run(made, { rebuild: true }).outcome, "done", label);
    assert.deepEqual(findings(made), [], label);
    assert.deepEqual([...picture(made)].filter(([name]) => name.endsWith(".log")), logs, label);
    assert.ok(
      readdirSync(made.path("orders-0")).some((name) => name.endsWith(".damaged-1")),
      label,
    );
  }
});

test("--rebuild alone refuses a log that is damaged itself", () => {
  const made = directory();
  damage(made);
  const before = picture(made);
  assert.throws(() => run(made, { rebuild: true }), /the log itself is damaged/);
  assert.deepEqual(picture(made), before);
});

test("a log that is shorter than its recovery point is accepted as it is with --truncate", () => {
  const made = directory();
  for (const kind of [".log", ".index", ".timeindex"]) {
    rmSync(made.path(`orders-0/${named(40, kind)}`));
  }
  assert.notDeepEqual(findings(made), []);
  assert.match(run(made).lines.join("\n"), /would set this partition to 40 in recovery-point/);
  run(made, { truncate: true });
  assert.deepEqual(findings(made), []);
});

/** Opens the partition as the start after a kill does; why it is degraded, and the end. */
function started(made: TestDirectory): { degraded: string; end: number } {
  const offsetIn = (file: string) => {
    const text = new TextDecoder().decode(made.read(`${file}-offset-checkpoint`));
    return Number(/^orders 0 (\d+)$/m.exec(text)![1]);
  };
  const world = new LogWorld({ root: made.root });
  const [recoveryPoint, logStart] = [offsetIn("recovery-point"), offsetIn("log-start")];
  const { partition } = world.open({}, { epoch: 3, recoveryPoint, logStart });
  const { degraded, stagedEnd: end } = partition;
  if (degraded === "") world.append(partition, batchOf([new Uint8Array(9)]));
  partition.abandon();
  world.end();
  return { degraded, end };
}

test("what makes a partition degraded is damage to verify, and repair mends it", () => {
  const without = (made: TestDirectory, base: number) => {
    for (const kind of [".log", ".index", ".timeindex"]) {
      rmSync(made.path(`orders-0/${named(base, kind)}`));
    }
  };
  const header = (at: number, byte: number) => (made: TestDirectory) => {
    const { segment, position } = made.batches.get("orders-0")![at]!;
    for (const kind of [".index", ".timeindex"]) {
      rmSync(made.path(`orders-0/${named(segment, kind)}`));
    }
    made.change(`orders-0/${named(segment, ".log")}`, (bytes) => {
      bytes[position + byte]! ^= 1;
    });
  };
  const damages: readonly [string, (made: TestDirectory) => void, number][] = [
    ["a segment in the middle is gone", (made) => without(made, 20), 20],
    ["the first segment is gone", (made) => without(made, 0), 60],
    ["the last segment is gone", (made) => without(made, 40), 40],
    ["an offset in a header of an old segment", header(7, 7), 28],
    ["a length in a header of the last segment", header(11, 11), 44],
    ["the first header of a segment", header(10, 7), 40],
    ["an old segment is shorter", (made) => made.change(LOG, (bytes) => bytes.slice(0, -1)), 36],
  ];
  for (const [label, harm, end] of damages) {
    for (const isMended of [false, true]) {
      const made = directory();
      harm(made);
      rmSync(made.path(".kafka_cleanshutdown"));
      assert.match(findings(made).join("\n"), /^damage /m, label);
      if (!isMended) {
        assert.notEqual(started(made).degraded, "", label);
        continue;
      }
      const { outcome, lines } = run(made, { truncate: true });
      assert.equal(outcome, "done", `${label}: ${lines.join("\n")}`);
      assert.deepEqual(findings(made), [], label);
      assert.equal(run(made).outcome, "nothing", label);
      assert.deepEqual(started(made), { degraded: "", end }, label);
    }
  }
});

test("a gap of a topic that is or was compacted is left as it is", () => {
  const config = [{ key: "cleanup.policy", value: "compact" }];
  for (const compacted of [{ config }, { wasCompacted: true }] as const) {
    const made = directory();
    made.topics[0] = { ...made.topics[0]!, ...compacted };
    made.catalogue();
    for (const kind of [".log", ".index", ".timeindex"]) {
      rmSync(made.path(`orders-0/${named(20, kind)}`));
    }
    assert.equal(run(made, { truncate: true }).outcome, "nothing");
  }
});

test("while a broker works in the directory it is refused", () => {
  const made = directory();
  damage(made);
  const lock = libc.openat(AT_FDCWD, made.path(".lock"), O_RDWR | O_CREAT, 0o600);
  libc.flock(lock, LOCK_EX);
  const before = picture(made);
  for (const flags of [{}, { truncate: true }, { rebuild: true }]) {
    assert.throws(() => run(made, flags), /is in use/);
  }
  assert.deepEqual(picture(made), before);
  libc.close(lock);
  assert.equal(run(made, { truncate: true }).outcome, "done");
  const free = libc.openat(AT_FDCWD, made.path(".lock"), O_RDWR, 0);
  assert.equal(libc.flock(free, LOCK_EX), 0, "the lock was given back");
  libc.close(free);
});

test("cut off at any call, nothing is lost and the next run finishes it", () => {
  const changing = ["openat", "pwrite", "ftruncate", "fsync", "renameat"];
  for (const errno of [EIO, ENOSPC]) {
    for (let k = 0;; k += 1) {
      const made = directory();
      damage(made);
      const whole = made.read(LOG);
      const faulty = new FaultyLibc(libc);
      let left = k;
      faulty.plan = (call, args) => {
        const isChange = changing.includes(call) &&
          (call !== "openat" || Number(args[2]) % 4 !== 0);
        if (!isChange) return undefined;
        left -= 1;
        return left < 0 ? -errno : undefined;
      };
      let failed = false;
      try {
        run(made, { truncate: true }, faulty.libc);
      } catch (error) {
        assert.ok(error instanceof StorageError, String(error));
        failed = true;
      }
      const closed = faulty.calls.filter((call) => call === "close").length;
      assert.equal(closed, faulty.opened, "no descriptor is left open");
      const copies = [LOG, ...["1", "2"].map((n) => `${LOG}.damaged-${n}`)].filter((name) => {
        return made.has(name) && made.read(name).length === whole.length;
      });
      assert.ok(copies.length > 0, `call ${k}: the damaged bytes are somewhere`);
      if (!failed) break;
      const again = run(made, { truncate: true }).outcome;
      assert.ok(again === "done" || again === "nothing", again);
      assert.deepEqual(findings(made), [], `call ${k}`);
    }
  }
});

test("what is not a partition of the directory is refused", () => {
  const made = directory();
  const bad = {
    truncate: true,
    rebuild: false,
    keepDirectory: null,
    tell: () => {},
    progress: () => {},
  };
  assert.throws(() => repair(libc, made.root, "orders-1", bad), /has no partition orders-1/);
  assert.throws(() => repair(libc, made.root, "../x-0", bad), /is not a partition/);
  assert.throws(() => repair(libc, made.path("orders-0"), "orders-0", bad), /is no data directory/);
});
