/**
 * Every single damage to a small data directory: each bit and each length of the log, and of every
 * file beside it, at several recovery points and after both kinds of stop.
 *
 *     | below the recovery point: kept, named, the rest served | above it: torn, cut before it |
 *
 * What nobody can see at a start, and why that is not served as right: a clean start scans nothing,
 * an unclean one only from the batch before the recovery point on. A flipped bit in an older batch
 * is met by the client's check of length, magic and checksum. Two fields lie outside of it: the
 * epoch, which no consumer takes for a record's content, and the base offset. A wrong base offset
 * that no start walks over is served (Kafka's format has no more to say about it); `sluice verify`
 * finds it, which is tested here too.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ErrorCodes } from "../../src/format/errors.ts";
import { verify } from "../../src/tools/verify.ts";
import {
  accepted,
  BATCHES,
  DamageWorld,
  DATA,
  LOG,
  type Opened,
  prepare,
  sameRecords,
  type Shape,
  stage,
} from "./damage_world.ts";
import { At } from "./attempt_bytes.ts";
import { figure } from "../support/figures.ts";

const SHAPES: readonly Shape[] = [
  prepare("a kill without a checkpoint", 0, {}),
  prepare("a kill, recovery point after the first batch", 1, {}),
  prepare("a kill, recovery point after the second batch", 2, {}),
  prepare("a kill, recovery point at the end", 3, {}),
  prepare("a clean stop", 3, { clean: true }),
  prepare("a kill, the damaged segment sealed", 4, { sealed: true }),
  prepare("a clean stop, the damaged segment sealed", 4, { sealed: true, clean: true }),
];

interface Damage {
  readonly shape: Shape;
  /** The log as it is after the damage. */
  readonly bytes: Uint8Array;
  /** First byte that is wrong or missing. */
  readonly at: number;
  readonly isCut: boolean;
  readonly label: string;
}

const tally = { flips: 0, lengths: 0, torn: 0, degraded: 0, unnoticed: 0, lies: 0 };
const lies: Damage[] = [];

function* everyDamage(shape: Shape): Generator<Damage> {
  const whole = shape.files.get(LOG)!;
  for (let bit = 0; bit < whole.length * 8; bit += 1) {
    const at = bit >> 3;
    const bytes = whole.slice();
    bytes[at]! ^= 1 << (bit & 7);
    tally.flips += 1;
    yield { shape, bytes, at, isCut: false, label: `${shape.name}: bit ${bit & 7} of byte ${at}` };
  }
  for (let length = 0; length < whole.length; length += 1) {
    const bytes = whole.slice(0, length);
    tally.lengths += 1;
    yield { shape, bytes, at: length, isCut: true, label: `${shape.name}: cut to ${length}` };
  }
}

/** Which batch of the damaged segment holds the byte. */
function batchAt(position: number): number {
  let batch = 0;
  while (batch + 1 < 3 && BATCHES[batch + 1]!.position <= position) batch += 1;
  return batch;
}

function pointOf({ known }: Shape): number {
  return BATCHES[known - 1]?.end ?? -1;
}

function checkOne(damage: Damage): void {
  const { shape, bytes, at, label } = damage;
  const world = new DamageWorld(new Map([...shape.files, [LOG, bytes]]));
  const { clean } = shape;
  const opened = world.open({ clean, recoveryPoint: pointOf(shape) });
  const after = world.files().get(LOG)!;
  const hit = batchAt(at);
  if (hit < shape.known) checkBelow(damage, opened, after, hit);
  else checkAbove(damage, opened, after, hit);
  checkServed(damage, world, opened, hit);
  const code = stage(opened, world.libc, BATCHES[3]!.bytes);
  const isDegraded = opened.partition.degraded !== "";
  // The producer's next sequence is another one after a cut: any code but a crash is right then.
  if (isDegraded) assert.equal(code, -ErrorCodes.partition_degraded, label);
  world.end();
}

/** Below the recovery point no byte changes, and what a start sees is named. */
function checkBelow(damage: Damage, { partition, report }: Opened, after: Uint8Array, hit: number) {
  const { label, bytes, isCut } = damage;
  assert.deepEqual(after, bytes, `${label}: the file is as it was`);
  assert.equal(report.bytesDropped, 0, label);
  const { degraded, damage: ranges } = partition;
  assert.equal(degraded, report.degraded, label);
  assert.equal(degraded === "", ranges.length === 0, label);
  if (mustBeSeen(damage, hit)) assert.notEqual(degraded, "", `${label}: it is seen`);
  if (degraded === "") {
    tally.unnoticed += 1;
    assert.equal(partition.written.offset, BATCHES[damage.shape.batches - 1]!.end, label);
    return;
  }
  tally.degraded += 1;
  assert.match(degraded, /offset/, label);
  const { base, end } = BATCHES[hit]!;
  const [range] = ranges;
  assert.ok(isCut ? range!.from === base : range!.from <= end, `${label}: ${degraded}`);
  assert.ok(hit === 0 || range!.from >= BATCHES[hit - 1]!.base, `${label}: ${degraded}`);
  assert.ok(range!.to <= pointOf(damage.shape), `${label}: ${degraded}`);
}

