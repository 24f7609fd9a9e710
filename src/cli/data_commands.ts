/** `produce` and `consume`, as the command line reads them. */

import { object, or } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { map, multiple, optional, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant, flag, option } from "@optique/core/primitives";
import { choice, integer, string } from "@optique/core/valueparser";
import type { Compression } from "../client/compression.ts";
import type { ConfigEntry } from "../format/topic_config.ts";
import { say } from "./help_text.ts";
import { ESCAPES, type RecordFormat } from "./consume/format.ts";
import {
  broker,
  type ClientCommand,
  configEntry,
  type Place,
  place,
  recordFormat,
} from "./values.ts";

export interface ProduceCommand extends ClientCommand {
  readonly name: "produce";
  readonly topic: string;
  /** Undefined or "-": standard input. */
  readonly file: string | undefined;
  /** Undefined: where the key says. */
  readonly partition: number | undefined;
  readonly format: "lines" | "ndjson" | "binary";
  readonly keySeparator: string | undefined;
  /** A partition that a line of ndjson names does not count. */
  readonly ignorePartition: boolean;
  /** Of every record. */
  readonly headers: readonly ConfigEntry[];
  readonly compression: Compression;
  readonly acks: "all" | "leader";
  /** A summary on standard output. */
  readonly json: boolean;
}

export interface ConsumeCommand extends ClientCommand {
  readonly name: "consume";
  readonly topic: string;
  /** Empty: all. */
  readonly partitions: readonly number[];
  /** Whose committed offsets are gone on from and committed to; undefined: nobody's. */
  readonly group: string | undefined;
  readonly from: Place;
  /** Undefined: the end that is visible at the start, or none when following. */
  readonly until: Place | undefined;
  /** Records in all; undefined: any number. */
  readonly limit: number | undefined;
  readonly follow: boolean;
  readonly format: RecordFormat | undefined;
  readonly json: boolean;
  readonly raw: boolean;
  readonly verbose: boolean;
}

const topic = {
  topic: argument(string({ metavar: "TOPIC" }), { description: message`Name of the topic.` }),
};

const produce = command(
  "produce",
  object({
    name: constant("produce"),
    ...topic,
    file: optional(argument(string({ metavar: "FILE" }), {
      description: message`File to read. Default, and for "-": standard input.`,
    })),
    partition: optional(
      option("--partition", integer({ min: 0, metavar: "N" }), {
        description: say(
          "Partition, from 0, of every record that names none itself: the partition in a line of",
          "ndjson goes before it, unless with --ignore-partition. Default: records of one key go",
          "to one partition, others to all in turn.",
        ),
      }),
    ),
    format: withDefault(
      option("--format", choice(["lines", "ndjson", "binary"], { metavar: "FORM" }), {
        description: say(
          "lines; ndjson: an object a line with key, value, headers, timestamp and partition, each",
          "may be absent (keyBase64 and valueBase64 for bytes); binary: a size of 4 bytes,",
          "big-endian, before each value. Default: lines.",
        ),
      }),
      "lines" as const,
    ),
    ignorePartition: withDefault(
      flag("--ignore-partition", {
        description: say(
          "Pass over the partition that a line of ndjson names, as consume --json prints it: the",
          "key or --partition says where a record goes.",
        ),
      }),
      false,
    ),
    keySeparator: optional(
      option("--key-separator", string({ metavar: "TEXT", pattern: /./s }), {
        description: say("What stands before it in a line is the key; without it there is none."),
      }),
    ),
    headers: multiple(option("--header", configEntry(), {
      description: say("A header of every record, may be repeated."),
    })),
    compression: withDefault(
      option(
        "--compression",
        choice(["none", "gzip", "snappy", "lz4", "zstd"], { metavar: "CODEC" }),
        { description: say("How batches are compressed. Default: none.") },
      ),
      "none" as const,
    ),
    acks: withDefault(
      option("--acks", choice(["all", "leader"], { metavar: "WHEN" }), {
        description: say(
          "all: acknowledged at the topic's durability; leader: when written. Default: all.",
        ),
      }),
      "all" as const,
    ),
    json: withDefault(
      flag("--json", { description: say("Print the summary as JSON on standard output, too.") }),
      false,
    ),
    ...broker,
  }),
  {
    brief: message`Send what is in a file or a pipe as records.`,
    description: say(
      "Sends each line as one record. Lines end at LF, which is not sent; every other byte is",
      "data, and a last line without LF counts. At the end a summary goes to standard error. When",
      'it fails, a line "acknowledged N records, last offset M" says what is safely stored.',
    ),
  },
);

const PLACES = "beginning, end, an offset, a time such as 2026-01-31T12:00:00Z, or how long ago, " +
  "such as -1h";

/** At most one of them. */
const printed = withDefault(
  or(
    map(
      option("-F", "--format", recordFormat(), {
        description: say(
          `How a record is printed: ${
            ESCAPES.map(([name, text]) => `${name} ${text}`).join("; ")
          };`,
          "and \\n \\r \\t \\0 \\\\ \\xHH.",
        ),
      }),
      (format) => ({ format, json: false, raw: false }),
    ),
    map(
      flag("--json", {
        description: say("An object a line, which produce --format ndjson reads."),
      }),
      () => ({ format: undefined, json: true, raw: false }),
    ),
    map(
      flag("--raw", { description: say("Values alone, with nothing between them.") }),
      () => ({ format: undefined, json: false, raw: true }),
    ),
  ),
  { format: undefined, json: false, raw: false },
);

const consume = command(
  "consume",
  map(
    object({
      name: constant("consume"),
      ...topic,
      partitions: multiple(option("--partition", integer({ min: 0, metavar: "N" }), {
        description: say("Partition, from 0; may be repeated. Default: all."),
      })),
      group: optional(option("--group", string({ metavar: "GROUP" }), {
        description: say(
          "Go on where this group stands, and commit what was printed, every few seconds and at",
          "the end, also when a signal ends it. What a closed pipe did not take is not committed.",
          "--from says where to begin where it has committed nothing.",
        ),
      })),
      from: withDefault(
        option("--from", place(), {
          description: say(
            `Where to begin: ${PLACES}: at the first record that is as new. Default: beginning.`,
          ),
        }),
        "beginning" as Place,
      ),
      until: optional(option("--until", place(), {
        description: say(
          `Where to end, in the same words: before this offset, or before the first record that is`,
          "as new. Default: the end that was visible at the start.",
        ),
      })),
      limit: optional(option("-n", "--limit", integer({ min: 0, metavar: "N" }), {
        description: say("End after so many records."),
      })),
      follow: withDefault(
        or(
          map(
            flag("-f", "--follow", {
              description: message`Wait for new records until SIGINT or SIGTERM.`,
            }),
            () => true,
          ),
          map(
            flag("-e", "--end", {
              description: say(
                "End at the end that was visible at the start. This is the default.",
              ),
            }),
            () => false,
          ),
        ),
        false,
      ),
      printed,
      verbose: withDefault(
        flag("-v", "--verbose", {
          description: message`Print a summary also without a terminal.`,
        }),
        false,
      ),
      ...broker,
    }),
    ({ printed, ...command }) => ({ ...command, ...printed }),
  ),
  {
    brief: message`Print records of a topic.`,
    description: say(
      "Writes the value of each record, followed by LF, to standard output; with -F, --json or",
      "--raw in another form. To the end, partitions are read one after another; with -f all at",
      "once.",
    ),
  },
);

export const dataCommands: Parser<"sync", ProduceCommand | ConsumeCommand, unknown> = or(
  produce,
  consume,
);
