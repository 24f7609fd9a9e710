/** The offline reader: says what a sound directory holds, and names each thing that is wrong. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Checker } from "../../../support/proof/checker.ts";
import { hashSegments, readFiles, segments } from "../../../support/proof/file_reader.ts";
import { History } from "../../../support/proof/history.ts";
import { encodeBatch } from "../../../support/proof/records.ts";
import { concat, stamped } from "../../../support/batches.ts";
import { temporaryDirectory } from "../../../support/temporary.ts";

const PLACES = [{ place: 0, topic: "t", partition: 0 }];
const TIME = 1700000000000;

/** Two segments, of two batches and of one; two records a batch. */
class Directory {
  readonly data: string = temporaryDirectory("files");
  readonly checker: Checker = new Checker(new History());

  constructor() {
    mkdirSync(join(this.data, "t-0"));
    const batches = [0, 1, 2].map((i) => {
      const record = { keyed: true, value: new Uint8Array(50).fill(i), timestampDelta: 0 };
      const { bytes } = encodeBatch({
        ...{ producer: 0, place: 0, first: i * 2, timestamp: TIME + i, producerId: -1 },
        records: [record, record],
      });
      return stamped(bytes, i * 2, i === 2 ? 1 : 0);
    });
    this.write(0, "log", concat(batches.slice(0, 2)));
    this.write(4, "log", batches[2]!);
    this.index(batches[0]!.length, 3);
    this.times(TIME + 1, 3);
  }

  path(base: number, suffix: string): string {
    return join(this.data, "t-0", `${String(base).padStart(20, "0")}.${suffix}`);
  }

  write(base: number, suffix: string, bytes: Uint8Array): void {
    writeFileSync(this.path(base, suffix), bytes);
  }

  /** One entry. */
  index(position: number, relative: number): void {
    const view = new DataView(new ArrayBuffer(8));
    view.setInt32(0, relative);
    view.setInt32(4, position);
    this.write(0, "index", new Uint8Array(view.buffer));
  }

  times(timestamp: number, relative: number): void {
    const view = new DataView(new ArrayBuffer(12));
    view.setBigInt64(0, BigInt(timestamp));
    view.setInt32(8, relative);
    this.write(0, "timeindex", new Uint8Array(view.buffer));
  }

  change(base: number, change: (bytes: Uint8Array) => Uint8Array): void {
    const path = this.path(base, "log");
    writeFileSync(path, change(new Uint8Array(readFileSync(path))));
  }

  read(): { records: number; logStart: number; end: number } {
    const [reading] = readFiles(this.data, PLACES, this.checker);
    const { records, logStart, end } = reading!;
    return { records: records.length, logStart, end };
  }
}

test("a sound directory", () => {
  const directory = new Directory();
  assert.deepEqual(directory.read(), { records: 6, logStart: 0, end: 6 });
  assert.deepEqual(directory.checker.violations, []);
  const checkpoint = join(directory.data, "log-start-offset-checkpoint");
  writeFileSync(checkpoint, "0\n1\nt 0 3\n");
  assert.deepEqual(directory.read(), { records: 3, logStart: 3, end: 6 });
  rmSync(directory.path(0, "index"));
  directory.read();
  assert.deepEqual(directory.checker.violations, [], "an index that is missing is not wrong");
});

const BREAKS: readonly [what: RegExp, change: (directory: Directory) => void][] = [
  [/a batch of 12 bytes/, (d) => d.change(4, (bytes) => concat([bytes, new Uint8Array(64)]))],
  [/a header is cut/, (d) => d.change(4, (bytes) => concat([bytes, bytes.subarray(0, 9)]))],
  [/its CRC/, (d) => d.change(0, (bytes) => bytes.with(100, 7))],
  [/begins at 4, not 2/, (d) => d.change(0, (bytes) => bytes.subarray(0, bytes.length / 2))],
  [/epoch 0 < 1/, (d) => d.change(0, (bytes) => bytes.with(15, 1).with(bytes.length / 2 + 15, 0))],
  [/offset 3 is not at position 5/, (d) => d.index(5, 3)],
  [/offset 1 is not at position/, (d) => d.index(readFileSync(d.path(0, "log")).length / 2, 1)],
  [/: 9 bytes/, (d) => d.write(0, "index", new Uint8Array(9))],
  [/up to offset 3: /, (d) => d.times(TIME, 3)],
  [/up to offset 1: /, (d) => d.times(TIME + 1, 1)],
];

for (const [what, change] of BREAKS) {
  test(`C11: ${what.source}`, () => {
    const directory = new Directory();
    change(directory);
    directory.read();
    assert.match(directory.checker.violations.join("\n"), what);
    assert.match(directory.checker.violations[0] ?? "", /^C11 /);
  });
}

test("index files that are not judged", () => {
  const directory = new Directory();
  directory.index(5, 3);
  directory.times(TIME, 3);
  readFiles(directory.data, PLACES, directory.checker, false);
  assert.deepEqual(directory.checker.violations, []);
});

test("hashes change with any segment, and with no other file", () => {
  const directory = new Directory();
  const before = hashSegments(directory.data, PLACES);
  assert.deepEqual([...before.keys()], segments(join(directory.data, "t-0")));
  directory.index(0, 0);
  assert.deepEqual(hashSegments(directory.data, PLACES), before);
  directory.change(4, (bytes) => bytes.with(70, bytes[70]! ^ 1));
  assert.notDeepEqual(hashSegments(directory.data, PLACES), before);
  assert.deepEqual(segments(join(directory.data, "none-0")), []);
});
