/**
 * The bytes of the batches that simulated producers send: of a few sizes, so that a stale batch
 * fits exactly where another one is missing, and with the number of the attempt in every record, so
 * that no two are equal and each says which one it is.
 *
 *     batch header | record: … value = attempt number, then words made of it | record | …
 *
 * An encoder of its own, like the one of tests/support/batches.ts but from templates: a schedule
 * makes dozens of batches, and a gate millions.
 */
export const HEADER_SIZE = 61;
/** Positions in a batch, written out once more: the product's own table is under test. */
export const At = {
  baseOffset: 0,
  length: 8,
  epoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  count: 57,
} as const;

export interface BatchWords {
  readonly attempt: number;
  readonly size: number;
  readonly records: number;
  readonly timestamp: number;
  /** -1: not idempotent. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly sequence: number;
}

interface Layout {
  readonly bytes: Uint8Array;
  /** Where the values begin, and their common size but for the last one. */
  readonly values: readonly { start: number; size: number }[];
}

const layouts: Map<number, Layout | null> = new Map();

/** Whether there is a batch of this size with this many records that each hold a number. */
export function canEncode(size: number, records: number): boolean {
  return layoutOf(size, records) !== null;
}

export function encodeAttempt(words: BatchWords): Uint8Array<ArrayBuffer> {
  const layout = layoutOf(words.size, words.records)!;
  const bytes = new Uint8Array(layout.bytes);
  const view = new DataView(bytes.buffer);
  setI64(view, At.baseTimestamp, words.timestamp);
  setI64(view, At.maxTimestamp, words.timestamp + words.records - 1);
  setI64(view, At.producerId, words.producerId);
  view.setInt16(At.producerEpoch, words.producerEpoch);
  view.setInt32(At.baseSequence, words.sequence);
  for (const { start, size } of layout.values) {
    let word = Math.imul(words.attempt, 0x9e3779b1) | 1;
    view.setInt32(start, words.attempt);
    for (let at = start + 4; at < start + size; at += 4) {
      word = Math.imul(word, 0x01000193) ^ at;
      const end = start + size - 4;
      view.setInt32(Math.min(at, end), word);
    }
  }
  view.setUint32(At.crc, crc32c(bytes, At.attributes, bytes.length));
  return bytes;
}

/** The attempt that a batch says it is, or -1 where it cannot be one of ours. */
export function attemptOf(view: DataView, at: number, size: number): number {
  const records = view.getInt32(at + At.count);
  if (records < 1 || records > 8) return -1;
  const layout = layoutOf(size, records);
  return layout === null ? -1 : view.getInt32(at + layout.values[0]!.start);
}

/** Whether `bytes` at `at` are the batch `sent`, but for the two fields that the broker stamps. */
export function sameBatch(bytes: Uint8Array, at: number, sent: Uint8Array): boolean {
  if (at + sent.length > bytes.length) return false;
  for (let i = At.length; i < sent.length; i += 1) {
    if (bytes[at + i] !== sent[i] && (i < At.epoch || i >= At.magic)) return false;
  }
  return true;
}

function layoutOf(size: number, records: number): Layout | null {
  const key = size * 16 + records;
  let layout = layouts.get(key);
  if (layout === undefined) layouts.set(key, layout = makeLayout(size, records));
  return layout;
}

function makeLayout(size: number, records: number): Layout | null {
  const each = Math.floor((size - HEADER_SIZE) / records);
  const bytes = new Uint8Array(Math.max(size, HEADER_SIZE));
  const values: { start: number; size: number }[] = [];
  let at = HEADER_SIZE;
  for (let i = 0; i < records; i += 1) {
    const whole = i === records - 1 ? size - at : each;
    const head = recordHead(whole, i);
    if (head === null) return null;
    bytes.set(head, at);
    values.push({ start: at + head.length, size: whole - head.length - 1 });
    at += whole; // the last byte of a record is its number of headers: 0
  }
  const view = new DataView(bytes.buffer);
  view.setInt32(At.length, size - At.epoch);
  view.setInt8(At.magic, 2);
  view.setInt32(At.lastOffsetDelta, records - 1);
  view.setInt32(At.count, records);
  return { bytes, values };
}

/** What stands before the value in a record of `whole` bytes; null where no length fits. */
function recordHead(whole: number, delta: number): number[] | null {
  for (let valueSize = whole - 16; valueSize < whole; valueSize += 1) {
    if (valueSize < 8) continue;
    const inner = [0, ...varint(delta), ...varint(delta), 1, ...varint(valueSize)];
    const head = [...varint(inner.length + valueSize + 1), ...inner];
    if (head.length + valueSize + 1 === whole) return head;
  }
  return null;
}

/** The zig-zag varint of a small number that is not negative. */
function varint(value: number): number[] {
  let rest = value * 2;
  const bytes: number[] = [];
  while (rest >= 128) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  bytes.push(rest);
  return bytes;
}

function setI64(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value >>> 0);
}

const table: Int32Array = new Int32Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  let state = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    state = (state & 1) !== 0 ? (state >>> 1) ^ 0x82f63b78 : state >>> 1;
  }
  table[byte] = state;
}

/** CRC-32C, byte by byte: it shares no line with the product's. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  let state = -1;
  for (let at = start; at < end; at += 1) {
    state = table[(state ^ bytes[at]!) & 255]! ^ (state >>> 8);
  }
  return (state ^ -1) >>> 0;
}
