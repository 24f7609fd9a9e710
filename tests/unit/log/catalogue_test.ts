/** The catalogue: what was saved is loaded, and nothing else is believed. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import { AT_FDCWD } from "../../../ffi/constants.ts";
import {
  type CatalogueContent,
  CatalogueError,
  decodeCatalogue,
  emptyCatalogue,
  encodeCatalogue,
  loadCatalogue,
  saveCatalogue,
} from "../../../src/log/catalogue.ts";
import { openDirectory } from "../../../src/log/files.ts";
import { slowCrc32c } from "../../support/batches.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const ID = "01234567-89ab-4cde-8f01-23456789abcd";

function filled(): CatalogueContent {
  const topic = (name: string, config: { key: string; value: string }[]) => {
    return { name, topicId: ID, partitions: 3, config };
  };
  const ready = topic("a.b-c_d", [{ key: "segment.bytes", value: "4096" }]);
  return {
    clusterId: "ffffffff-89ab-4cde-8f01-23456789abcd",
    nodeEpoch: 17,
    topics: [{ ...topic("orders", []), state: "creating" }, { ...ready, state: "ready" }],
    deletions: [topic("gone", [])],
    settings: [{ key: "x", value: 'ü\n"' }],
    nextProducerId: 9007199254740991,
  };
}

test("decoding gives back what was encoded", () => {
  for (const content of [filled(), emptyCatalogue(ID)]) {
    assert.deepEqual(decodeCatalogue(encodeCatalogue(content)), content);
  }
});

test("the first line is what the format page says", () => {
  const text = new TextDecoder().decode(encodeCatalogue(emptyCatalogue(ID)));
  const [line, ...rest] = text.split("\n");
  const body = new TextEncoder().encode(rest.join("\n"));
  const crc = slowCrc32c(body).toString(16).padStart(8, "0");
  assert.equal(line, `sluice-catalogue 1 crc32c=${crc} size=${body.length}`);
});

test("a catalogue of the first version has no states: its topics are ready", () => {
  const content = filled();
  const topics = content.topics.map(({ state: _, ...definition }) => definition);
  const bytes = encodeCatalogue({ ...content, topics } as unknown as CatalogueContent);
  const expected = topics.map((definition) => ({ ...definition, state: "ready" as const }));
  assert.deepEqual(decodeCatalogue(bytes), { ...content, topics: expected });
});

test("every flipped bit is refused", () => {
  const bytes = encodeCatalogue(filled());
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const damaged = bytes.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => decodeCatalogue(damaged), CatalogueError, `bit ${bit}`);
  }
});

test("every other byte in the first line is refused", () => {
  const bytes = encodeCatalogue(emptyCatalogue(ID));
  for (let at = 0; at <= bytes.indexOf(10); at += 1) {
    for (let value = 0; value < 256; value += 1) {
      if (value === bytes[at]) continue;
      assert.throws(() => decodeCatalogue(bytes.with(at, value)), CatalogueError, `${at} ${value}`);
    }
  }
});

test("every truncation and whatever follows the end is refused", () => {
  const bytes = encodeCatalogue(filled());
  for (let size = 0; size < bytes.length; size += 1) {
    assert.throws(() => decodeCatalogue(bytes.slice(0, size)), CatalogueError, `${size} bytes`);
  }
  const longer = new Uint8Array(bytes.length + 1);
  longer.set(bytes);
  assert.throws(() => decodeCatalogue(longer), CatalogueError);
});

test("a newer format is refused by name", () => {
  const bytes = encodeCatalogue(filled());
  bytes[bytes.indexOf(49)] = 50; // the first "1" is the format
  assert.throws(() => decodeCatalogue(bytes), /format 2, this version knows 1.*newer version/);
});

test("content with a field missing or out of range is refused, whatever its checksum says", () => {
  const wrong: unknown[] = [
    null,
    7,
    [],
    {},
    { ...filled(), clusterId: 5 },
    { ...filled(), nodeEpoch: -1 },
    { ...filled(), nodeEpoch: 1.5 },
    { ...filled(), nextProducerId: "0" },
    { ...filled(), topics: {} },
    { ...filled(), topics: [null] },
    { ...filled(), topics: [{ ...filled().topics[0], state: "deleting" }] },
    { ...filled(), topics: [{ ...filled().topics[0], state: null }] },
    { ...filled(), settings: undefined },
  ];
  const entry = filled().topics[0];
  const bad = [
    { name: ".." },
    { name: "a/b" },
    { topicId: "x" },
    { partitions: 0 },
    { partitions: 1025 },
    { config: [{ key: "no.such.setting", value: "1" }] },
    { config: [{ key: "flush.ms", value: "0" }] },
    { config: null },
  ];
  for (const change of bad) wrong.push({ ...filled(), deletions: [{ ...entry, ...change }] });
  for (const content of wrong) {
    const bytes = encodeCatalogue(content as CatalogueContent);
    assert.throws(() => decodeCatalogue(bytes), CatalogueError, JSON.stringify(content));
  }
});

test("saved and loaded through the directory", () => {
  const root = temporaryDirectory("catalogue");
  const fd = openDirectory(libc, AT_FDCWD, root);
  assert.equal(loadCatalogue(libc, fd), null);
  saveCatalogue(libc, fd, filled());
  assert.deepEqual(loadCatalogue(libc, fd), filled());
  saveCatalogue(libc, fd, emptyCatalogue(ID));
  assert.deepEqual(loadCatalogue(libc, fd), emptyCatalogue(ID));
  const path = join(root, "catalogue");
  writeFileSync(path, readFileSync(path).subarray(0, 100));
  assert.throws(() => loadCatalogue(libc, fd), /damaged.*restore it from a copy/);
  libc.close(fd);
});

test("a topic was compacted or says nothing of it", () => {
  const content = filled();
  const said = (wasCompacted: unknown) => {
    const topics = content.topics.map((topic) => ({ ...topic, wasCompacted }));
    return encodeCatalogue({ ...content, topics } as CatalogueContent);
  };
  assert.equal(decodeCatalogue(said(true)).topics[0]!.wasCompacted, true);
  assert.equal(decodeCatalogue(said(undefined)).topics[0]!.wasCompacted, undefined);
  for (const wrong of [false, 1, "true", null]) {
    assert.throws(() => decodeCatalogue(said(wrong)), CatalogueError, String(wrong));
  }
});

test("a topic grows to more than it has, or the catalogue is damaged", () => {
  const content = filled();
  const grown = (growingTo: unknown) => {
    const topics = content.topics.map((topic) => ({ ...topic, growingTo }));
    return encodeCatalogue({ ...content, topics } as CatalogueContent);
  };
  assert.equal(decodeCatalogue(grown(4)).topics[0]!.growingTo, 4);
  for (const wrong of [3, 0, -1, 4.5, "4", null]) {
    assert.throws(() => decodeCatalogue(grown(wrong)), CatalogueError, String(wrong));
  }
});
