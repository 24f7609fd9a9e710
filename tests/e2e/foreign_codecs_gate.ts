/**
 * The codecs of batches both ways against implementations that are none of ours: gzip of Python's
 * standard library, and zstandard, lz4 and python-snappy of PyPI, which pip installs on the first
 * run (tests/foreign/requirements.txt). Each is written in the form that docs/PROTOCOL.md asks
 * for, and in the strangest that readers may meet.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after } from "node:test";
import { Client } from "../../src/client/client.ts";
import { startBroker } from "../support/broker.ts";
import { bothWays, foreignCodecsMissing, someLines } from "../support/foreign.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { Prng } from "../support/prng.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const MISSING = foreignCodecsMissing();
const FORMS = [
  ...["gzip", "gzip-members"],
  ...["snappy", "snappy-framed"],
  ...["lz4", "lz4-linked"],
  ...["zstd", "zstd-streamed"],
];
/** A hundred of them, a batch, are more than any codec's piece or window at its smallest. */
const COUNT = 500;
const VALUE_BYTES_MAX = 4000;

const broker = await startBroker({
  runtime: BROKER_RUNTIME,
  data: join(temporaryDirectory("codecs"), "d"),
});
const client = await Client.connect({ brokers: [`127.0.0.1:${broker.port}`] });
after(async () => {
  await client.close();
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

const lines = someLines(new Prng(20261129), COUNT, VALUE_BYTES_MAX);

for (const form of FORMS) {
  testOrSkip(`${form}: written by one, read by the other`, MISSING, async () => {
    await bothWays(broker, client, form, lines);
  });
}
