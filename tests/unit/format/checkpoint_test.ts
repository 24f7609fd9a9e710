/** Kafka's small text files: what was formatted is parsed, and nothing that is not right. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatEpochs,
  formatOffsets,
  formatPartitionMetadata,
  formatSealedOffsets,
  parseEpochs,
  parseOffsets,
  parsePartitionMetadata,
} from "../../../src/format/checkpoint.ts";
import { forSeeds } from "../../support/prng.ts";

test("epochs and offsets, as Kafka writes them", () => {
  const epochs = [{ epoch: 0, startOffset: 0 }, { epoch: 7, startOffset: 9007199254740991 }];
  assert.equal(formatEpochs(epochs), "0\n2\n0 0\n7 9007199254740991\n");
  assert.deepEqual(parseEpochs(formatEpochs(epochs)), epochs);
  assert.equal(formatEpochs([]), "0\n0\n");
  assert.deepEqual(parseEpochs("0\n0\n"), []);
  const offsets = [
    { topic: "orders", partition: 0, offset: 12 },
    { topic: "a.b-c_d", partition: 1023, offset: 0 },
  ];
  assert.equal(formatOffsets(offsets), "0\n2\norders 0 12\na.b-c_d 1023 0\n");
  assert.deepEqual(parseOffsets(formatOffsets(offsets)), offsets);
});

test("a sealed list says when a bit of it is wrong", () => {
  const entries = [
    { topic: "orders", partition: 0, offset: 12 },
    { topic: "orders", partition: 1, offset: 4096 },
  ];
  const text = formatSealedOffsets(entries);
  assert.equal(text, "0\n3\norders 0 12\norders 1 4096\n#crc32c 0 2722085103\n");
  assert.deepEqual(parseOffsets(text), entries);
  assert.deepEqual(parseOffsets(formatSealedOffsets([])), []);
  for (let bit = 0; bit < text.length * 8; bit += 1) {
    const bytes = new TextEncoder().encode(text);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    // Where the seal is no seal any more, there is one more topic, and the others are right.
    const found = parseOffsets(new TextDecoder("latin1").decode(bytes))?.slice(0, 2) ?? null;
    assert.ok(found === null || JSON.stringify(found) === JSON.stringify(entries), `bit ${bit}`);
  }
});

test("a file with anything wrong in it is wrong as a whole", () => {
  const wrong = [
    "",
    "0",
    "0\n",
    "1\n0\n",
    "0\n1\n",
    "0\n1\n0 0",
    "0\n2\n0 0\n",
    "0\n0\n0 0\n",
    "0\n1\n0 0 0\n",
    "0\n1\n0\n",
    "0\n1\n0 -1\n",
    "0\n1\n0 01\n",
    "0\n1\n0 1.5\n",
    "0\n1\n0  1\n",
    "0\n1\nx 1\n",
    "0\n1\n0 9007199254740993\n",
    "0\n1\n0 0\n\n",
    "0\r\n0\r\n",
    "0\n2\n5 0\n5 9\n",
    "0\n2\n5 0\n4 9\n",
    "0\n2\n5 10\n6 9\n",
  ];
  for (const text of wrong) assert.equal(parseEpochs(text), null, JSON.stringify(text));
  for (const text of ["0\n1\na 0\n", "0\n1\na b 0\n", "0\n1\na 0 x\n", "0\n2\na 0 0\n"]) {
    assert.equal(parseOffsets(text), null, JSON.stringify(text));
  }
});

test("every truncation of a file is refused", () => {
  const text = formatEpochs([{ epoch: 1, startOffset: 10 }, { epoch: 2, startOffset: 200 }]);
  for (let size = 0; size < text.length; size += 1) {
    assert.equal(parseEpochs(text.slice(0, size)), null, `${size} characters`);
  }
});

test("a topic id is written in 22 characters, and comes back", () => {
  const id = "01234567-89ab-4cde-8f01-23456789abcd";
  const text = formatPartitionMetadata(id);
  assert.equal(text, "version: 0\ntopic_id: ASNFZ4mrTN6PASNFZ4mrzQ");
  assert.equal(parsePartitionMetadata(text), id);
  assert.equal(parsePartitionMetadata(text + "\n"), id);
  forSeeds(100, (prng) => {
    const hex = [...prng.bytes(16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
    assert.equal(parsePartitionMetadata(formatPartitionMetadata(uuid)), uuid);
  });
  const wrong = [
    "",
    text.slice(1),
    text + "x",
    text.replace(": 0", ": 1"),
    text.replace(/.$/, "R"),
  ];
  for (const other of wrong) assert.equal(parsePartitionMetadata(other), null, other);
});
