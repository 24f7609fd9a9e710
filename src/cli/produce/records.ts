/**
 * `sluice produce` with keys, headers, other formats, compression or several partitions: each piece
 * of the input becomes a record of the client's producer, which batches, retries and holds back.
 *
 *     input -> line or length -> record -> post (waits while there is no room) -> flush
 *
 * Invariant: when this ends, for whatever reason, the number of acknowledged records was said.
 */

import { Client } from "../../client/client.ts";
import { LineSplitter } from "../../client/line_splitter.ts";
import type { Producer } from "../../client/producer.ts";
import type { BatchReport } from "../../client/producer_options.ts";
import { FormatError, jsonRecord, type RecordPart } from "../../client/record_json.ts";
import type { LevelName } from "../../format/levels.ts";
import { BATCH_SIZE_MAX_LIMIT } from "../../limits.ts";
import { VERSION } from "../../version.ts";
import type { ProduceCommand } from "../data_commands.ts";
import { ExitCode } from "../exit_codes.ts";
import type { Input } from "../input.ts";
import { printError, printText } from "../output.ts";
import { Progress, summaryText } from "../progress.ts";
import { reportError, sayCutShort } from "../report.ts";
import { untilAborted } from "../signals.ts";
import { lineRecord } from "./formats.ts";
import { LengthSplitter } from "./length_splitter.ts";
import { type ProduceJob, resumeCommand } from "./resume.ts";

/** Sends everything; a record without a partition goes where its key says. */
export async function produceRecords(job: ProduceJob): Promise<ExitCode> {
  const { command, broker, signal } = job;
  const client = await Client.connect({ brokers: [broker], clientName: `sluice-cli ${VERSION}` });
  const account = new Account();
  const producer = await client.producer({
    acks: command.acks,
    compression: command.compression,
    onBatch: (report) => account.add(report),
  });
  const transfer = new RecordTransfer(job, producer, account);
  try {
    return await transferAll(transfer, signal);
  } finally {
    await client.close().catch(() => {}); // what failed was said
  }
}

async function transferAll(transfer: RecordTransfer, signal: AbortSignal): Promise<ExitCode> {
  let isWhole: boolean;
  try {
    isWhole = await transfer.run(signal);
  } catch (error) {
    return await transfer.sayFailed(error);
  }
  await transfer.sayDone();
  return isWhole ? ExitCode.success : transfer.sayCutShort();
}

/** What was acknowledged. */
class Account {
  records = 0;
  /** The weakest that was reached; null before the first acknowledgement. */
  level: LevelName | null = null;
  readonly lastOffsets: Map<number, number> = new Map();

  add({ partition, baseOffset, records, level, error }: BatchReport): void {
    if (error !== null) return;
    this.records += records;
    const last = Math.max(this.lastOffsets.get(partition) ?? -1, baseOffset + records - 1);
    this.lastOffsets.set(partition, last);
    this.level = this.level === null || LEVELS[level] < LEVELS[this.level] ? level : this.level;
  }
}

const LEVELS: Readonly<Record<LevelName, number>> = { none: 0, os: 1, interval: 2, fsync: 3 };
const encoder = new TextEncoder();

class RecordTransfer {
  readonly #job: ProduceJob;
  readonly #command: ProduceCommand;
  readonly #input: Input;
  readonly #producer: Producer;
  readonly #account: Account;
  readonly #progress: Progress;
  readonly #separator: Uint8Array | null;
  readonly #headers: readonly [string, string][];
  readonly #lines: LineSplitter = new LineSplitter(BATCH_SIZE_MAX_LIMIT);
  readonly #lengths: LengthSplitter = new LengthSplitter(BATCH_SIZE_MAX_LIMIT);
  /** Lines or lengths so far, empty ones too; the last may be the one that is wrong. */
  #pieces = 0;
  /** Records that were taken. */
  #read = 0;
  #readBytes = 0;
  #valueBytes = 0;

  constructor(job: ProduceJob, producer: Producer, account: Account) {
    const { command, input } = job;
    this.#job = job;
    this.#command = command;
    this.#input = input;
    this.#producer = producer;
    this.#account = account;
    this.#progress = new Progress(input.sizeBytes);
    const { keySeparator } = command;
    this.#separator = keySeparator === undefined ? null : encoder.encode(keySeparator);
    this.#headers = command.headers.map(({ key, value }) => [key, value]);
  }

