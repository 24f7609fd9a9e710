/**
 * Records of a stream of lines, produced while it arrives, and answered while they are stored.
 *
 *     client -> body -> lines -> records -> producer -> shard
 *     client <- answers, in the order of the lines <- acknowledgements
 *
 *     {"line":1,"partition":0,"offset":17,"level":"fsync"}
 *     {"line":2,"error":{"name":"batch_too_large", …}}
 *     {"acknowledged":1,"level":"fsync","partitions":[…],"line":2,"error":{…}}      the last one
 *
 * A line that is wrong ends the stream; what stood before it is acknowledged first. So whoever
 * reads the last answer knows which lines are stored.
 *
 * Invariant: lines that were taken and are not answered are at most HTTP_UNACKNOWLEDGED_MAX, and
 * hold at most HTTP_UNACKNOWLEDGED_BYTES and one line. While there is no room nothing is read.
 */

import { type ByteBlock, heapBlock } from "../../base/bytes.ts";
import { ClosedError } from "../../client/errors.ts";
import { LineSplitter } from "../../client/line_splitter.ts";
import type { Delivery, ProducerRecord } from "../../client/record.ts";
import { FormatError, jsonRecord } from "../../client/record_json.ts";
import {
  HTTP_RECORDS_SIZE_MAX,
  HTTP_UNACKNOWLEDGED_BYTES,
  HTTP_UNACKNOWLEDGED_MAX,
} from "../../limits.ts";
import { HttpError, type Problem, problemOf } from "../problem.ts";
import type { BodyReader } from "./body_reader.ts";
import { deliveredOf, DeliveryAccount } from "./delivered.ts";

export interface LineTransferOptions {
  readonly topic: string;
  readonly body: Pick<BodyReader, "read" | "leave">;
  readonly producer: { send(record: ProducerRecord): Promise<Delivery> };
  /** An answer for every line; else the last one only. */
  readonly answersEach: boolean;
}

/** A line whose record was sent. */
interface Sent {
  readonly line: number;
  readonly bytes: number;
  outcome: Delivery | Error | null;
}

/** Why the stream ended early. */
export interface LineFailure {
  readonly line: number;
  readonly error: unknown;
}

export class LineTransfer {
  readonly #options: LineTransferOptions;
  readonly #splitter: LineSplitter = new LineSplitter(HTTP_RECORDS_SIZE_MAX);
  readonly #account: DeliveryAccount = new DeliveryAccount();
  #block: ByteBlock = heapBlock(0);
  #line = 0;
  /** In the order of the lines; those before `#answered` are answered. */
  #sent: Sent[] = [];
  #heldBytes = 0;
  #failure: LineFailure | null = null;
  #isReadToEnd = false;
  #wakeAnswers: () => void = () => {};
  #wakeReading: () => void = () => {};

  constructor(options: LineTransferOptions) {
    this.#options = options;
  }

  get failure(): LineFailure | null {
    return this.#failure;
  }

  get acknowledged(): number {
    return this.#account.records;
  }

  /** Reads, sends, and gives the answers, one or more at a time. Called once; never throws. */
  async *answers(): AsyncGenerator<string, void, void> {
    const reading = this.#readAll();
    try {
      for (;;) {
        const text = this.#takeAnswers();
        this.#wakeReading();
        if (text !== "") yield text;
        else if (this.#isReadToEnd && this.#sent.length === 0) break;
        else await new Promise<void>((resolve) => (this.#wakeAnswers = resolve));
      }
      yield this.#lastAnswer();
    } finally {
      if (!this.#isReadToEnd) this.#stop({ line: this.#line, error: new ClosedError("HTTP door") });
      await reading;
    }
  }

  /** Nothing more is read. */
  #stop(failure: LineFailure): void {
    this.#failure ??= failure;
    this.#options.body.leave();
    this.#wakeReading();
  }

  /** Of the lines from the oldest on whose outcome is known. */
  #takeAnswers(): string {
    let text = "";
    const open = this.#sent.findIndex(({ outcome }) => outcome === null);
    const known = this.#sent.splice(0, open < 0 ? this.#sent.length : open);
    for (const { line, bytes, outcome } of known) {
      this.#heldBytes -= bytes;
      const answer = this.#answerOf(line, outcome!);
      if (this.#options.answersEach) text += `${JSON.stringify(answer)}\n`;
    }
    return text;
  }

  #answerOf(line: number, outcome: Delivery | Error): object {
    if (outcome instanceof Error) {
      this.#stop({ line, error: outcome });
      return { line, error: problemOf(outcome) };
    }
    this.#account.add(outcome);
    return { line, ...deliveredOf(outcome) };
  }

  #lastAnswer(): string {
    const { level, partitions, records: acknowledged } = this.#account;
    const failure = this.#failure === null ? {} : failureText(this.#failure);
    return `${JSON.stringify({ acknowledged, level, partitions, ...failure })}\n`;
  }

  async #readAll(): Promise<void> {
    const { body } = this.#options;
    try {
      for (let piece = await body.read(); piece !== null; piece = await body.read()) {
        this.#feed(piece);
        while (this.#splitter.next()) await this.#take();
        if (this.#splitter.overlongBytes > 0) this.#refuseOverlong();
        if (this.#failure !== null) break;
      }
      if (this.#failure === null && this.#splitter.finish()) await this.#take();
    } catch (error) {
      this.#failure ??= { line: this.#line, error };
    }
    this.#isReadToEnd = true;
    this.#wakeAnswers();
  }

  #feed(piece: Uint8Array): void {
    if (this.#block.size < piece.length) this.#block = heapBlock(piece.length);
    this.#block.bytes.set(piece);
    this.#splitter.feed(this.#block, piece.length);
  }

  /** Sends the record of the current line, where there is one; waits while there is no room. */
  async #take(): Promise<void> {
    if (this.#failure !== null) return;
    this.#line += 1;
    const { block, start, end } = this.#splitter;
    if (start === end) return; // an empty line between two records
    const record = jsonRecord(block.bytes.subarray(start, end));
    const sent: Sent = { line: this.#line, bytes: end - start, outcome: null };
    this.#sent.push(sent);
    this.#heldBytes += sent.bytes;
    const settle = (outcome: Delivery | Error): void => {
      sent.outcome = outcome;
      if (this.#sent[0] === sent) this.#wakeAnswers();
    };
    this.#options.producer.send({ ...record, topic: this.#options.topic }).then(settle, settle);
    while (this.#isFull && this.#failure === null) {
      await new Promise<void>((resolve) => (this.#wakeReading = resolve));
    }
  }

  get #isFull(): boolean {
    return this.#sent.length >= HTTP_UNACKNOWLEDGED_MAX ||
      this.#heldBytes >= HTTP_UNACKNOWLEDGED_BYTES;
  }

  #refuseOverlong(): void {
    this.#line += 1;
    throw new HttpError("http_body_too_large", `a line has at most ${HTTP_RECORDS_SIZE_MAX} bytes`);
  }
}

/** The number of the line, and what is wrong with it. */
export function failureText({ line, error }: LineFailure): { line: number; error: Problem } {
  if (!(error instanceof FormatError)) return { line, error: problemOf(error) };
  const issues = [{ at: `line ${line}`, message: error.message }];
  return { line, error: problemOf(new HttpError("http_invalid_request", "", issues)) };
}
