/**
 * `sluice consume`: records of one or all partitions on standard output, as values, in a format or
 * as JSON.
 *
 *     fetch of up to 4 MiB, or a push -> checksum -> copied into chunks of 1 MiB
 *     chunk written while the next one fills
 *
 * To the end, partitions are read one after another. Following goes through the client's consumer,
 * which subscribes, and connects again when the broker was away; a record is written as soon as the
 * broker shows it.
 *
 * Invariant: records of a partition are written in the order of their offsets, none twice and none
 * in pieces; a reader that closes the pipe ends the command without an error; after a signal what
 * was read is written, and then committed.
 */

import { Admin } from "../client/admin.ts";
import { Client } from "../client/client.ts";
import type { Connection } from "../client/connection.ts";
import { PartitionConsumer } from "../client/partition_consumer.ts";
import type { RecordReader } from "../client/record_reader.ts";
import { VERSION } from "../version.ts";
import { chooseBroker, withBroker } from "./broker_connection.ts";
import { GroupPosition } from "./consume/group.ts";
import { type Range, rangeOf } from "./consume/range.ts";
import { printerOf, type RecordPrinter } from "./consume/printer.ts";
import type { ConsumeCommand } from "./data_commands.ts";
import { isTerminal } from "./environment.ts";
import { ExitCode } from "./exit_codes.ts";
import { partitionsOf } from "./group.ts";
import { ByteOutput, PipeClosed, printError } from "./output.ts";
import { Progress, summaryText } from "./progress.ts";
import { sayCutShort } from "./report.ts";
import { untilAborted, watchSignals } from "./signals.ts";

const CLIENT_NAME = `sluice-cli ${VERSION}`;

export async function consume(command: ConsumeCommand): Promise<ExitCode> {
  return await withBroker(command, async (connection) => {
    return await consumeUntil(command, connection, watchSignals());
  });
}

async function consumeUntil(
  command: ConsumeCommand,
  connection: Connection,
  signal: AbortSignal,
): Promise<ExitCode> {
  if (!command.follow) {
    return await copyAll(new Copy(command, new Admin(connection), signal), connection);
  }
  const broker = await chooseBroker(command.broker);
  const client = await Client.connect({ brokers: [broker], clientName: CLIENT_NAME });
  try {
    return await copyAll(new Copy(command, client.admin, signal), client);
  } finally {
    await client.close();
  }
}

async function copyAll(copy: Copy, source: Connection | Client): Promise<ExitCode> {
  try {
    await copy.run(source);
  } catch (error) {
    copy.sayDone();
    if (!(error instanceof PipeClosed)) throw error;
    return ExitCode.success;
  }
  copy.sayDone();
  return copy.isCutShort ? sayCutShort(copy.whatIsCut) : ExitCode.success;
}

interface Part {
  readonly partition: number;
  readonly range: Range;
}

class Copy {
  readonly #command: ConsumeCommand;
  readonly #admin: Admin;
  readonly #output: ByteOutput = new ByteOutput();
  readonly #printer: RecordPrinter;
  readonly #progress: Progress;
  readonly #position: GroupPosition | null;
  /** A bar among lines on the same terminal would only be in the way. */
  readonly #verbose: boolean;
  /** Aborted when enough was read, or by a signal. */
  readonly #end: AbortController = new AbortController();
  readonly #signal: AbortSignal;
  #records = 0;

  constructor(command: ConsumeCommand, admin: Admin, signal: AbortSignal) {
    const watched = isTerminal("stderr") && !isTerminal("stdout");
    this.#command = command;
    this.#admin = admin;
    this.#signal = signal;
    void untilAborted(signal).then(() => this.#end.abort());
    this.#printer = printerOf(command, this.#output);
    const { group, topic } = command;
    this.#position = group === undefined ? null : new GroupPosition(this.#admin, group, topic);
    this.#verbose = command.verbose || isTerminal("stderr");
    this.#progress = new Progress(null, watched);
  }

  /** Reads through a connection to the end, or follows through a client. */
  async run(source: Connection | Client): Promise<void> {
    try {
      const parts = await this.#parts();
      if (this.#command.limit === 0) return;
      if (source instanceof Client) await this.#follow(source, parts);
      else for (const part of parts) await this.#copyPart(source, part);
    } catch (error) {
      await this.#settle().catch(() => {}); // what failed first is what is told
      throw error;
    }
    await this.#settle();
  }

  /** Everything that was read is written, then committed. */
  async #settle(): Promise<void> {
    await this.#output.flush();
    await this.#position?.commit();
  }

  /** Following has no other end than a signal. */
  get isCutShort(): boolean {
    const { follow, limit = Infinity } = this.#command;
    return this.#signal.aborted && !follow && this.#records < limit;
  }

  get whatIsCut(): string {
    return this.#position === null
      ? "the rest was not printed"
      : "what was printed is committed, and the group goes on behind it";
  }

  sayDone(): void {
    this.#progress.clear();
    if (!this.#verbose) return;
    const bytes = this.#output.writtenBytes;
    printError(`${summaryText(this.#records, bytes, this.#progress.elapsedMs)}\n`);
  }

  async #parts(): Promise<Part[]> {
    const { topic, partitions } = this.#command;
    const wanted = partitions.length > 0 ? partitions : await partitionsOf(this.#admin, topic);
    const committed = await this.#position?.committed(wanted);
    const parts: Part[] = [];
    for (const partition of wanted) {
      if (this.#signal.aborted) break;
      const from = committed?.get(partition) ?? this.#command.from;
      const asked = { ...this.#command, topic, partition, from };
      const ends = await this.#admin.offsets(topic, partition);
      parts.push({ partition, range: await rangeOf(asked, ends, this.#admin) });
    }
    return parts;
  }

  /** Until each partition has its end, enough was read, or a signal came; also over restarts. */
  async #follow(client: Client, parts: readonly Part[]): Promise<void> {
    const { topic } = this.#command;
    const open = new Map(
      parts.filter(({ range }) => range.from < range.to).map((part) => {
        return [part.partition, part];
      }),
    );
    if (open.size === 0) return;
    const consumer = await client.consumer({
      partitions: [...open.values()].map(({ partition, range }) => {
        return { topic, partition, from: range.from };
      }),
      outOfRange: "error",
      signal: this.#end.signal,
    });
    for await (const { partition, records, nextOffset } of consumer.batches()) {
      const part = open.get(partition);
      if (part === undefined) continue; // it has its end, and there is more
      await this.#copyRecords(part, records);
      this.#progress.update(this.#output.writtenBytes);
      if (nextOffset >= part.range.to) open.delete(partition);
      if (open.size === 0 || this.#end.signal.aborted) return;
    }
  }

  async #copyPart(connection: Connection, { partition, range }: Part): Promise<void> {
    const { signal } = this.#end;
    if (signal.aborted) return;
    const { topic } = this.#command;
    const consumer = await PartitionConsumer.open(connection, topic, partition);
    for await (const { records } of consumer.fetches({ ...range, signal })) {
      await this.#copyRecords({ partition, range }, records);
      this.#progress.update(this.#output.writtenBytes);
      if (signal.aborted) return;
    }
  }

  async #copyRecords({ partition, range }: Part, records: RecordReader): Promise<void> {
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
