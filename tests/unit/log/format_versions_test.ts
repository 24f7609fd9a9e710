/** What a newer program wrote is refused by the name of the file, and nothing is touched. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import { AT_FDCWD } from "../../../ffi/constants.ts";
import { DataDirectory } from "../../../src/log/data_directory.ts";
import { openDirectory } from "../../../src/log/files.ts";
import { newerFile, PartitionFormats } from "../../../src/log/format_versions.ts";
import { encodeSnapshot } from "../../../src/log/producer_snapshot.ts";
import { ProducerState } from "../../../src/log/producer_state.ts";
import { snapshotFile } from "../../support/snapshot_file.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { treeOf } from "../../support/tree.ts";

const SNAPSHOT = "00000000000000000042.snapshot";

function withFile(name: string, content: string): { root: string; fd: number } {
  const root = temporaryDirectory("formats");
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), content, "latin1");
  return { root, fd: openDirectory(libc, AT_FDCWD, dirname(join(root, name))) };
}

test("files of the data directory: the newest format, a newer one, and what is none", () => {
  const rows: [name: string, known: string, newer: string, format: string][] = [
    ["catalogue", "sluice-catalogue 1 crc32c=", "sluice-catalogue 2 crc32c=", "2"],
    ["meta.properties", "#\n#Sat\nversion=1\n", "#\n#Sat\nversion=2\n", "2"],
    [".kafka_cleanshutdown", '{"version":0,"brokerEpoch":7}', '{"version":10}', "10"],
    ["recovery-point-offset-checkpoint", "0\n0\n", "1\n0\nmore\n", "1"],
    ["log-start-offset-checkpoint", "0\n0\n", "12\n0\nmore\n", "12"],
  ];
  for (const [name, known, newer, format] of rows) {
    for (const content of [known, "", "version", "\0\0\0\x02", "-1\n"]) {
      assert.equal(newerFile(libc, withFile(name, content).fd), null, `${name}: ${content}`);
    }
    const said = newerFile(libc, withFile(name, newer).fd) ?? "";
    assert.match(said, new RegExp(`^${name} is of format ${format}, this version knows \\d: `));
  }
});

test("files of a partition: the newest format, a newer one, and what is none", () => {
  const rows: [name: string, known: string, newer: string, format: string][] = [
    ["partition.metadata", "version: 0\ntopic_id: x", "version: 1\ntopic_id: x", "1"],
    ["leader-epoch-checkpoint", "0\n1\n0 0\n", "1\n1\n0 0 0\n", "1"],
    [SNAPSHOT, snapshotFile(1, "of ours"), snapshotFile(2, "of another"), "2"],
  ];
  for (const [name, known, newer, format] of rows) {
    const formats = new PartitionFormats(libc);
    for (const content of [known, "", "\0", "x", "\0\x02torn"]) {
      const { fd } = withFile(`t-0/${name}`, content);
      assert.equal(formats.newerFile(fd, "t-0"), null, `${name}: ${content}`);
    }
    const { fd } = withFile(`t-0/${name}`, newer);
    assert.match(formats.newerFile(fd, "t-0") ?? "", new RegExp(`^t-0/${name} .* ${format}, `));
    assert.equal(formats.newerFile(fd, "t-0", name), null, "it need not be looked at");
  }
});

test("what is right but for its version is damaged, not newer", () => {
  const formats = new PartitionFormats(libc);
  assert.equal(
    formats.newerFile(withFile("t-0/leader-epoch-checkpoint", "4\n1\n0 0\n").fd, ""),
    null,
  );
  assert.equal(newerFile(libc, withFile("log-start-offset-checkpoint", "1\n0\n").fd), null);
  const snapshot = encodeSnapshot(new ProducerState());
  const body = String.fromCharCode(...snapshot.bytes.subarray(6, 10));
  const said = (content: string) => {
    return formats.newerFile(withFile(`t-0/${SNAPSHOT}`, content).fd, "t");
  };
  assert.equal(said(snapshotFile(5, body)), null);
  assert.match(said(snapshotFile(5, `${body}x`)) ?? "", /format 5/);
});

test("a snapshot that a power cut tore is damaged, not newer", () => {
  const whole = snapshotFile(5, "another format");
  for (const torn of [whole.slice(0, -1), `${whole}x`, whole.replace("other", "\0\0\0\0\0")]) {
    const { fd } = withFile(`t-0/${SNAPSHOT}`, torn);
    assert.equal(new PartitionFormats(libc).newerFile(fd, "t"), null);
  }
});

test("a file that cannot be read is for others to say: a start does without a snapshot", () => {
  const { root, fd } = withFile("t-0/partition.metadata", "version: 0\ntopic_id: x");
  symlinkSync("nowhere", join(root, "t-0", SNAPSHOT));
  mkdirSync(join(root, "t-0", "00000000000000000043.snapshot"));
  assert.equal(new PartitionFormats(libc).newerFile(fd, "t-0"), null);
});

test("the refusal comes before the lock makes its file", () => {
  const root = temporaryDirectory("formats");
  DataDirectory.open(libc, root, true).closeClean();
  rmSync(join(root, ".lock"));
  const catalogue = readFileSync(join(root, "catalogue"), "latin1");
  writeFileSync(join(root, "catalogue"), catalogue.replace("catalogue 1", "catalogue 2"));
  const before = treeOf(root);
  assert.throws(() => DataDirectory.open(libc, root, true), /catalogue is of format 2/);
  assert.deepEqual(treeOf(root), before);
  assert.ok(!existsSync(join(root, ".lock")));
});
