/**
 * All codecs alike: what was compressed comes back, blocks of Kafka's Java client are read, and
 * bytes of a stranger give a failure or bytes within the bound, never an exception.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Codec, CodecFailure, codecName, codecOf, decompress } from "../../../src/codec/codec.ts";
import { compress } from "../../../src/codec/compress.ts";
import { sameBytes } from "../../support/batches.ts";
import { forSeeds, type Prng } from "../../support/prng.ts";

const CODECS: readonly Codec[] = Object.values(Codec);
const COMPRESSING = CODECS.filter((codec) => codec !== Codec.none);
const MiB = 1048576;

/**
 * Records blocks of a real Kafka 4.4 broker's log, written by its Java producer: three records
 * with keys k<codec>1 to 3 each.
 */
const KAFKA_BLOCKS: readonly [codec: Codec, hex: string][] = [
  [
    Codec.gzip,
    "1f8b08000000000000ffdbc0c8c0c0c0939d5e955960388db12c31a7345501c451305448a408306c60645060" +
    "82986c8462b211354c6681986c8c62b231a526030093db0cdf0e010000",
  ],
  [
    Codec.snappy,
    "82534e41505059000000000100000001000000469a0254b801000000106b736e61707079319a0176616c7565" +
    "20090f0c20312061f201001400b801004202115e00323a5e000032fe5e00015e0004115e00333a5e000033fe" +
    "5e00",
  ],
  [
    Codec.lz4,
    "04224d1860408244000000ff0bac010000000a6b6c7a3431940176616c7565206c7a342031206101002a6100" +
    "ac010060025800183258001f3258003111045800183358001f3358002850616161610000000000",
  ],
  [
    Codec.zstd,
    "28b52ffd0058dc01007402b0010000000c6b7a73746431960176616c7565207a7374642031206100b001006a" +
    "023232043333070005928073606001508173bb3014240127010000",
  ],
];

function bytesOfHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Text, repeats, noise and zeros in turn: every kind of token of every codec. */
function mixed(prng: Prng, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size;) {
    const end = Math.min(size, at + prng.between(1, 3000));
    const kind = prng.below(4);
    const period = prng.between(1, 40);
    for (let i = at; i < end; i += 1) {
      if (kind === 0) bytes[i] = prng.next() & 255;
      else if (kind === 1) bytes[i] = 97 + (prng.next() & 3);
      else if (kind === 2) bytes[i] = i >= period ? bytes[i - period]! : 1;
    }
    at = end;
  }
  return bytes;
}

/** Decompresses, and holds the result to the promise: bytes within the bound, or a failure. */
function bounded(codec: number, bytes: Uint8Array, outputMax: number): Uint8Array | CodecFailure {
  const result = decompress(codec, bytes, outputMax);
  if (result instanceof CodecFailure) {
    assert.notEqual(result.text, "");
    return result;
  }
  assert.ok(result.length <= outputMax, "within the bound");
  return result;
}

function failureOf(result: Uint8Array | CodecFailure, label: string): CodecFailure {
  assert.ok(result instanceof CodecFailure, label);
  return result;
}

test("names and numbers are each other's", () => {
  assert.deepEqual(CODECS.map(codecName), ["none", "gzip", "snappy", "lz4", "zstd"]);
  assert.deepEqual(CODECS.map((codec) => codecOf(codecName(codec))), CODECS);
  assert.equal(codecName(6), "codec 6");
  assert.equal(codecOf("brotli"), null);
});

test("what was compressed comes back, at exactly the bound, and not one byte below it", () => {
  forSeeds(12, (prng) => {
    const sizes = [0, 1, 4, 12, 13, 64, 65535, 65536, 65537, prng.between(2, 300000)];
    for (const size of sizes) {
      const bytes = mixed(prng, size);
      for (const codec of CODECS) {
        const block = compress(codec, bytes);
        const result = bounded(codec, block, size);
        assert.ok(result instanceof Uint8Array, `${codecName(codec)} of ${size} bytes`);
        sameBytes(result, bytes, codecName(codec));
        if (size === 0) continue;
        const failure = failureOf(bounded(codec, block, size - 1), codecName(codec));
        assert.equal(failure.kind, "too_large");
      }
    }
  });
});

test("blocks that Kafka's Java producer wrote are read", () => {
  for (const [codec, hex] of KAFKA_BLOCKS) {
    const result = bounded(codec, bytesOfHex(hex), 4096);
    assert.ok(result instanceof Uint8Array, codecName(codec));
    const text = new TextDecoder("latin1").decode(result);
    for (const n of [1, 2, 3]) {
      assert.ok(text.includes(`k${codecName(codec)}${n}`), `${codecName(codec)}: key ${n}`);
      assert.ok(text.includes(`value ${codecName(codec)} ${n} aaaa`), `value ${n}`);
    }
  }
});

