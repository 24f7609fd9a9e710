/**
 * Operations on the broker itself, 500 to 549: rows of the table in operations.ts.
 */

import type { Operation } from "./table.ts";

export const BROKER_OPERATIONS = [
  {
    code: 500,
    name: "stats",
    version: 0,
    text: "Counters of the node since its start; names ending in _total only grow.",
    request: [],
    reply: [
      [
        "counters",
        [
          ["name", "string", "Name, with its unit last."],
          ["value", "u64", "Value."],
        ],
        "In a fixed order.",
      ],
    ],
  },
  {
    code: 501,
    name: "describe_config",
    version: 0,
    text: "The settings of the broker: values, where they come from, which may be changed.",
    request: [],
    reply: [
      [
        "entries",
        [
          ["key", "string", "Name of the setting."],
          ["value", "string", "Its value in force, as text; empty where there is none."],
          [
            "source",
            "u8",
            "0 default, 1 file, 2 environment, 3 command line or embedding program, 4 changed.",
          ],
          ["changeable", "u8", "1: alter_config may change it; 0: it needs a restart."],
          ["text", "string", "What it means."],
        ],
        "Sorted by key.",
      ],
    ],
  },
  {
    code: 502,
    name: "alter_config",
    version: 0,
    text: "Changes settings of the broker; answered when that is durable and in force.",
    request: [
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
        "Settings that are again what the start of the broker said.",
      ],
    ],
    reply: [],
  },
  {
    code: 503,
    name: "connections",
    version: 0,
    text: "The clients that are connected.",
    request: [],
    reply: [
      [
        "connections",
        [
          ["id", "u64", "Of the connection; never used again before a restart."],
          ["listener", "string", "Where it came in: native."],
          ["peer", "string", "Address of the client, HOST:PORT; empty where it is not known."],
          ["clientName", "string", "As hello gave it; empty before."],
          ["sinceMs", "u64", "When it was accepted, in milliseconds since 1970."],
          ["lastRequestMs", "u64", "When it last asked for something; 0: never."],
          ["requests", "u64", "Requests that were taken."],
          ["bytesIn", "u64", "Bytes received."],
          ["bytesOut", "u64", "Bytes sent."],
        ],
        "In the order of their ids.",
      ],
    ],
  },
  {
    code: 504,
    name: "close_connection",
    version: 0,
    text: "Closes the connection of a client, at once.",
    request: [["id", "u64", "From connections."]],
    reply: [],
  },
  {
    code: 505,
    name: "histograms",
    version: 0,
    text: "How long things took, and how large they were, since the start.",
    request: [],
    reply: [
      [
        "histograms",
        [
          ["name", "string", "What is measured, with its unit last: us is microseconds."],
          ["listener", "string", "Of requests: native, or control for the broker's own."],
          ["operation", "string", "Of requests: the operation; otherwise empty."],
          ["count", "u64", "How many values there are."],
          ["sum", "u64", "Their sum, rounded."],
          ["max", "u64", "The highest of them."],
          [
            "buckets",
            [
              ["upTo", "u64", "The highest value that this bucket takes."],
              ["count", "u64", "Values above the bucket before."],
            ],
            "Those with values, rising. A power of two less one always ends a bucket.",
          ],
        ],
        "In no order.",
      ],
    ],
  },
  {
    code: 506,
    name: "health",
    version: 0,
    text: "How the node is: of stats what probes ask for, who come often.",
    request: [],
    reply: [
      ["partitions", "u32", "Partitions of the node."],
      ["degraded", "u32", "Of them damaged: they serve what is whole, and take nothing."],
      ["failed", "u32", "Of them those whose storage failed."],
      ["diskState", "u8", "0 ok, 1 full, 2 read-only."],
      ["diskFreeBytes", "u64", "What is free of the file system of the data."],
      ["diskTotalBytes", "u64", "Its size."],
    ],
  },
] as const;

BROKER_OPERATIONS satisfies readonly Operation[];
