/** The soak's judge: what it must find, one planted mistake after the other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Codec } from "../../src/codec/codec.ts";
import { concat, slowCrc32c, stamped } from "../support/batches.ts";
import { Ledger } from "./ledger.ts";
import { judge as judgeSamples, slopeOf } from "./verdict.ts";
import { encodeBatch, readBatches } from "./wire.ts";
import type { Sample } from "./samples.ts";

const PRODUCER = 7;

/** Batches of two records each: `firsts` are their first sequences, from `offset` on. */
function log(firsts: readonly number[], offset: number = 0, producer: number = PRODUCER) {
  const bytes = concat(firsts.map((first, index) => {
    const codec = index % 2 === 0 ? Codec.none : Codec.lz4;
    const plan = { producer, first, valueSizes: [20, 300], sentMs: 1, producerId: -1, codec };
    return stamped(encodeBatch(plan), offset + index * 2, 0);
  }));
  return { bytes, batches: readBatches(bytes) };
}

function ledger(): Ledger {
  const fresh = new Ledger("here/0");
  fresh.expect(PRODUCER);
  fresh.readFrom(0);
  return fresh;
}

function read(judge: Ledger, firsts: readonly number[], offset: number = 0): void {
  const { bytes, batches } = log(firsts, offset);
  judge.read(batches, bytes);
}

test("what is right is no violation, whoever comes first", () => {
  const judge = ledger();
  judge.acknowledged(0, PRODUCER, 0, 2);
  read(judge, [0, 2]);
  judge.acknowledged(2, PRODUCER, 2, 2);
  assert.deepEqual(judge.violations, []);
  assert.equal(judge.unread, 0);
  assert.equal(judge.readRecords, 4);
});

test("an acknowledged batch that is not there is found", () => {
  const judge = ledger();
  judge.acknowledged(0, PRODUCER, 0, 2);
  judge.acknowledged(2, PRODUCER, 2, 2);
  read(judge, [0, 4]);
  assert.match(judge.violations.join(), /7\/2 is missing/);
  assert.match(judge.violations.join(), /7\/4 at 2, acked 7\/2/);
});

test("an acknowledgement of what was read as something else is found", () => {
  const judge = ledger();
  read(judge, [0, 2]);
  judge.acknowledged(2, PRODUCER, 4, 2);
  assert.match(judge.violations.join(), /acknowledged at 2/);
});

test("a record twice, an offset left out, and a refused one are found", () => {
  const twice = ledger();
  read(twice, [0, 0]);
  assert.match(twice.violations.join(), /7\/0 at 2 again/);
  const gap = ledger();
  read(gap, [0], 0);
  read(gap, [2], 3);
  assert.match(gap.violations.join(), /offset 3 where 2 was due/);
  const refused = ledger();
  refused.notAcknowledged(PRODUCER, 2, 2, true);
  read(refused, [0, 2]);
  assert.match(refused.violations.join(), /was refused/);
});

test("a log that begins inside a batch, and gaps of an earlier life, are no violation", () => {
  const judge = new Ledger("here/0");
  judge.expect(PRODUCER);
  judge.readFrom(1);
  for (const { bytes, batches } of [log([0], 0, 2), log([10, 14], 2, 2)]) {
    judge.read(batches, bytes);
  }
  assert.deepEqual(judge.violations, []);
  assert.equal(judge.readRecords, 5);
});

test("a batch without an answer may be there or not", () => {
  for (const firsts of [[0, 2, 4], [0, 4]]) {
    const judge = ledger();
    judge.notAcknowledged(PRODUCER, 2, 2, false);
    read(judge, firsts);
    assert.deepEqual(judge.violations, []);
  }
});

test("an end below what was acknowledged, and deleted records that nobody read, are found", () => {
  const judge = ledger();
  judge.ends(0, 5, 6);
  assert.match(judge.violations.join(), /visible end 5 below 6/);
  const deleted = ledger();
  read(deleted, [0]);
  deleted.readFrom(4);
  assert.match(deleted.violations.join(), /begins at 4, and 2 was not read/);
});

test("one changed bit of a value is found, also under a right checksum", () => {
  const { bytes } = log([0]);
  bytes[bytes.length - 9]! ^= 1;
  assert.throws(() => readBatches(bytes), /checksum/);
  new DataView(bytes.buffer).setUint32(17, slowCrc32c(bytes.subarray(21)));
  assert.throws(() => readBatches(bytes), /other bytes than producer 7 sent as 1/);
});

test("memory does not grow with the log", () => {
  const judge = ledger();
  for (let i = 0; i < 40_000; i += 1) {
    judge.acknowledged(i * 2, PRODUCER, i * 2, 2);
    read(judge, [i * 2], i * 2);
  }
  assert.deepEqual(judge.violations, []);
  assert.ok(judge.anchors.length <= 512);
  assert.equal(judge.unread, 0);
});

test("the slope is that within starts, whatever level each has", () => {
  const samples = [0, 1, 2, 3, 4, 5].map((i) => {
    return { seconds: i * 3600, start: i < 3 ? 1 : 2, rssBytes: (i < 3 ? 1000 : 10) + 7 * i };
  }) as unknown as Sample[];
  const slope = slopeOf(samples, (sample) => sample.rssBytes);
  assert.ok(Math.abs(slope.perHour - 7) < 1e-9);
  assert.ok(slope.error < 1e-6);
});

test("memory that grows by 30 MiB an hour is a finding, a wave of 30 MiB is none", () => {
  const samples = (bytesAt: (index: number) => number) => {
    return Array.from({ length: 720 }, (_, index) => {
      const numbers = { anonymousBytes: bytesAt(index), descriptors: 50, threads: 5 };
      const latencies = { ackFsync: null, ackOs: null, seenFsync: null, seenOs: null };
      return {
        seconds: index * 10,
        up: index * 10,
        start: 1,
        levels: {},
        ...numbers,
        ...latencies,
      };
    }) as unknown as Sample[];
  };
  const MiB = 1048576;
  const growing = judgeSamples(samples((i) => 50 * MiB + i * 30 * MiB / 360));
  assert.match(growing.findings.join(), /it grows: anonymousBytes/);
  const waving = judgeSamples(samples((i) => (50 + 30 * ((i * 7) % 10) / 10) * MiB));
  assert.deepEqual(waving.findings, []);
});