test("a bomb fails at the bound, soon, and without the memory it asks for", () => {
  const zeros = new Uint8Array(64 * MiB);
  for (const codec of COMPRESSING) {
    const bomb = compress(codec, zeros);
    assert.ok(bomb.length < zeros.length / 20, `${codecName(codec)}: ${bomb.length} bytes`);
    for (const outputMax of [0, 1, 4096, MiB, 64 * MiB - 1]) {
      const failure = failureOf(bounded(codec, bomb, outputMax), codecName(codec));
      assert.equal(failure.kind, "too_large", `${codecName(codec)}, at most ${outputMax}`);
    }
    // What was not produced took no time: the measure of what happened before the failure.
    const wholeMs = timeOf(() => bounded(codec, bomb, zeros.length), 1);
    const cutMs = timeOf(() => bounded(codec, bomb, 4096), 10);
    assert.ok(cutMs < wholeMs / 4, `${codecName(codec)}: ${cutMs} ms of ${wholeMs} ms`);
  }
});

/** Milliseconds of one run. */
function timeOf(run: () => void, runs: number): number {
  const startMs = performance.now();
  for (let i = 0; i < runs; i += 1) run();
  return (performance.now() - startMs) / runs;
}

test("a block that is cut anywhere is a failure, never a shorter result", () => {
  forSeeds(3, (prng) => {
    const blocks = COMPRESSING.map((codec) => [codec, compress(codec, mixed(prng, 700))] as const);
    const kafka = KAFKA_BLOCKS.map(([codec, hex]) => [codec, bytesOfHex(hex)] as const);
    for (const [codec, block] of [...blocks, ...kafka]) {
      for (let size = 0; size < block.length; size += 1) {
        const result = bounded(codec, block.slice(0, size), 4096);
        // A cut between two frames of xerial's leaves whole frames: nothing in the bytes can tell.
        const isWholeFrame = codec === Codec.snappy && block[0] === 0x82 && size === 16;
        if (!isWholeFrame) failureOf(result, `${codecName(codec)}, ${size} of ${block.length}`);
      }
    }
  });
});

test("bytes behind a block are a failure, not ignored", () => {
  forSeeds(3, (prng) => {
    const bytes = mixed(prng, 700);
    for (const codec of COMPRESSING) {
      const block = compress(codec, bytes);
      for (const more of [[7], [1, 2, 3, 4, 5], [...prng.bytes(40)]]) {
        const result = bounded(codec, Uint8Array.from([...block, ...more]), 4096);
        failureOf(result, `${codecName(codec)} and ${more.length} bytes`);
      }
    }
  });
});

test("random bytes, alone and behind a true beginning, throw nothing", () => {
  forSeeds(300, (prng) => {
    for (const codec of [...COMPRESSING, 5, 6, 7]) {
      bounded(codec, prng.bytes(prng.between(0, 200)), prng.pick([0, 1, 100, 65536]));
      if (codec > 4) continue;
      const block = compress(codec as Codec, mixed(prng, prng.between(0, 400)));
      const kept = prng.between(0, block.length);
      const garbled = Uint8Array.from([...block.subarray(0, kept), ...prng.bytes(60)]);
      bounded(codec, garbled, prng.pick([0, 1, 100, 65536]));
    }
  });
});

test("every single bit changed throws nothing and stays within the bound", () => {
  forSeeds(2, (prng) => {
    const bytes = mixed(prng, 300);
    for (const codec of COMPRESSING) {
      const block = compress(codec, bytes);
      for (let bit = 0; bit < block.length * 8; bit += 1) {
        const flipped = block.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        bounded(codec, flipped, 65536);
      }
    }
  });
});

test("a block inside a block comes out as it is: one layer is undone", () => {
  const bytes = mixed({ below: () => 1, between: () => 9, next: () => 5 } as unknown as Prng, 900);
  for (const outer of COMPRESSING) {
    for (const inner of COMPRESSING) {
      const block = compress(inner, bytes);
      const result = bounded(outer, compress(outer, block), 4096);
      assert.ok(result instanceof Uint8Array);
      sameBytes(result, block, `${codecName(inner)} in ${codecName(outer)}`);
    }
  }
});

test("a number without a codec is a failure of its own kind", () => {
  for (const codec of [5, 6, 7]) {
    const failure = failureOf(bounded(codec, new Uint8Array(9), 100), `codec ${codec}`);
    assert.equal(failure.kind, "unknown_codec");
  }
});

test("the bytes may lie anywhere in a larger buffer, and are not changed", () => {
  forSeeds(3, (prng) => {
    const bytes = mixed(prng, 5000);
    for (const codec of CODECS) {
      const block = compress(codec, bytes);
      const around = new Uint8Array(block.length + 30).fill(0xee);
      around.set(block, 13);
      const before = around.slice();
      const result = bounded(codec, around.subarray(13, 13 + block.length), 5000);
      assert.ok(result instanceof Uint8Array);
      sameBytes(result, bytes, codecName(codec));
      sameBytes(around, before, "the input");
    }
  });
});
