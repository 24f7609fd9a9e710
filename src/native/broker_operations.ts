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
] as const;

BROKER_OPERATIONS satisfies readonly Operation[];
