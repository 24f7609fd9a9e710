/**
 * Frames: the broker's, from the bytes of a connection through dispatch to handlers and a log on
 * disk, and the client's, wherever the socket cuts them.
 *
 * The broker's decoder feeds two brokers, one per arena, with other bytes behind the input: their
 * replies must be the same, byte by byte.
 */
import { heapBlock } from "../../../src/base/bytes.ts";
import { offsetBehind } from "../../../src/client/record_reader.ts";
import { ProtocolError } from "../../../src/client/errors.ts";
import { FrameReader } from "../../../src/client/frame_reader.ts";
import { FRAME_SIZE_MAX } from "../../../src/limits.ts";
import { controlOperation } from "../../../src/native/control_operations.ts";
import { ErrorCodes } from "../../../src/format/errors.ts";
import { concat } from "../../support/batches.ts";
import { frame, FRAME_HEADER } from "../../support/frames.ts";
import { TOPIC } from "../../support/corpus.ts";
import * as frames from "../../support/frames.ts";
import { type Client, NativeWorld, type WireReply } from "../../support/native_world.ts";
import { Prng } from "../../support/prng.ts";
import { type Decoder, Digest, must, REJECTED } from "../decoder.ts";
import { drawBatch, seal } from "./batch_samples.ts";

const MiB = 1048576;
const PRODUCE = 201;
/** Flags of what a subscription pushes. */
const PUSHED = 128;
const SLOT = 8;
const READER_SLOT = 9;
const HANDLES_MAX = 16;
/** Where the batch begins in a frame of produce. */
const BATCH = FRAME_HEADER + 8;
/** A record that is there from the start, at handle 1. */
const FIXED_HANDLE = 1;

const worlds: (World | null)[] = [null, null];

export const dispatched: Decoder = {
  name: "frame-dispatch",
  family: "frames",
  weight: 2,
  sample: (prng) => concat(Array.from({ length: prng.between(1, 3) }, () => drawFrame(prng))),
  repair(input, size) {
    for (const [at, end] of ranges(input.view, size)) {
      input.view.setUint32(at, end - at - 4);
      if (end - at > BATCH && input.view.getUint16(at + 4) === PRODUCE) {
        seal(input, at + BATCH, end);
      }
    }
  },
  fields: (input, size) => {
    return ranges(input.view, size).flatMap(([at]) => {
      const numbers = [[0, 4], [4, 2], [6, 1], [7, 1], [8, 4], [12, 4], [16, 4], [20, 4], [28, 8]];
      return numbers.map(([offset, width]) => [at + offset!, width!] as const);
    });
  },
  // The connection's buffers, replies, and what the handlers keep.
  allocationMax: () => 2 * MiB,
  decode(block, at, size, arena) {
    const world = worlds[arena] ??= new World();
    const replies = world.feed(block.bytes.slice(at, at + size));
    const digest = new Digest().number(replies.length);
    let isAccepted = false;
    for (const { code, version, flags, correlation, body } of replies) {
      digest.number(code).number(version).number(flags).number(correlation).bytes(body);
      if (code === ErrorCodes.none) isAccepted = true;
    }
    return isAccepted ? digest.result : REJECTED;
  },
  reset() {
    this.end!();
  },
  end() {
    for (const arena of [0, 1]) {
      worlds[arena]?.end();
      worlds[arena] = null;
    }
  },
};

/** A broker without sockets, and what must hold after each input. */
class World {
  readonly #native = new NativeWorld();
  readonly #reader: Client;
  #client: Client | null = null;
  #ends: number[];

  constructor() {
    this.#native.addTopic(TOPIC, 2);
    this.#reader = this.#open(READER_SLOT);
    this.#reader.feed(frames.produce(FIXED_HANDLE, drawBatch(new Prng(1))));
    this.#ends = this.#logEnds();
  }

  /** A session goes on to the next input while nothing of the last one is left in it. */
  feed(input: Uint8Array): WireReply[] {
    const client = this.#client ??= this.#open(SLOT);
    const replies = client.feed(input);
    must(replies.every(({ flags }) => flags === 0 || flags === PUSHED), "a reply with flags");
    const isOver = client.closed || client.paused || client.partialSize > 0 ||
      client.session.outstanding > 0 || client.session.isSubscribed ||
      client.session.handles.length > HANDLES_MAX;
    if (isOver) {
      client.close();
      this.#client = null;
    }
    const before = this.#ends;
    this.#ends = this.#logEnds();
    this.#readBack(before);
    return replies;
  }

  end(): void {
    this.#native.end();
  }

  #open(slot: number): Client {
    const client = this.#native.connect({ slot });
    for (const partition of [0, 1]) {
      client.feed(frames.request("open_partition", { topic: TOPIC, partition }));
    }
    return client;
  }

  #logEnds(): number[] {
    return this.#native.broker.topics.partitions.map(({ log }) => log.visible.offset);
  }

  /** What an input appended is fetched whole. */
  #readBack(before: readonly number[]): void {
    this.#ends.forEach((end, partition) => {
      if (end === before[partition]) return;
      must(end > before[partition]!, "the visible end fell");
      const wanted = { handle: partition, maxBytes: MiB, minBytes: 1, maxWaitMs: 0 };
      const offset = before[partition]!;
      const [reply] = this.#reader.feed(frames.request("fetch", { ...wanted, offset }));
      must(reply?.code === ErrorCodes.none, "what was accepted cannot be fetched");
      const batches = reply!.body.subarray(16);
      const block = heapBlock(batches.length);
      block.bytes.set(batches);
      must(
        offsetBehind(block, 0, batches.length, -1) === end,
        "what was accepted is not all there",
      );
    });
  }
}

