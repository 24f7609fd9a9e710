/**
 * A golden file: the bytes of one request, its reply and, where there is such a thing, one push, in
 * hexadecimal, a field a line, for eyes.
 *
 *     # request
 *     00 00 00 14  # size
 *     00 01        # operation
 *
 * Written by walking the tables a second time, without the codec: what the codec encodes must
 * equal it byte by byte. Everything from `#` to the end of a line is for people.
 */

import { BatchAt } from "../../src/format/batch.ts";
import { encodeBody } from "../../src/native/codec.ts";
import { type Scalar, sizeMin, type Table, type ValueOf } from "../../src/native/table.ts";
import { FRAME_HEADER_SIZE, FrameAt, PUSH_FLAG, writeFrameHeader } from "../../src/native/frame.ts";
import type { Sample } from "./samples.ts";

const BYTES_PER_LINE = 16;

/** The bytes of a request or a reply, as the codec makes them. */
export function frameOf(
  table: Table,
  values: ValueOf<Table>,
  code: number,
  version: number,
  correlation: number,
): Uint8Array<ArrayBuffer> {
  const frame = encodeBody(table, values, FRAME_HEADER_SIZE);
  const view = new DataView(frame.buffer);
  writeFrameHeader(view, 0, frame.length, code, version, correlation);
  return frame;
}

export function requestFrame({ row, correlation, request }: Sample): Uint8Array<ArrayBuffer> {
  return frameOf(row.request, request, row.code, row.version, correlation);
}

export function replyFrame({ row, correlation, reply }: Sample): Uint8Array<ArrayBuffer> {
  return frameOf(row.reply, reply, 0, row.version, correlation);
}

/** The push of an operation that has one; empty for all others. */
export function pushFrame({ row, correlation, push }: Sample): Uint8Array<ArrayBuffer> {
  if (row.push === undefined || push === null) return new Uint8Array(0);
  const frame = frameOf(row.push, push, 0, row.version, correlation);
  frame[FrameAt.flags] = PUSH_FLAG;
  return frame;
}

/** The text of a sample's file. */
export function goldenText(sample: Sample): string {
  const { row } = sample;
  const request = new Annotator(requestFrame(sample));
  request.header("operation");
  request.table(row.request, "");
  const title = `# ${row.name}, operation ${row.code}, version ${row.version}\n`;
  const parts = [`${title}\n# request\n${request.text()}`];
  if (!row.isSilent) parts.push(answerText("reply", replyFrame(sample), row.reply));
  if (row.push !== undefined) parts.push(answerText("push", pushFrame(sample), row.push));
  return parts.join("\n");
}

function answerText(what: string, frame: Uint8Array<ArrayBuffer>, table: Table): string {
  const answer = new Annotator(frame);
  answer.header("error");
  answer.table(table, "");
  return `# ${what}\n${answer.text()}`;
}

/** The bytes of a file; empty where it has no such part. */
export function parseGolden(text: string): Golden {
  const golden: Golden = { request: NOTHING, reply: NOTHING, push: NOTHING };
  const parts = text.split(/^# (request|reply|push)$/m).slice(1);
  for (let i = 0; i < parts.length; i += 2) {
    golden[parts[i] as keyof Golden] = parseHex(parts[i + 1]!);
  }
  if (golden.request.length === 0) throw new Error("no request");
  return golden;
}

export interface Golden {
  request: Uint8Array;
  reply: Uint8Array;
  push: Uint8Array;
}

const NOTHING = new Uint8Array(0);

export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

function parseHex(text: string): Uint8Array {
  const digits = text.replace(/#.*$/gm, "").trim().split(/\s+/);
  return Uint8Array.from(digits, (pair) => {
    if (!/^[0-9a-f]{2}$/.test(pair)) throw new Error(`"${pair}" is not a byte`);
    return Number.parseInt(pair, 16);
  });
}

/** Walks a frame by its table and writes a line per field. */
class Annotator {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #lines: string[] = [];
  #at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  header(second: string): void {
    this.#line(4, "size");
    this.#line(2, second);
    this.#line(1, "version");
    this.#line(1, "flags");
    this.#line(4, "correlation");
  }

  table(table: Table, path: string): void {
    for (const [name, type] of table) {
      if (typeof type === "string") this.#scalar(type, path + name);
      else this.#list(type, path + name);
    }
  }

  text(): string {
    if (this.#at !== this.#bytes.length) throw new Error("the tables do not cover the frame");
    return this.#lines.map((line) => `${line}\n`).join("");
  }

  #list(table: Table, path: string): void {
    const count = this.#view.getUint32(this.#at);
    this.#line(4, `${path}: count`);
    for (let index = 0; index < count; index += 1) this.table(table, `${path}[${index}].`);
  }

  #scalar(type: Scalar, path: string): void {
    if (type === "string") {
      const size = this.#view.getUint16(this.#at);
      this.#line(2, `${path}: size`);
      if (size > 0) this.#line(size, path);
      return;
    }
    if (type !== "rest") return this.#line(sizeMin(type), path);
    if (this.#at < this.#bytes.length) this.#batch();
  }

  /** The one batch that a sample carries as its rest. */
  #batch(): void {
    const names = Object.entries(BatchAt).sort(([, a], [, b]) => a - b);
    const start = this.#at;
    names.forEach(([name, offset], index) => {
      const next = names[index + 1]?.[1] ?? this.#bytes.length - start;
      this.#line(next - offset, `batch.${name}`);
    });
  }

  #line(size: number, what: string): void {
    const end = this.#at + size;
    for (let from = this.#at; from < end; from += BYTES_PER_LINE) {
      const part = hex(this.#bytes.subarray(from, Math.min(end, from + BYTES_PER_LINE)));
      this.#lines.push(from === this.#at ? `${part.padEnd(11)}  # ${what}` : part);
    }
    this.#at = end;
  }
}
