/** The scan of a segment: every byte is in a batch or in damage, and it finds its way again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libc } from "#ffi";
import { closeRoot, openRoot, segmentPlace } from "../../../src/tools/places.ts";
import { closeScan, openScan } from "../../../src/tools/segment_scan.ts";
import { batchOf, batchOfSize, concat, stamped } from "../../support/batches.ts";
import { named, TestDirectory } from "../../support/data_directory.ts";
import { forSeeds, type Prng } from "../../support/prng.ts";

const made = new TestDirectory();
const FILE = `orders-0/${named(0, ".log")}`;

interface Piece {
  kind: "batch" | "damage";
  from: number;
  size: number;
}

function scanned(bytes: Uint8Array): Piece[] {
  made.write(FILE, bytes);
  const root = openRoot(libc, made.root);
  const open = openScan(root, segmentPlace(root, FILE), () => {});
  const { scan } = open;
  const pieces: Piece[] = [];
  let offsetMin = 0;
  for (let step = scan.next(); step !== "end"; step = scan.next()) {
    const from = scan.position;
    if (step === "batch") {
      pieces.push({ kind: "batch", from, size: scan.size });
      offsetMin = scan.lastOffset + 1;
    } else {
      assert.notEqual(scan.problem, "");
      pieces.push({ kind: "damage", from, size: scan.skipDamage(offsetMin) });
    }
  }
  closeScan(root, open);
  closeRoot(root);
  let at = 0;
  for (const piece of pieces) {
    assert.equal(piece.from, at, "nothing is left out");
    assert.ok(piece.size > 0, "and every step moves on");
    at += piece.size;
  }
  assert.equal(at, bytes.length);
  return pieces;
}

function batches(prng: Prng, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, offset) => {
    return stamped(batchOf([prng.bytes(prng.between(0, 300))]), offset, 1);
  });
}

test("whole batches are found, from none to many and across reads", () => {
  assert.deepEqual(scanned(new Uint8Array(0)), []);
  const large = stamped(batchOfSize(5_000_000), 1, 1);
  const pieces = [stamped(batchOfSize(3_000_000), 0, 1), large, stamped(batchOfSize(100), 2, 1)];
  const sizes = scanned(concat(pieces)).map(({ kind, size }) => [kind, size]);
  assert.deepEqual(sizes, pieces.map((piece) => ["batch", piece.length]));
});

test("behind damage of any place and length the next whole batch is found", () => {
  forSeeds(150, (prng) => {
    const whole = batches(prng, 8);
    const bytes = concat(whole);
    const from = prng.below(bytes.length);
    const to = Math.min(bytes.length, from + prng.between(1, 400));
    const garbage = prng.chance(30) ? new Uint8Array(to - from) : prng.bytes(to - from);
    bytes.set(garbage, from);
    const found = scanned(bytes).filter(({ kind }) => kind === "batch").map((piece) => piece.from);
    let position = 0;
    for (const batch of whole) {
      const isTouched = position + batch.length > from && position < to;
      if (!isTouched) assert.ok(found.includes(position), `the batch at ${position}`);
      position += batch.length;
    }
  });
});

test("bytes put between batches, and bytes taken away, do not hide the rest", () => {
  forSeeds(60, (prng) => {
    const whole = batches(prng, 6);
    const at = prng.between(1, 4);
    const extra = scanned(concat([...whole.slice(0, at), prng.bytes(33), ...whole.slice(at)]));
    assert.equal(extra.filter(({ kind }) => kind === "batch").length, 6);
    const cut = [...whole.slice(0, at), whole[at]!.slice(0, 50), ...whole.slice(at + 1)];
    assert.equal(scanned(concat(cut)).filter(({ kind }) => kind === "batch").length, 5);
  });
});

test("a batch inside a value is not taken for one of the log", () => {
  const inner = stamped(batchOf([new Uint8Array(9)]), 0, 1);
  const outer = stamped(batchOf([inner]), 5, 1);
  outer[40]! ^= 1;
  const next = stamped(batchOf([new Uint8Array(3)]), 6, 1);
  const first = Array.from({ length: 5 }, (_, at) => stamped(batchOf([inner]), at, 1));
  const found = scanned(concat([...first, outer, next]));
  assert.deepEqual(found.map(({ kind }) => kind), [...first.map(() => "batch"), "damage", "batch"]);
});

test("random bytes end", () => {
  forSeeds(60, (prng) => {
    const bytes = prng.bytes(prng.below(3000));
    for (let at = 16; at < bytes.length; at += 61) bytes[at] = 2;
    scanned(bytes);
  });
});
