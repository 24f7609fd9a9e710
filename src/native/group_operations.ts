/**
 * The operations of producers' identities and of groups: rows of `operations.ts`, which says what a
 * row is.
 */

export const GROUP_OPERATIONS = [
  {
    code: 206,
    name: "init_producer",
    version: 0,
    text: "Gives an id for an idempotent producer, which nobody else has or ever had.",
    request: [["transactionalId", "string", "Empty: there are no transactions yet."]],
    reply: [
      ["producerId", "u64", "For the header of every batch."],
      ["producerEpoch", "u16", "0."],
    ],
  },
  {
    code: 303,
    name: "commit_offsets",
    version: 0,
    text: "Commits offsets of a group; answered when they are durable.",
    request: [
      ["group", "string", "1 to 255 bytes."],
      ["memberId", "string", "Empty: groups have no members yet."],
      ["generation", "i64", "-1: of no member."],
      [
        "offsets",
        [
          ["topic", "string", "Topic name."],
          ["partition", "u32", "From 0."],
          ["offset", "u64", "Of the next record to read."],
          ["leaderEpoch", "i64", "Of the batch before it; -1: unknown."],
          ["metadata", "string", "The group's own, at most 4096 bytes."],
        ],
        "At most 1024; of a place that comes twice the last one counts.",
      ],
    ],
    reply: [
      [
        "results",
        [["error", "u16", "0, or why this offset is not committed."]],
        "In the order of the request.",
      ],
    ],
  },
  {
    code: 304,
    name: "fetch_offsets",
    version: 0,
    text: "What a group has committed.",
    request: [
      ["group", "string", "Group name."],
      [
        "partitions",
        [
          ["topic", "string", "Topic name."],
          ["partition", "u32", "From 0."],
        ],
        "Places wanted, at most 20000; empty: all in which the group has an offset.",
      ],
    ],
    reply: [
      [
        "offsets",
        [
          ["error", "u16", "0."],
          ["topic", "string", "Topic name."],
          ["partition", "u32", "From 0."],
          ["offset", "i64", "Of the next record to read; -1: nothing is committed."],
          ["leaderEpoch", "i64", "As it was committed; -1: unknown."],
          ["metadata", "string", "As it was committed."],
          ["commitTimestamp", "i64", "Milliseconds since 1970; -1: nothing is committed."],
        ],
        "In the order of the request; of the whole group by topic and partition.",
      ],
    ],
  },
  {
    code: 305,
    name: "offset_times",
    version: 0,
    text: "When records were made: the highest timestamp of the batch that holds each.",
    request: [
      [
        "places",
        [
          ["topic", "string", "Topic name."],
          ["partition", "u32", "From 0."],
          ["offset", "u64", "Of the record."],
        ],
        "At most 256.",
      ],
    ],
    reply: [
      [
        "times",
        [
          ["error", "u16", "0, or why there is no answer for this place."],
          ["timestamp", "i64", "Milliseconds since 1970; -1: no visible record is there."],
        ],
        "In the order of the request.",
      ],
    ],
  },
  {
    code: 400,
    name: "list_groups",
    version: 0,
    text: "The groups that have offsets.",
    request: [["prefix", "string", "How their names begin; empty: all."]],
    reply: [
      [
        "groups",
        [
          ["group", "string", "Group name."],
          ["state", "string", "empty: it has no members."],
          ["offsets", "u32", "In how many partitions it has committed."],
        ],
        "By name, the first 65536.",
      ],
    ],
  },
  {
    code: 401,
    name: "delete_group",
    version: 0,
    text: "Deletes offsets of a group; answered when that is durable. Without any it is no more.",
    request: [
      ["group", "string", "Group name."],
      [
        "partitions",
        [
          ["topic", "string", "Topic name."],
          ["partition", "u32", "From 0."],
        ],
        "Places whose offsets go; empty: all of the group.",
      ],
    ],
    reply: [],
  },
  {
    code: 402,
    name: "group_lags",
    version: 0,
    text: "How far groups are behind in each of their topics, in records and in time.",
    request: [
      ["groups", [["group", "string", "Group name."]], "At most 128."],
    ],
    reply: [
      [
        "groups",
        [
          ["error", "u16", "0, or why there is no answer for this group."],
          [
            "topics",
            [
              ["topic", "string", "Topic name."],
              ["lagRecords", "u64", "Records that it has not read, of all partitions it reads."],
              [
                "lagMs",
                "i64",
                "From the first of them to the newest, of the longest partition; -1: not known.",
              ],
            ],
            "By name; those that are no more are left out.",
          ],
        ],
        "As requested. Times are of 128 partitions in all, in this order, the furthest behind.",
      ],
    ],
  },
] as const;
