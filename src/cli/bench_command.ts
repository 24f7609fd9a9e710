/** `bench`, as the command line reads it. */

import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { command, constant, flag, option } from "@optique/core/primitives";
import { choice, integer, type ValueParser } from "@optique/core/valueparser";
import type { ConfigEntry } from "../format/topic_config.ts";
import { REPLY_SLOTS } from "../limits.ts";
import { HEADER_SIZE } from "./bench/chain.ts";
import { say } from "./help_text.ts";
import { broker, type ClientCommand, configEntry, json, type PrintCommand } from "./values.ts";

export interface BenchCommand extends ClientCommand, PrintCommand {
  readonly name: "bench";
  /** Records a second of all producers together; Infinity: as fast as they are acknowledged. */
  readonly rate: number;
  /** Bytes of a value. */
  readonly size: number;
  /** Records of a batch, at the most. */
  readonly batch: number;
  readonly producers: number;
  /** Batches of a producer that are not acknowledged yet, at the most. */
  readonly inFlight: number;
  readonly consumers: number;
  readonly catchUp: number;
  readonly partitions: number;
  readonly config: readonly ConfigEntry[];
  readonly acks: "all" | "leader";
  readonly seconds: number;
  readonly warmUp: number;
  readonly keep: boolean;
}

const RATE_MAX = 10_000_000;

function count(
  name: `--${string}`,
  { min = 1, max, fallback, text }: { min?: number; max: number; fallback: number; text: string },
): Parser<"sync", number, unknown> {
  const value = integer({ min, max, metavar: "N" });
  const description = say(`${text} Default: ${fallback}.`);
  return withDefault(option(name, value, { description }), fallback);
}

/** Records a second; "max" is Infinity. */
function rateValue(): ValueParser<"sync", number> {
  return {
    mode: "sync",
    metavar: "N|max",
    placeholder: 1,
    format: (rate) => rate === Infinity ? "max" : String(rate),
    parse: (text) => {
      const rate = text === "max" ? Infinity : /^\d{1,16}$/.test(text) ? Number(text) : NaN;
      if (rate === Infinity || (rate >= 1 && rate <= RATE_MAX)) {
        return { success: true, value: rate };
      }
      const error = say(`"${text}" is not max or a number from 1 to ${RATE_MAX}.`);
      return { success: false, error };
    },
  };
}

const rate = withDefault(
  option("--rate", rateValue(), {
    description: say(
      "Records a second of all producers together, sent when they are due, whatever the broker",
      "does; max: as fast as they are acknowledged. Default: 1000.",
    ),
  }),
  1000,
);

export const benchCommand: Parser<"sync", BenchCommand, unknown> = command(
  "bench",
  object({
    name: constant("bench"),
    rate,
    size: count("--size", {
      min: HEADER_SIZE,
      max: 1_000_000,
      fallback: 1024,
      text: "Bytes of a value.",
    }),
    batch: count("--batch", { max: 10_000, fallback: 100, text: "Records of a batch at most." }),
    producers: count("--producers", {
      max: 1024,
      fallback: 1,
      text: "Producers, each with a connection of its own.",
    }),
    inFlight: count("--in-flight", {
      max: REPLY_SLOTS,
      fallback: 8,
      text: "Batches of a producer on their way at most.",
    }),
    consumers: count("--consumers", {
      min: 0,
      max: 1024,
      fallback: 1,
      text: "Consumers that follow the end while it grows.",
    }),
    catchUp: count("--catch-up", {
      min: 0,
      max: 64,
      fallback: 1,
      text: "Consumers that read everything afterwards.",
    }),
    partitions: count("--partitions", {
      max: 65_536,
      fallback: 1,
      text: "Partitions; above 1024 in several topics.",
    }),
    config: multiple(option("--config", configEntry(), {
      description: say("A setting of the topics, may be repeated, such as durability=os."),
    })),
    acks: withDefault(
      option("--acks", choice(["all", "leader"], { metavar: "WHEN" }), {
        description: say(
          "all: acknowledged at the topic's durability; leader: when written. Default: all.",
        ),
      }),
      "all" as const,
    ),
    seconds: count("--seconds", { max: 86_400, fallback: 10, text: "How long is measured." }),
    warmUp: count("--warm-up", {
      min: 0,
      max: 3600,
      fallback: 1,
      text: "Seconds before that; what is sent then is verified but not counted.",
    }),
    keep: withDefault(
      flag("--keep", { description: say("Leave the topics there afterwards.") }),
      false,
    ),
    ...json,
    ...broker,
  }),
  {
    brief: message`Measure throughput and latency, and check that nothing is lost.`,
    description: say(
      "Makes topics, sends records at a steady rate, follows them, reads them again, and removes",
      "the topics. Latencies count from the moment a record was due, so that a broker that stalls",
      "is not asked less. Every record carries a link to the one before: lost, doubled, changed or",
      "swapped ones are found. Exit code 1 when there is one.",
    ),
  },
);
