/**
 * Operations on topics, 100 to 199: rows of the table in operations.ts. All that change something
 * are answered when the change is durable and in force.
 */

import type { Operation } from "./table.ts";

export const TOPIC_OPERATIONS = [
  {
    code: 100,
    name: "create_topic",
    version: 0,
    text: "Creates a topic; answered when it is durable and every shard has opened its partitions.",
    request: [
      ["name", "string", "1 to 249 of a-z A-Z 0-9 . _ -, not . or .. ."],
      ["partitions", "u32", "1 to 1024."],
      [
        "config",
        [
          ["key", "string", "Name of a setting."],
          ["value", "string", "Its value as text."],
        ],
        "Settings; the others follow the defaults.",
      ],
    ],
    reply: [["topicId", "uuid", "Identity of the topic, never used again."]],
  },
  {
    code: 101,
    name: "metadata",
    version: 0,
    text: "The nodes, and the topics asked for (all when the list is empty).",
    request: [
      ["topics", [["name", "string", "Topic name."]], "Topics wanted; empty: all."],
    ],
    reply: [
      [
        "nodes",
        [
          ["nodeId", "u32", "Node."],
          ["host", "string", "Where its native listener is reached."],
          ["port", "u16", "TCP port of it."],
        ],
        "Nodes of the broker: one per shard.",
      ],
      [
        "topics",
        [
          ["error", "u16", "0, or why all but the name is zero and empty here."],
          ["name", "string", "Topic name."],
          ["topicId", "uuid", "Identity of the topic."],
          [
            "partitions",
            [["leader", "u32", "Node that owns partition 0, 1, 2 …"]],
            "One entry per partition, in order.",
          ],
          [
            "config",
            [
              ["key", "string", "Name of a setting."],
              ["value", "string", "Its value in force."],
            ],
            "All settings.",
          ],
        ],
        "Sorted by name.",
      ],
    ],
  },
  {
    code: 102,
    name: "delete_topic",
    version: 0,
    text: "Deletes a topic; answered when that is durable. Its disk space is freed afterwards.",
    request: [["name", "string", "Topic name."]],
    reply: [],
  },
  {
    code: 103,
    name: "alter_topic",
    version: 0,
    text: "Changes settings of a topic; answered when that is durable and in force.",
    request: [
      ["name", "string", "Topic name."],
      [
        "set",
        [
          ["key", "string", "Name of a setting."],
          ["value", "string", "Its value as text."],
        ],
        "Settings to set; those not named stay.",
      ],
      [
        "unset",
        [["key", "string", "Name of a setting."]],
        "Settings that follow the default again.",
      ],
    ],
    reply: [],
  },
  {
    code: 104,
    name: "add_partitions",
    version: 0,
    text: "Gives a topic more partitions; answered when they are durable and open.",
    request: [
      ["name", "string", "Topic name."],
      ["partitions", "u32", "How many it is to have: not fewer than it has, at most 1024."],
    ],
    reply: [],
  },
  {
    code: 105,
    name: "describe_topic",
    version: 0,
    text: "How the partitions of topics are: the topics asked for, or all when the list is empty.",
    request: [
      ["topics", [["name", "string", "Topic name."]], "Topics wanted; empty: all."],
    ],
    reply: [
      [
        "topics",
        [
          ["error", "u16", "0, or why all but the name is zero and empty here."],
          ["name", "string", "Topic name."],
          ["topicId", "uuid", "Identity of the topic."],
          ["cacheHitBytes", "u64", "Fetched bytes that were in the page cache, since the start."],
          ["cacheMissBytes", "u64", "Fetched bytes that had to be read from the disk."],
          [
            "partitions",
            [
              ["state", "u8", "0 ok; 1 degraded: damaged, read only; 2 storage failed."],
              ["logStart", "u64", "First offset."],
              ["visibleEnd", "u64", "One above the last offset that a consumer sees."],
              ["durableEnd", "u64", "One above the last offset known to be on disk."],
              ["logEnd", "u64", "The offset of the next record."],
              ["sizeBytes", "u64", "Bytes of its batches on disk."],
              ["segments", "u32", "Files that they are in."],
            ],
            "One entry per partition, in order.",
          ],
        ],
        "Sorted by name.",
      ],
    ],
  },
  {
    code: 106,
    name: "topic_counters",
    version: 0,
    text: "What went in and out since the start, in all and of some topics, at one moment.",
    request: [
      ["named", [["topicId", "uuid", "Identity of a topic."]], "Topics wanted, at most 256."],
      ["newerThan", "u64", "Also topics that were added after this one: its serial. 0: all."],
      ["limit", "u32", "So many of these, at most 256: those with most bytes."],
    ],
    reply: [
      [
        "recordsIn",
        "u64",
        "Records appended; so the next fields: of all topics, deleted ones too.",
      ],
      ["bytesIn", "u64", "Bytes of their batches."],
      ["recordsOut", "u64", "Records sent to consumers, by their offsets."],
      ["bytesOut", "u64", "Bytes of their batches."],
      ["cacheHitBytes", "u64", "Bytes for consumers that were in the page cache."],
      ["cacheMissBytes", "u64", "Bytes for consumers that had to be read from the disk."],
      ["newest", "u64", "Serial of the topic that was added last."],
      [
        "topics",
        [
          ["name", "string", "Topic name."],
          ["topicId", "uuid", "Identity of the topic."],
          ["recordsIn", "u64", "Records appended."],
          ["bytesIn", "u64", "Bytes of their batches."],
          ["recordsOut", "u64", "Records sent to consumers, by their offsets."],
          ["bytesOut", "u64", "Bytes of their batches."],
          ["cacheHitBytes", "u64", "Bytes for consumers that were in the page cache."],
          ["cacheMissBytes", "u64", "Bytes for consumers that had to be read from the disk."],
        ],
        "Those named that are still there, and the newer ones; in no order.",
      ],
    ],
  },
  {
    code: 107,
    name: "list_topics",
    version: 0,
    text: "Topics by name, some at a time: who asks for all of them at once holds up all others.",
    request: [
      ["after", "string", "Only names behind this one; empty: from the first on."],
      ["limit", "u32", "So many of them, at most 256."],
    ],
    reply: [
      [
        "topics",
        [
          ["name", "string", "Topic name."],
          ["topicId", "uuid", "Identity of the topic."],
          ["partitions", "u32", "How many it has."],
        ],
        "Sorted by name; fewer than `limit`: there are no more.",
      ],
    ],
  },
] as const;

TOPIC_OPERATIONS satisfies readonly Operation[];
