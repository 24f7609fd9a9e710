/**
 * `sluice produce` in its plainest form: lines of a file or a pipe become records of one partition.
 *
 *     read 1 MiB -> cut at LF -> batch of close to 1 MiB -> up to 8 batches in flight
 *
 * A batch that is not full goes out when the input pauses, so that `tail -f log | sluice produce
 * t` does not wait for a megabyte.
 *
 * Invariant: when this ends, for whatever reason, the number of acknowledged records was said,
 * and all lines up to that number are stored at the topic's level. A line that a signal cut is not
 * sent.
 */

import { batchSizeOf } from "../../client/batch_builder.ts";
import type { Connection } from "../../client/connection.ts";
import { RecordTooLargeError } from "../../client/errors.ts";
import { PartitionProducer } from "../../client/partition_producer.ts";
import { Acks } from "../../format/levels.ts";
import { BATCH_SIZE_MAX_LIMIT } from "../../limits.ts";
import type { ProduceCommand } from "../data_commands.ts";
import { ExitCode } from "../exit_codes.ts";
import type { Input } from "../input.ts";
import { LineSplitter } from "../../client/line_splitter.ts";
import { printError, printText } from "../output.ts";
import { Progress, summaryText } from "../progress.ts";
import { reportError, sayCutShort } from "../report.ts";
import { untilAborted } from "../signals.ts";
import { type ProduceJob, resumeCommand } from "./resume.ts";

/** How long the input may pause before a batch that is not full is sent. */
const LINGER_MS = 5;

/** Sends every line of the input to one partition. */
export async function produceLines(
  job: ProduceJob,
  connection: Connection,
  partition: number,
): Promise<ExitCode> {
  const { command, input, signal } = job;
  const acks = command.acks === "leader" ? Acks.leader : Acks.all;
  const producer = await PartitionProducer.open(connection, command.topic, partition, { acks });
  const transfer = new Transfer(producer, input);
  let isWhole: boolean;
  try {
    isWhole = await transfer.run(signal);
  } catch (error) {
    return transfer.sayFailed(error, job);
  }
  await transfer.sayDone(command, partition);
  return isWhole ? ExitCode.success : transfer.sayCutShort(job);
}

class Transfer {
  readonly #producer: PartitionProducer;
  readonly #input: Input;
  readonly #splitter: LineSplitter;
  readonly #progress: Progress;
  #lines = 0;
  #valueBytes = 0;
  #readBytes = 0;

  constructor(producer: PartitionProducer, input: Input) {
    this.#producer = producer;
    this.#input = input;
    this.#splitter = new LineSplitter(Math.max(0, producer.valueSizeMax));
    this.#progress = new Progress(input.sizeBytes);
  }

  /** Sends everything and waits for all acknowledgements; false when a signal ended it early. */
  async run(signal: AbortSignal): Promise<boolean> {
    const aborted = untilAborted(signal).then(() => null);
    let isWhole = false;
    while (!signal.aborted) {
      if (!await this.#input.arrivesWithin(LINGER_MS)) await this.#producer.sendBatch();
      const chunk = await Promise.race([this.#input.read(), aborted]);
      isWhole = chunk?.size === 0;
      if (chunk === null || isWhole) break;
      this.#splitter.feed(chunk.block, chunk.size);
      await this.#sendLines();
      this.#readBytes += chunk.size;
      this.#progress.update(this.#readBytes);
      if (this.#overlongIsKnown()) break;
    }
    if (isWhole && this.#splitter.overlongBytes === 0 && this.#splitter.finish()) {
      await this.#sendLine();
    }
    await this.#producer.flush();
    if (this.#splitter.overlongBytes > 0) throw this.#tooLong();
    return isWhole;
  }

  async sayDone({ topic, json }: ProduceCommand, partition: number): Promise<void> {
    const { records, lastOffset, level } = this.#producer.acknowledged;
    this.#progress.clear();
    const bytes = this.#valueBytes;
    const { elapsedMs } = this.#progress;
    printError(
      `${summaryText(records, bytes, elapsedMs)}, last offset ${lastOffset}, level ${level}\n`,
    );
    if (!json) return;
    const partitions = records === 0 ? [] : [{ partition, lastOffset }];
    await printText(`${JSON.stringify({ topic, records, bytes, elapsedMs, level, partitions })}\n`);
  }

  sayCutShort(job: ProduceJob): ExitCode {
    const next = this.#lines + 1;
    const exitCode = sayCutShort(`lines from ${next} on were not sent`);
    printError(`        Go on with: ${resumeCommand(job, next)}\n`);
    return exitCode;
  }

  sayFailed(error: unknown, job: ProduceJob): ExitCode {
    const { records, lastOffset } = this.#producer.acknowledged;
    this.#progress.clear();
    const isLine = error instanceof RecordTooLargeError;
    const where = isLine ? `line ${this.#lines + 1} of ${this.#input.name}: ` : "";
    const exitCode = reportError(error, where);
    printError(`acknowledged ${records} records, last offset ${lastOffset}\n`);
    printError(nextStep(job, records, this.#lines));
    return exitCode;
  }

  async #sendLines(): Promise<void> {
    const splitter = this.#splitter;
    const producer = this.#producer;
    while (splitter.next()) {
      if (!producer.tryAppend(splitter.block, splitter.start, splitter.end)) {
        await this.#sendLine();
        continue;
      }
      this.#lines += 1;
      this.#valueBytes += splitter.end - splitter.start;
    }
  }

  /** Sends the current line, after the batch that has no room for it. */
  async #sendLine(): Promise<void> {
    const { block, start, end } = this.#splitter;
    while (!this.#producer.tryAppend(block, start, end)) await this.#producer.sendBatch();
    this.#lines += 1;
    this.#valueBytes += end - start;
  }

  /** Whether there is no more to learn about a line that is too long. */
  #overlongIsKnown(): boolean {
    const { overlongBytes, overlongEnded } = this.#splitter;
    return overlongBytes > 0 && (overlongEnded || overlongBytes > BATCH_SIZE_MAX_LIMIT);
  }

  #tooLong(): RecordTooLargeError {
    const size = this.#splitter.overlongBytes;
    const { valueSizeMax, partition } = this.#producer;
    const limit = Math.max(0, valueSizeMax);
    return new RecordTooLargeError(size, limit, partition.maxMessageBytes, batchSizeOf(size));
  }
}

/** What to do after a failure in the middle. */
function nextStep(job: ProduceJob, acknowledged: number, read: number): string {
  const next = acknowledged + 1;
  const { topic } = job.command;
  const command = resumeCommand(job, next);
  return read > acknowledged
    ? `        Lines ${next} to ${read} were read and are not acknowledged; some may be stored.\n` +
      `        Look at the end of ${topic} (sluice offsets ${topic}), then go on with: ${command}\n`
    : `        Lines from ${next} on were not sent. Go on with: ${command}\n`;
}
