/** Files of topics: what they say, and where a complaint points. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../../../src/address.ts";
import { parseTopicsFile } from "../../../../src/cli/apply/topics_file.ts";

function complaint(text: string): string {
  try {
    parseTopicsFile(text, "t.yaml");
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  throw new Error(`taken: ${text}`);
}

test("names, partitions and settings, as they are written", () => {
  const text = [
    "# of the shop",
    "topics:",
    "  - name: orders",
    "    partitions: 4",
    "    config:",
    "      retention.ms: 3600000",
    '      retention.bytes: "-1"',
    "      durability: os",
    "  - name: '2024'",
    "  - { name: clicks, partitions: 2 }",
  ].join("\n");
  assert.deepEqual(parseTopicsFile(text, "t.yaml"), [
    {
      name: "orders",
      partitions: 4,
      config: [
        { key: "retention.ms", value: "3600000" },
        { key: "retention.bytes", value: "-1" },
        { key: "durability", value: "os" },
      ],
      place: "t.yaml:3",
      partitionsPlace: "t.yaml:4",
    },
    { name: "2024", partitions: 1, config: [], place: "t.yaml:9", partitionsPlace: "t.yaml:9" },
    {
      name: "clicks",
      partitions: 2,
      config: [],
      place: "t.yaml:10",
      partitionsPlace: "t.yaml:10",
    },
  ]);
  assert.deepEqual(parseTopicsFile("topics: []", "t.yaml"), []);
  assert.equal(parseTopicsFile('{"topics": [{"name": "j"}]}', "t.yaml")[0]!.name, "j");
});

test("what does not fit is refused with its line", () => {
  const cases: [text: string, wanted: RegExp][] = [
    ["", /^t\.yaml:1: it is empty/],
    ["topics:\n  - name: a\n  - name: [", /^t\.yaml:3: /],
    ["- name: a", /^t\.yaml:1: the file has names and values: topics$/],
    ["topic: []", /^t\.yaml:1: the file has no "topic"$/],
    ["topics:\n  name: a", /^t\.yaml:2: `topics` is a list/],
    ["topics:\n  - partitions: 2", /^t\.yaml:2: a topic has a `name`$/],
    ["topics:\n  - name: a\n    partition: 2", /^t\.yaml:3: a topic has no "partition"$/],
    ["topics:\n  - name: a/b", /^t\.yaml:2: "a\/b" is no name of a topic/],
    ["topics:\n  - name: __consumer_offsets", /^t\.yaml:2: .* belongs to the broker$/],
    ["topics:\n  - name: a\n    partitions: 0", /^t\.yaml:3: partitions: "0" must be 1 to/],
    ["topics:\n  - name: a\n    partitions: 1.5", /^t\.yaml:3: partitions: "1\.5" must be/],
    [
      "topics:\n  - name: a\n    config:\n      retention: 1",
      /^t\.yaml:4: config has no "retention"/,
    ],
    [
      "topics:\n  - name: a\n    config:\n      flush.ms: 0x10",
      /^t\.yaml:4: flush\.ms: "0x10" must/,
    ],
    ["topics:\n  - name: a\n    config:\n      flush.ms: [1]", /^t\.yaml:4: a single value/],
    [
      "topics:\n  - name: a\n    config:",
      /^t\.yaml:3: config has names and values: durability,/,
    ],
    ["topics:\n  - name: a\n  - name: a", /^t\.yaml:3: a is there already: t\.yaml:2$/],
    ["topics:\n  - name: a\n    name: b", /^t\.yaml:3: .*unique/i],
    ["topics:\n  - &a\n    name: a\n  - *a", /^t\.yaml:4: /],
  ];
  for (const [text, wanted] of cases) assert.match(complaint(text), wanted, text);
});

test("a slip of the pen is guessed at", () => {
  try {
    parseTopicsFile("topics:\n  - name: a\n    partition: 2", "t.yaml");
  } catch (error) {
    assert.equal((error as ConfigError).hint, "Did you mean partitions?");
    return;
  }
  throw new Error("taken");
});
