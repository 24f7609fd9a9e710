/**
 * `sluice consume`: the values of a partition's records, each followed by LF, on standard output.
 *
 *     fetch of up to 4 MiB, or a push -> checksum -> values copied into chunks of 1 MiB
 *     chunk written while the next one fills
 *
 * Following subscribes: a record is written as soon as the broker shows it.
 *
 * Invariant: bytes are written in the order of their offsets, none twice; a reader that closes
 * the pipe ends the command without an error.
 */

import { Admin } from "../client/admin.ts";
import { type Fetched, PartitionConsumer } from "../client/partition_consumer.ts";
import { withBroker } from "./broker_connection.ts";
import type { ConsumeCommand } from "./data_commands.ts";
import type { Place } from "./values.ts";
import { isTerminal } from "./environment.ts";
import { ExitCode } from "./exit_codes.ts";
import { LineOutput, PipeClosed, printError } from "./output.ts";
import { Progress, summaryText } from "./progress.ts";
import { watchSignals } from "./signals.ts";

export async function consume(command: ConsumeCommand): Promise<ExitCode> {
  return await withBroker(command, async (connection) => {
    const consumer = await PartitionConsumer.open(connection, command.topic, command.partition);
    const copy = new Copy(command);
    try {
      await copy.run(consumer, await offsetOf(command, consumer, new Admin(connection)));
    } catch (error) {
      if (!(error instanceof PipeClosed)) throw error;
    }
    copy.sayDone();
    return ExitCode.success;
  });
}

class Copy {
  readonly #command: ConsumeCommand;
  readonly #output: LineOutput = new LineOutput();
  readonly #progress: Progress;
  /** A bar among lines on the same terminal would only be in the way. */
  readonly #verbose: boolean;
  #records = 0;

  constructor(command: ConsumeCommand) {
    const watched = isTerminal("stderr") && !isTerminal("stdout");
    this.#command = command;
    this.#verbose = command.verbose || isTerminal("stderr");
    this.#progress = new Progress(null, watched);
  }

  async run(consumer: PartitionConsumer, from: number): Promise<void> {
    const follow = this.#command.until === "interrupted";
    const signals = follow ? watchSignals() : null;
    const pieces = signals === null
      ? consumer.fetches({ from })
      : consumer.subscribe({ from, signal: signals.signal });
    try {
      for await (const fetched of pieces) {
        await this.#copyFetched(fetched);
        if (follow) await this.#output.flush();
        this.#progress.update(this.#output.writtenBytes);
      }
    } finally {
      await this.#output.flush();
      signals?.stop();
    }
  }

  sayDone(): void {
    this.#progress.clear();
    if (!this.#verbose) return;
    const bytes = this.#output.writtenBytes;
    printError(`${summaryText(this.#records, bytes, this.#progress.elapsedMs)}\n`);
  }

  async #copyFetched({ records }: Fetched): Promise<void> {
    const output = this.#output;
    while (records.next()) {
      const { block } = records; // another one for each batch that was compressed
      this.#records += 1;
      if (output.append(block, records.valueStart, records.valueEnd)) continue;
      await output.appendSlowly(block, records.valueStart, records.valueEnd);
    }
  }
}

async function offsetOf(
  { topic, partition, from }: ConsumeCommand,
  consumer: PartitionConsumer,
  admin: Admin,
): Promise<number> {
  if (typeof from !== "object") return firstOffset(from, consumer.partition);
  const timeMs = "agoMs" in from ? Date.now() - from.agoMs : from.timeMs;
  return (await admin.offsetForTime(topic, partition, timeMs)).offset;
}

/** The offset that --from names. */
export function firstOffset(
  from: Exclude<Place, object>,
  partition: { readonly logStart: number; readonly visibleEnd: number },
): number {
  if (from === "beginning") return partition.logStart;
  return from === "end" ? partition.visibleEnd : from;
}
