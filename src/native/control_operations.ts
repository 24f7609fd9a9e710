/**
 * Operations between the main thread and a shard, over the shard's Unix socket in the native
 * protocol. Other listeners answer them with `not_permitted`. They are not part of the public
 * protocol.
 *
 *     client -> shard: create_topic      the shard parks the reply under a token
 *     shard  -> main:  postMessage       {kind: "create_topic", token, …}
 *     main   -> shards: add_topic        after the catalogue is durable
 *     main   -> shard: answer            the parked reply goes out
 */

import type { Operation, ValueOf } from "./table.ts";

export const CONTROL_OPERATIONS = [
  {
    code: 550,
    name: "add_topic",
    version: 0,
    text: "Opens the partitions of a topic that the catalogue holds; answered when they are open.",
    request: [
      ["name", "string", "Topic name."],
      ["topicId", "uuid", "Identity of the topic."],
      ["partitions", "u32", "Number of partitions."],
      [
        "config",
        [
          ["key", "string", "Name of a setting."],
          ["value", "string", "Its value."],
        ],
        "What was set.",
      ],
    ],
    reply: [],
  },
  {
    code: 551,
    name: "answer",
    version: 0,
    text: "Sends the reply that the shard parked under a token.",
    request: [
      ["token", "u32", "From the shard's message."],
      ["error", "u16", "Error code, or 0."],
      ["message", "string", "What went wrong, or empty."],
      ["topicId", "uuid", "Of the created topic."],
    ],
    reply: [],
  },
  {
    code: 552,
    name: "stop",
    version: 0,
    text: "Drains: no new work, everything written is synced, then the shard leaves its loop.",
    request: [],
    reply: [],
  },
] as const;

CONTROL_OPERATIONS satisfies readonly Operation[];

export type ControlName = typeof CONTROL_OPERATIONS[number]["name"];
export type ControlOf<N extends ControlName> = Extract<
  typeof CONTROL_OPERATIONS[number],
  { name: N }
>;
export type ControlRequestOf<N extends ControlName> = ValueOf<ControlOf<N>["request"]>;

/** The row of a control operation. */
export function controlOperation<N extends ControlName>(name: N): ControlOf<N> {
  return CONTROL_OPERATIONS.find((row) => row.name === name) as ControlOf<N>;
}