/** What a start looks at below the recovery point. */
function mustBeSeen({ shape, at, isCut }: Damage, hit: number): boolean {
  if (shape.clean && shape.known > 3) return false; // sealed segments are believed
  if (isCut) return true;
  const field = at - BATCHES[hit]!.position;
  if (field >= At.epoch && field < At.magic) return false;
  const isLast = hit === Math.min(shape.known, 3) - 1;
  // The batch before the recovery point is checked as a whole: a scan from there depends on it.
  if (isLast && !shape.clean && shape.known <= 3) return true;
  if (isLast) return field < At.epoch || (field >= At.lastOffsetDelta && field < At.baseTimestamp);
  return false;
}

/** Above the recovery point the log ends before the first batch that is not right. */
function checkAbove(damage: Damage, { partition, report }: Opened, after: Uint8Array, hit: number) {
  const { label, bytes, at, isCut } = damage;
  const { base, end, position } = BATCHES[hit]!;
  assert.equal(partition.degraded, "", label);
  assert.deepEqual(after, bytes.subarray(0, after.length), `${label}: it is a beginning`);
  assert.equal(report.bytesDropped, bytes.length - after.length, label);
  const field = at - position;
  if (!isCut && field >= At.epoch && field < At.magic) {
    // A lower epoch is stale, a higher one makes what follows stale.
    const ends = [base, end, BATCHES[2]!.end];
    assert.ok(ends.includes(partition.written.offset), `${label}: ${partition.written.offset}`);
    return;
  }
  tally.torn += 1;
  assert.equal(partition.written.offset, base, label);
  assert.equal(after.length, position, label);
  assert.equal(report.stoppedAt !== "", bytes.length > position, label);
}

function checkServed(damage: Damage, world: DamageWorld, opened: Opened, hit: number): void {
  const { shape, label } = damage;
  const { partition } = opened;
  const end = Math.min(partition.visible.offset, BATCHES[shape.batches - 1]!.end);
  const isNamed = (offset: number) => {
    return partition.damage.some(({ from, to }) => offset >= from && offset < to);
  };
  for (let i = 0; i < shape.batches; i += 1) {
    const batch = BATCHES[i]!;
    for (let offset = batch.base; offset < Math.min(batch.end, end); offset += 1) {
      const bytes = world.read(opened, offset, 1);
      if (typeof bytes === "number") {
        const code = isNamed(offset) ? ErrorCodes.partition_degraded : ErrorCodes.storage_failed;
        assert.equal(bytes, code, `${label}: offset ${offset}`);
        assert.ok(isNamed(offset) || isLost(damage, hit, i), `${label}: offset ${offset}`);
        continue;
      }
      const [first] = accepted(bytes);
      if (first === undefined) assert.ok(isLost(damage, hit, i), `${label}: offset ${offset}`);
      else checkRight(damage, hit, offset, first);
    }
  }
  for (const maxBytes of [400, 65536]) {
    for (let offset = 0; offset < end;) {
      const bytes = world.read(opened, offset, maxBytes);
      let next = BATCHES.find((batch) => batch.end > offset)!.end;
      if (typeof bytes !== "number") {
        for (const batch of accepted(bytes)) {
          checkRight(damage, hit, offset, batch);
          next = Math.max(next, BATCHES.find(({ end: last }) => last > batch.base)?.end ?? end);
        }
      }
      offset = next;
    }
  }
}

/** The batch itself, and what can be found over its header alone. */
function isLost({ at, isCut }: Damage, hit: number, batch: number): boolean {
  const field = at - BATCHES[hit]!.position;
  return batch === hit || (batch > hit && (isCut || field < At.baseTimestamp));
}

/** What a client takes for right is what was appended at that offset. */
function checkRight(
  damage: Damage,
  hit: number,
  asked: number,
  batch: { base: number; bytes: Uint8Array },
) {
  const { label, shape, at } = damage;
  const original = BATCHES.find(({ bytes }) => sameRecords(bytes, batch.bytes));
  assert.ok(original !== undefined, `${label}: offset ${asked}: a batch that nobody sent`);
  if (original.base === batch.base) return;
  const isOffset = at - BATCHES[hit]!.position < At.length;
  const isOld = hit < shape.known && original === BATCHES[hit];
  assert.ok(isOffset && isOld, `${label}: offset ${asked}: served as offset ${batch.base}`);
  if (lies[lies.length - 1] === damage) return;
  tally.lies += 1;
  lies.push(damage);
}

for (const shape of SHAPES) {
  test(`every bit and every length of a segment of three batches: ${shape.name}`, () => {
    for (const damage of everyDamage(shape)) checkOne(damage);
  });
}

test("a base offset that no start looks at is found by verify", () => {
  assert.ok(lies.length > 0, "an old batch may say another offset");
  for (const { shape, bytes, label } of lies) {
    const world = new DamageWorld(new Map([...shape.files, [LOG, bytes]]));
    const found = verifyDirectory(world);
    assert.ok(found.some((finding) => finding.includes(LOG)), `${label}: ${found.join("; ")}`);
  }
});

/** Paths of what is damaged. */
function verifyDirectory(world: DamageWorld): string[] {
  const found: string[] = [];
  verify(world.libc, DATA, {
    partition: null,
    tell: ({ severity, path }) => {
      if (severity === "damage") found.push(path);
    },
    progress: () => {},
  });
  return found;
}

test("all of that was met", () => {
  const { flips, lengths, torn, degraded, unnoticed } = tally;
  assert.deepEqual([flips, lengths], [7 * 8 * 1016, 7 * 1016]);
  figure(`segments: ${flips} single bits, ${lengths} lengths; torn ${torn}, degraded ${degraded}`);
  for (const count of [torn, degraded, unnoticed]) assert.ok(count > 10000, JSON.stringify(tally));
});
