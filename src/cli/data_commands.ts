/** `produce` and `consume`, as the command line reads them. */

import { object, or } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { map, optional, withDefault } from "@optique/core/modifiers";
import type { Parser } from "@optique/core/parser";
import { argument, command, constant, flag, option } from "@optique/core/primitives";
import { integer, string } from "@optique/core/valueparser";
import { say } from "./help_text.ts";
import { broker, type ClientCommand, type Place, place } from "./values.ts";

export interface ProduceCommand extends ClientCommand {
  readonly name: "produce";
  readonly topic: string;
  /** Undefined or "-": standard input. */
  readonly file: string | undefined;
  readonly partition: number;
}

export interface ConsumeCommand extends ClientCommand {
  readonly name: "consume";
  readonly topic: string;
  readonly from: Place;
  readonly partition: number;
  readonly until: "end" | "interrupted";
  readonly verbose: boolean;
}

const partition = {
  partition: withDefault(
    option("--partition", integer({ min: 0, metavar: "N" }), {
      description: message`Partition, from 0. Default: 0.`,
    }),
    0,
  ),
};

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
    ...partition,
    ...broker,
  }),
  {
    brief: message`Send lines of a file or a pipe as records.`,
    description: say(
      "Sends each line as one record. Lines end at LF, which is not sent; every other byte is",
      "data, and a last line without LF counts. At the end a summary goes to standard error. When",
      'it fails, a line "acknowledged N records, last offset M" says what is safely stored.',
    ),
  },
);

const consume = command(
  "consume",
  object({
    name: constant("consume"),
    ...topic,
    from: withDefault(
      option("--from", place(), {
        description: say(
          "Where to begin: beginning, end, an offset, a time such as 2026-01-31T12:00:00Z, or how",
          "long ago, such as -1h: at the first record that is as new. Default: beginning.",
        ),
      }),
      "beginning" as Place,
    ),
    ...partition,
    until: withDefault(
      or(
        map(
          flag("-f", "--follow", { description: message`Wait for new records until SIGINT.` }),
          () => "interrupted" as const,
        ),
        map(
          flag("-e", "--end", {
            description: say("End at the end that was visible at the start. This is the default."),
          }),
          () => "end" as const,
        ),
      ),
      "end" as const,
    ),
    verbose: withDefault(
      flag("-v", "--verbose", { description: message`Print a summary also without a terminal.` }),
      false,
    ),
    ...broker,
  }),
  {
    brief: message`Print records of a partition.`,
    description: message`Writes the value of each record, followed by LF, to standard output.`,
  },
);

export const dataCommands: Parser<"sync", ProduceCommand | ConsumeCommand, unknown> = or(
  produce,
  consume,
);