  /** Sends everything and waits for all acknowledgements; false when a signal ended it early. */
  async run(signal: AbortSignal): Promise<boolean> {
    const aborted = untilAborted(signal).then(() => null);
    let isWhole = false;
    while (!signal.aborted) {
      const chunk = await Promise.race([this.#input.read(), aborted]);
      isWhole = chunk?.size === 0;
      if (chunk === null || isWhole) break;
      if (this.#command.format === "binary") this.#lengths.feed(chunk.block, chunk.size);
      else this.#lines.feed(chunk.block, chunk.size);
      await this.#sendPieces();
      this.#readBytes += chunk.size;
      this.#progress.update(this.#readBytes);
    }
    if (isWhole) await this.#sendLast();
    await this.#producer.flush();
    return isWhole;
  }

  /** What stands at the end of the input; what a signal cut is no record. */
  async #sendLast(): Promise<void> {
    if (this.#command.format === "binary") this.#counted(() => this.#lengths.finish());
    else if (this.#lines.finish()) await this.#send(this.#line());
  }

  async #sendPieces(): Promise<void> {
    if (this.#command.format === "binary") {
      while (this.#counted(() => this.#lengths.next())) await this.#send(this.#lengths.bytes);
      return;
    }
    while (this.#lines.next()) await this.#send(this.#line());
    if (this.#lines.overlongBytes > 0) {
      this.#counted(() => {
        throw new FormatError(`it is longer than ${BATCH_SIZE_MAX_LIMIT} bytes`);
      });
    }
  }

  /** A piece that cannot even be cut out counts, so that it is named. */
  #counted<T>(cut: () => T): T {
    try {
      return cut();
    } catch (error) {
      this.#pieces += 1;
      throw error;
    }
  }

  #line(): Uint8Array {
    const { block, start, end } = this.#lines;
    return block.bytes.subarray(start, end);
  }

  async #send(piece: Uint8Array): Promise<void> {
    const { format, topic, partition } = this.#command;
    this.#pieces += 1;
    if (format === "ndjson" && piece.length === 0) return; // an empty line between two objects
    const record = this.#recordOf(piece);
    const headers = this.#headers.length === 0
      ? record.headers
      : [...this.#headers, ...(record.headers as [string, string][] | undefined ?? [])];
    const taken = this.#producer.post({ partition, ...record, headers, topic });
    this.#read += 1;
    this.#valueBytes += piece.length;
    if (taken !== undefined) await taken;
  }

  #recordOf(piece: Uint8Array): RecordPart {
    if (this.#command.format === "ndjson") {
      const { partition, ...rest } = jsonRecord(piece);
      return partition === undefined || this.#command.ignorePartition
        ? rest
        : { ...rest, partition };
    }
    return this.#command.format === "binary"
      ? { value: piece }
      : lineRecord(piece, this.#separator);
  }

  async sayDone(): Promise<void> {
    this.#progress.clear();
    const { records, level, lastOffsets } = this.#account;
    const bytes = this.#valueBytes;
    const { elapsedMs } = this.#progress;
    const summary = summaryText(records, bytes, elapsedMs);
    const partitions = [...lastOffsets].sort(([a], [b]) => a - b).map(([partition, lastOffset]) => {
      return { partition, lastOffset };
    });
    printError(`${summary}, ${partitions.length} partitions, level ${level ?? "none"}\n`);
    if (!this.#command.json) return;
    const { topic } = this.#command;
    await printText(`${JSON.stringify({ topic, records, bytes, elapsedMs, level, partitions })}\n`);
  }

  /** What was read before the mistake is sent first: the number of records is then certain. */
  async sayFailed(error: unknown): Promise<ExitCode> {
    await this.#producer.flush().catch(() => {});
    this.#progress.clear();
    const isPiece = error instanceof FormatError || (error as Error)?.name === "batch_too_large";
    const where = isPiece ? `${this.#kind} ${this.#pieces} of ${this.#input.name}: ` : "";
    const exitCode = reportError(error, where);
    printError(`acknowledged ${this.#account.records} of ${this.#read} records that were read\n`);
    printError(`        ${this.#nextStep(isPiece ? this.#pieces : this.#pieces + 1)}\n`);
    return exitCode;
  }

  sayCutShort(): ExitCode {
    const exitCode = sayCutShort("the rest was not sent");
    printError(`        ${this.#nextStep(this.#pieces + 1)}\n`);
    return exitCode;
  }

  get #kind(): string {
    return this.#command.format === "binary" ? "record" : "line";
  }

  /** Several partitions acknowledge in no order that the input has: all or nothing is certain. */
  #nextStep(next: number): string {
    const { topic, format } = this.#command;
    if (this.#account.records < this.#read) {
      return "Any of the others may be stored: look at the ends of the partitions " +
        `(sluice offsets ${topic}) before you send them again.`;
    }
    const how = format === "binary"
      ? "go on from there."
      : `go on with: ${resumeCommand(this.#job, next)}`;
    return `Everything before ${this.#kind} ${next} is stored: ${how}`;
  }
}