/** A right frame for a connection with handles 0 and 1 of the topic. */
export function drawFrame(prng: Prng): Uint8Array {
  const correlation = prng.next();
  const handle = prng.chance(90) ? prng.below(2) : prng.below(5);
  switch (prng.below(27)) {
    case 0:
      return frames.request("ping", {}, correlation);
    case 1:
      return frames.request("metadata", { topics: [{ name: TOPIC }, { name: "no" }] }, correlation);
    case 2:
      return frames.request("open_partition", { topic: TOPIC, partition: 1 }, correlation);
    case 3:
      return frames.request("offsets", { handle }, correlation);
    case 4:
      return frames.request("offset_for_time", { handle, timestamp: prng.next() }, correlation);
    case 5:
      return frames.request("stats", {}, correlation);
    case 6:
      return frames.request("delete_records", { handle: FIXED_HANDLE, offset: 0 }, correlation);
    case 7:
      return frames.request("create_topic", { name: "n", partitions: 1, config: [] }, correlation);
    case 8:
      return frames.fetch(FIXED_HANDLE, prng.below(2), { minBytes: prng.below(2) }, correlation);
    case 9: {
      const shape = { handle, maxBytes: 4096, credit: prng.below(5000), offset: prng.below(2) };
      return frames.request("subscribe", shape, 7);
    }
    case 10:
      return frames.request("add_credit", { subscription: 7, bytes: 1000 }, correlation);
    case 11:
      return frames.request("unsubscribe", { subscription: 7 }, correlation);
    case 12:
      return frame({ operation: controlOperation("stop").code, correlation });
    case 13:
      return frames.request("init_producer", { transactionalId: "" }, correlation);
    case 14: {
      const place = { topic: TOPIC, partition: prng.below(3), leaderEpoch: -1, metadata: "m" };
      const offsets = [{ ...place, offset: prng.next() }];
      const commit = { group: "g", memberId: "", generation: -1, offsets };
      return frames.request("commit_offsets", commit, correlation);
    }
    case 15:
      return frames.request("fetch_offsets", { group: "g", partitions: [] }, correlation);
    case 16:
      return frames.request("list_groups", { prefix: "" }, correlation);
    case 17:
      return frames.request("delete_group", { group: "g", partitions: [] }, correlation);
    case 18: {
      const places = [{ topic: TOPIC, partition: prng.below(3), offset: prng.below(3) }];
      return frames.request("offset_times", { places }, correlation);
    }
    case 19:
      return frames.pace(7, prng.below(2000), correlation);
    case 20:
      return frames.request("group_lags", { groups: [{ group: "g" }, { group: "" }] }, correlation);
    case 21:
      return frames.request("health", {}, correlation);
    default:
      return frames.produce(handle, drawBatch(prng), correlation, prng.pick([0, 1, 255, 255]));
  }
}

/** The frames of an input as far as their sizes can be followed; the rest is one. */
export function ranges(view: DataView, size: number): [at: number, end: number][] {
  const found: [number, number][] = [];
  for (let at = 0; size - at >= FRAME_HEADER;) {
    const own = view.getUint32(at) + 4;
    const end = own >= FRAME_HEADER && own <= size - at ? at + own : size;
    found.push([at, end]);
    at = end;
  }
  return found;
}

/** Replies in the client: the same frames wherever the bytes are cut, and no block too many. */
const replies: Decoder = {
  name: "client-frames",
  family: "client",
  weight: 8,
  sample: (prng) => concat(Array.from({ length: prng.between(1, 4) }, () => drawReply(prng))),
  repair(input, size) {
    for (const [at, end] of ranges(input.view, size)) input.view.setUint32(at, end - at - 4);
  },
  fields: (input, size) => ranges(input.view, size).map(([at]) => [at, 4] as const),
  // A block for what one size field promises below the limit, and the pool's smallest for others.
  allocationMax: (size) => 2 * SIZE_MAX + 16 * size + 16384,
  decode(block, at, size, arena) {
    const bytes = block.bytes.subarray(at, at + size);
    const whole = feed([bytes]);
    // The second arena cuts, in pieces that follow from the input.
    const step = 1 + (size > 0 ? bytes[0]! + bytes[size >> 1]! : 0) % 13;
    const cut = arena === 0 ? whole : feed(pieces(bytes, step));
    must(cut.digest === whole.digest, "other frames when the bytes are cut");
    return whole.frames === 0 ? REJECTED : whole.digest;
  },
};

/** Small, so that the limit is met; the client's own is that of FRAME_SIZE_MAX. */
const SIZE_MAX = Math.min(FRAME_SIZE_MAX, 4096);

function feed(chunks: Iterable<Uint8Array>): { frames: number; digest: number } {
  const digest = new Digest();
  let frames = 0;
  const reader: FrameReader = new FrameReader(SIZE_MAX, (block, size) => {
    must(size >= FRAME_HEADER && size <= SIZE_MAX, "a frame of a size that cannot be");
    must(block.size >= size && block.view.getUint32(0) + 4 === size, "its block does not hold it");
    digest.bytes(block.bytes, 0, size);
    frames += 1;
    reader.giveBack(block);
  });
  try {
    for (const chunk of chunks) reader.feed(chunk);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    digest.text(error.message);
  }
  return { frames, digest: digest.number(frames).result };
}

function* pieces(bytes: Uint8Array, step: number): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

function drawReply(prng: Prng): Uint8Array {
  return frame({ operation: 0, correlation: prng.next() }, prng.bytes(prng.below(60)));
}

export const FRAME_DECODERS: readonly Decoder[] = [dispatched, replies];
