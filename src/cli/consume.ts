/**
 * `sluice consume`: records of one or all partitions on standard output, as values, in a format or
 * as JSON.
 *
 *     fetch of up to 4 MiB, or a push -> checksum -> copied into chunks of 1 MiB
 *     chunk written while the next one fills
 *
 * To the end, partitions are read one after another; following, they are subscribed to, and a
 * record is written as soon as the broker shows it.
 *
 * Invariant: records of a partition are written in the order of their offsets, none twice and none
 * in pieces; a reader that closes the pipe ends the command without an error.
 */

import { Admin } from "../client/admin.ts";
import type { Connection } from "../client/connection.ts";
import { type Fetched, PartitionConsumer } from "../client/partition_consumer.ts";
import { withBroker } from "./broker_connection.ts";
import { GroupPosition } from "./consume/group.ts";
import { type Range, rangeOf } from "./consume/range.ts";
import { printerOf, type RecordPrinter } from "./consume/printer.ts";
import type { ConsumeCommand } from "./data_commands.ts";
import { isTerminal } from "./environment.ts";
import { ExitCode } from "./exit_codes.ts";
import { partitionsOf } from "./group.ts";
import { ByteOutput, PipeClosed, printError } from "./output.ts";
import { Progress, summaryText } from "./progress.ts";
import { watchSignals } from "./signals.ts";

export async function consume(command: ConsumeCommand): Promise<ExitCode> {
  return await withBroker(command, async (connection) => {
    const copy = new Copy(command, connection);
    try {
      await copy.run();
    } catch (error) {
      if (!(error instanceof PipeClosed)) throw error;
    }
    copy.sayDone();
    return ExitCode.success;
  });
}

interface Part {
  readonly partition: number;
  readonly consumer: PartitionConsumer;
  readonly range: Range;
}

class Copy {
  readonly #command: ConsumeCommand;
  readonly #connection: Connection;
  readonly #admin: Admin;
  readonly #output: ByteOutput = new ByteOutput();
  readonly #printer: RecordPrinter;
  readonly #progress: Progress;
  readonly #position: GroupPosition | null;
  /** A bar among lines on the same terminal would only be in the way. */
  readonly #verbose: boolean;
  /** Aborted when enough was read, or by a signal. */
  readonly #end: AbortController = new AbortController();
  /** The work on the output that was begun last: pieces of several partitions take turns. */
  #turn: Promise<void> = Promise.resolve();
  #records = 0;

  constructor(command: ConsumeCommand, connection: Connection) {
    const watched = isTerminal("stderr") && !isTerminal("stdout");
    this.#command = command;
    this.#connection = connection;
    this.#admin = new Admin(connection);
    this.#printer = printerOf(command, this.#output);
    const { group, topic } = command;
    this.#position = group === undefined ? null : new GroupPosition(connection, group, topic);
    this.#verbose = command.verbose || isTerminal("stderr");
    this.#progress = new Progress(null, watched);
  }

  async run(): Promise<void> {
    const parts = await this.#openParts();
    const signals = this.#command.follow ? watchSignals() : null;
    signals?.signal.addEventListener("abort", () => this.#end.abort(), { once: true });
    try {
      if (this.#command.limit === 0) return;
      if (this.#command.follow) await this.#follow(parts);
      else for (const part of parts) await this.#copyPart(part);
    } finally {
      await this.#output.flush();
      await this.#position?.commit();
      signals?.stop();
    }
  }

  sayDone(): void {
    this.#progress.clear();
    if (!this.#verbose) return;
    const bytes = this.#output.writtenBytes;
    printError(`${summaryText(this.#records, bytes, this.#progress.elapsedMs)}\n`);
  }

  async #openParts(): Promise<Part[]> {
    const { topic, partitions } = this.#command;
    const wanted = partitions.length > 0 ? partitions : await partitionsOf(this.#admin, topic);
    const committed = await this.#position?.committed(wanted);
    const parts: Part[] = [];
    for (const partition of wanted) {
      const consumer = await PartitionConsumer.open(this.#connection, topic, partition);
      const from = committed?.get(partition) ?? this.#command.from;
      const asked = { ...this.#command, topic, partition, from };
      parts.push({
        partition,
        consumer,
        range: await rangeOf(asked, consumer.partition, this.#admin),
      });
    }
    return parts;
  }

  /** All at the same time, until each has its end, enough was read, or a signal came. */
  async #follow(parts: readonly Part[]): Promise<void> {
    try {
      await Promise.all(parts.map((part) => this.#copyPart(part)));
    } finally {
      this.#end.abort();
    }
  }

  async #copyPart(part: Part): Promise<void> {
    const { consumer, range: { from, to } } = part;
    const { signal } = this.#end;
    if (signal.aborted || from >= to && this.#command.follow) return;
    const pieces = this.#command.follow
      ? consumer.subscribe({ from, signal })
      : consumer.fetches({ from, to, signal });
    for await (const fetched of pieces) {
      await this.#inTurn(() => this.#copyFetched(part, fetched));
      this.#progress.update(this.#output.writtenBytes);
      if (signal.aborted || fetched.nextOffset >= to) return;
    }
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => {}); // seen by whom it belongs to
    return mine;
  }

  async #copyFetched({ partition, range }: Part, { records }: Fetched): Promise<void> {
    const { limit = Infinity, follow } = this.#command;
    while (this.#records < limit && records.next()) {
      if (records.offset >= range.to) break;
      this.#records += 1;
      this.#position?.reached(partition, records.offset + 1, records.leaderEpoch);
      if (!this.#printer.print(records, partition)) await this.#printer.printSlowly();
    }
    if (this.#records >= limit) this.#end.abort();
    const isDue = this.#position?.isDue === true;
    if (follow || isDue) await this.#output.flush();
    if (isDue) await this.#position?.commit();
  }
}
