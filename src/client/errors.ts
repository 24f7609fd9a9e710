/**
 * What goes wrong, as the user of the client sees it. An error of the broker carries the row of
 * `format/errors.ts`; one that arises here carries the row it would have had, or code -1.
 *
 *     error.code 43   error.name "batch_too_large"   error.retriable false   error.hint "Send …"
 *
 * Invariant: `name` is stable and meant for programs; `message` is for people and names the
 * address, the limit or the setting that the reader needs next.
 */

import { describeError, ErrorCodes } from "../format/errors.ts";
import { BATCH_SIZE_MAX_LIMIT } from "../limits.ts";

/** The code of an error that has no row: it arose here and never crossed the wire. */
export const LOCAL_ERROR = -1;

export interface ErrorDetail {
  readonly code: number;
  readonly name: string;
  readonly retriable: boolean;
  readonly hint: string;
}

export class SluiceError extends Error {
  override readonly name: string;
  readonly code: number;
  readonly retriable: boolean;
  /** What to do next; may be empty. */
  readonly hint: string;

  constructor(message: string, detail: ErrorDetail) {
    super(message);
    this.name = detail.name;
    this.code = detail.code;
    this.retriable = detail.retriable;
    this.hint = detail.hint;
  }
}

/** The broker refused a request. */
export class BrokerError extends SluiceError {
  /** `detail` is what the broker said of this case; it may be empty. */
  constructor(code: number, detail = "") {
    const row = describeError(code);
    super(detail === "" ? row.text : `${row.text.replace(/\s*\.$/, "")}: ${detail}`, row);
  }
}

/** There is no connection, or it ended. What was outstanding may or may not have been executed. */
export class ConnectionError extends SluiceError {
  readonly address: string;

  constructor(message: string, name: string, address: string) {
    super(message, {
      code: LOCAL_ERROR,
      name,
      retriable: true,
      hint: `Start a broker at ${address}, or name the one that runs: brokers of the client, ` +
        "--broker, SLUICE_BROKER.",
    });
    this.address = address;
  }
}

/** An option of this library has a value that it cannot have. */
export class InvalidOptionError extends SluiceError {
  readonly option: string;

  constructor(option: string, value: unknown, allowed: string) {
    super(`${option} is ${shown(value)}; it must be ${allowed}`, {
      code: LOCAL_ERROR,
      name: "invalid_option",
      retriable: false,
      hint: "docs/CLIENT.md lists the options.",
    });
    this.option = option;
  }
}

/** The client, the producer or the consumer was closed; what was not done then is not done. */
export class ClosedError extends SluiceError {
  constructor(what: string) {
    super(`the ${what} is closed`, {
      code: LOCAL_ERROR,
      name: "closed",
      retriable: false,
      hint: "Await what you send before you close, or make a new one.",
    });
  }
}

/** A record was not acknowledged in time. It may be stored all the same. */
export class DeliveryTimeoutError extends SluiceError {
  constructor(topic: string, partition: number, timeoutMs: number, cause: Error | null) {
    const where = partition < 0 ? topic : `${topic}/${partition}`;
    const why = cause === null ? "" : `; the last attempt: ${cause.message}`;
    super(`a record for ${where} was not acknowledged within ${timeoutMs} ms${why}`, {
      code: LOCAL_ERROR,
      name: "delivery_timeout",
      retriable: true,
      hint: "It may be stored all the same. Look at the broker, or raise deliveryTimeoutMs.",
    });
    if (cause !== null) this.cause = cause;
  }
}

/** This runtime cannot compress or decompress with a codec. */
export class CodecUnavailableError extends SluiceError {
  readonly codec: string;

  constructor(codec: string) {
    super(`${codec} is not part of this runtime`, {
      code: LOCAL_ERROR,
      name: "codec_unavailable",
      retriable: false,
      hint:
        "Bun, Deno and Node from 22.15 on have it. Otherwise give the functions of a package, " +
        "such as @bokuweb/zstd-wasm, to useZstd, as docs/CLIENT.md shows, or produce with lz4, " +
        "snappy or gzip.",
    });
    this.codec = codec;
  }
}

