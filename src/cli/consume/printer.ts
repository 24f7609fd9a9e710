/**
 * How records are printed: their values with or without an LF, by a format, or as JSON. The first
 * two copy bytes from what was fetched into the output and make nothing for a record.
 */

import { jsonLine, type RecordView, viewOf } from "../../client/record_json.ts";
import type { RecordReader } from "../../client/record_reader.ts";
import type { ConsumeCommand } from "../data_commands.ts";
import type { ByteOutput } from "../output.ts";
import { formatRecord } from "./format.ts";

export interface RecordPrinter {
  /** Prints the current record; false when there is no room: then `await printSlowly()`. */
  print(records: RecordReader, partition: number): boolean;
  /** Prints the record that found no room. */
  printSlowly(): Promise<void>;
}

export function printerOf(command: ConsumeCommand, output: ByteOutput): RecordPrinter {
  const { format, json, raw, topic } = command;
  if (json) return new MadePrinter(output, topic, jsonLine);
  if (format === undefined) return new ValuePrinter(output, !raw);
  return new MadePrinter(output, topic, (record) => formatRecord(format, record));
}

/** The value as it lies in what was fetched. */
class ValuePrinter implements RecordPrinter {
  readonly #output: ByteOutput;
  readonly #endsLines: boolean;
  #records: RecordReader | null = null;

  constructor(output: ByteOutput, endsLines: boolean) {
    this.#output = output;
    this.#endsLines = endsLines;
  }

  print(records: RecordReader): boolean {
    this.#records = records;
    const { block, valueStart, valueEnd } = records;
    return this.#output.append(block, valueStart, valueEnd, this.#endsLines);
  }

  async printSlowly(): Promise<void> {
    const { block, valueStart, valueEnd } = this.#records!;
    await this.#output.appendSlowly(block, valueStart, valueEnd, this.#endsLines);
  }
}

/** Bytes that are made for each record. */
class MadePrinter implements RecordPrinter {
  readonly #output: ByteOutput;
  readonly #topic: string;
  readonly #make: (record: RecordView) => Uint8Array;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(output: ByteOutput, topic: string, make: (record: RecordView) => Uint8Array) {
    this.#output = output;
    this.#topic = topic;
    this.#make = make;
  }

  print(records: RecordReader, partition: number): boolean {
    this.#bytes = this.#make(viewOf(records, this.#topic, partition));
    return this.#output.appendBytes(this.#bytes);
  }

  printSlowly(): Promise<void> {
    return this.#output.appendBytesSlowly(this.#bytes);
  }
}
