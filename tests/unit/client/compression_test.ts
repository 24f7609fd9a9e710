import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Codec } from "../../../src/codec/codec.ts";
import {
  type Compression,
  decompressRecords,
  loadCompressor,
  useZstd,
} from "../../../src/client/compression.ts";
import { within } from "../../support/until.ts";
import { FakeCluster } from "./fake_cluster.ts";

const bytes = new TextEncoder().encode("some text ".repeat(100));

describe("compression", () => {
  test("what each codec compresses comes back", async () => {
    for (const name of ["gzip", "snappy", "lz4", "zstd"] as const) {
      const compressor = (await loadCompressor(name))!;
      assert.equal(compressor.codec, Codec[name]);
      const compressed = compressor.compress(bytes);
      assert.ok(compressed.length < bytes.length, name);
      assert.deepEqual(decompressRecords(compressor.codec, compressed, 0), bytes);
    }
    assert.equal(await loadCompressor("none"), null);
  });

  test("damage is an error that names codec and offset", () => {
    for (const codec of [1, 2, 3, 4]) {
      const decompress = (): unknown => decompressRecords(codec, bytes, 17);
      assert.throws(decompress, { name: "batch_corrupt", message: /offset 17/ });
    }
  });

  test("an unknown name is refused, with those that there are", async () => {
    await assert.rejects(loadCompressor("brotli" as Compression), {
      name: "invalid_option",
      message: /"brotli".*gzip.*zstd/,
    });
  });

  test("functions of a package take the place of the runtime's zstd", async () => {
    const given: Uint8Array[] = [];
    useZstd({
      compress: (input) => {
        given.push(input);
        return new Uint8Array([1]);
      },
      decompress: (input) => {
        if (input[0] !== 1) throw new Error("not mine");
        return bytes;
      },
    });
    try {
      const compressor = (await loadCompressor("zstd"))!;
      assert.deepEqual(compressor.compress(bytes), new Uint8Array([1]));
      assert.deepEqual(given, [bytes]);
      assert.deepEqual(decompressRecords(Codec.zstd, new Uint8Array([1]), 0), bytes);
      const decompress = (): unknown => decompressRecords(Codec.zstd, new Uint8Array([2]), 5);
      assert.throws(decompress, { name: "batch_corrupt", message: /offset 5 .*not mine/ });
    } finally {
      useZstd(null);
    }
  });

  test("a package that fails to compress fails the batch, and what comes is sent", async () => {
    const cluster = await FakeCluster.start();
    let calls = 0;
    const compress = (input: Uint8Array): Uint8Array => {
      calls += 1;
      if (calls === 1) throw new Error("not begun");
      return input;
    };
    useZstd({ compress, decompress: (input) => input });
    try {
      const client = await cluster.connect();
      const producer = await client.producer({ compression: "zstd", batchBytes: 0 });
      const sent = ["0", "1"].map((value) => producer.send({ topic: "t", value }));
      await assert.rejects(within("the first", sent[0]!), {
        name: "compression_failed",
        message: /not begun/,
      });
      assert.equal((await within("the second", sent[1]!)).offset, 0);
      assert.equal(producer.bufferedBytes, 0);
      await client.close();
    } finally {
      useZstd(null);
      await cluster.broker.stop();
    }
  });
});