/** The functions that were given to `useZstd` could not compress a batch, which was not sent. */
export class CompressionFailedError extends SluiceError {
  constructor(codec: string, reason: string) {
    super(`${codec} could not compress a batch: ${reason}`, {
      code: LOCAL_ERROR,
      name: "compression_failed",
      retriable: false,
      hint: "Has the package that useZstd was given begun, and has it memory enough?",
    });
  }
}

/** The other side does not speak the protocol as this client knows it. */
export class ProtocolError extends SluiceError {
  constructor(message: string) {
    super(message, {
      code: LOCAL_ERROR,
      name: "protocol_violated",
      retriable: false,
      hint: "Is this the native listener of a Sluice broker? Compare the versions.",
    });
  }
}

/** A record that no batch of the topic can hold. */
export class RecordTooLargeError extends SluiceError {
  readonly recordBytes: number;
  /** The largest value that fits. */
  readonly limitBytes: number;
  /** The `max.message.bytes` that the record needs, or 0 when no setting is large enough. */
  readonly neededMaxMessageBytes: number;

  constructor(
    recordBytes: number,
    limitBytes: number,
    maxMessageBytes: number,
    neededMaxMessageBytes: number,
  ) {
    const possible = neededMaxMessageBytes <= BATCH_SIZE_MAX_LIMIT;
    const row = describeError(ErrorCodes.batch_too_large);
    const needs = possible
      ? `it needs max.message.bytes=${neededMaxMessageBytes}`
      : `no setting allows it: max.message.bytes ends at ${BATCH_SIZE_MAX_LIMIT}`;
    const hint = possible
      ? `Create a topic for it: sluice topic create NAME --config ` +
        `max.message.bytes=${neededMaxMessageBytes}.`
      : "Cut the record into smaller ones.";
    super(
      `a record of ${recordBytes} bytes is above the limit of ${limitBytes} bytes ` +
        `(max.message.bytes=${maxMessageBytes}); ${needs}`,
      { code: row.code, name: row.name, retriable: false, hint },
    );
    this.recordBytes = recordBytes;
    this.limitBytes = limitBytes;
    this.neededMaxMessageBytes = possible ? neededMaxMessageBytes : 0;
  }
}

const CODEC_NAMES = ["none", "gzip", "snappy", "lz4", "zstd"];

/** A fetched batch is compressed with a codec that no version of the format has. */
export class UnsupportedCodecError extends SluiceError {
  readonly codec: string;

  constructor(codec: number, offset: number) {
    const codecName = CODEC_NAMES[codec] ?? `codec ${codec}`;
    super(`the batch at offset ${offset} is compressed with ${codecName}`, {
      code: LOCAL_ERROR,
      name: "unsupported_codec",
      retriable: false,
      hint: "Read the topic with a newer client.",
    });
    this.codec = codecName;
  }
}

/** A fetched batch is not what was produced: the checksum or the structure does not fit. */
export class CorruptBatchError extends SluiceError {
  constructor(what: string, offset: number) {
    super(`the batch at offset ${offset} is damaged: ${what}`, {
      code: ErrorCodes.batch_corrupt,
      name: "batch_corrupt",
      retriable: true,
      hint: "Fetch it again; when it recurs, the broker's disk or the network is at fault.",
    });
  }
}

function shown(value: unknown): string {
  return typeof value === "string" ? `"${value}"` : String(value);
}

/** Whether the broker refused with this code. */
export function isCode(error: unknown, code: number): boolean {
  return error instanceof BrokerError && error.code === code;
}

/** Whether the same request may succeed later. */
export function isRetriable(error: unknown): boolean {
  return error instanceof SluiceError && error.retriable;
}

/** Whether the error says that nothing was sent at all. */
export function isUnsent(error: unknown): boolean {
  return error instanceof ConnectionError && error.name === "connection_refused";
}

/** Whether the partition must be opened again. */
export function isStaleHandle(error: unknown): boolean {
  if (!(error instanceof BrokerError)) return false;
  return error.code === ErrorCodes.unknown_handle || error.code === ErrorCodes.topic_not_found ||
    error.code === ErrorCodes.partition_not_found;
}

/** What was thrown, as an error of this library. */
export function toSluiceError(error: unknown): SluiceError {
  return error instanceof SluiceError ? error : new ProtocolError(reasonOf(error));
}

/** Why something ended, as text of at most one line. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
