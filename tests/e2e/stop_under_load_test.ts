/**
 * SIGTERM under load: what was appended is answered, the stop is clean, and the next start scans
 * nothing. And a second broker on the directory of one that is at work: refused by name, while the
 * first goes on as if nobody had come.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runSluice, startBroker } from "../support/broker.ts";
import { BROKER_RUNTIME, CLIENT_RUNTIME } from "../support/pair.ts";
import type { Reading } from "../support/proof/checker.ts";
import { counter } from "../support/proof/counters.ts";
import { readFiles } from "../support/proof/file_reader.ts";
import type { Attempt } from "../support/proof/history.ts";
import { Proof } from "../support/proof/proof.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { pause, until, within } from "../support/until.ts";

const CLEAN_MARKER = ".kafka_cleanshutdown";
const SCANNED = "recovery_scanned_bytes_total";
const STOPS = 3;
const SEED = 4400;

test("SIGTERM under load: drained, marked, and the next start scans nothing", async () => {
  const proof = new Proof({ data: join(temporaryDirectory("term"), "d"), seed: SEED });
  for (let stop = 0; stop < STOPS; stop += 1) {
    const broker = await proof.start();
    assert.equal(await counter(broker.port, SCANNED), 0, "nothing to scan after a clean stop");
    await proof.judge(broker);
    await proof.load.begin(broker.port);
    await pause(proof.prng.between(100, 400));
    const ended = await within("the end of the broker", broker.stop());
    assert.deepEqual(ended, { code: 0, signal: null }, broker.stderr());
    await proof.load.end();
    assert.ok(existsSync(join(proof.data, CLEAN_MARKER)), "the clean marker is written");
    const files = readFiles(proof.data, proof.load.places, proof.checker);
    proof.checker.judge(files);
    assert.deepEqual(unanswered(proof, files), [], "what was appended was acknowledged");
    proof.expectSound();
    assert.ok(proof.history.ackedRecords > 0);
  }
  const killed = await proof.start();
  await proof.load.begin(killed.port);
  await pause(300);
  await killed.kill();
  await proof.load.end();
  const after = await proof.start();
  assert.ok(await counter(after.port, SCANNED) > 0, "after a kill there is something to scan");
  await proof.finish(after);
});

for (
  const [first, second] of [[BROKER_RUNTIME, CLIENT_RUNTIME], [CLIENT_RUNTIME, BROKER_RUNTIME]]
) {
  test(`${first} at work, ${second} comes: refused by name, the first unharmed`, async () => {
    const proof = new Proof({ data: join(temporaryDirectory("two"), "d"), seed: SEED + 50 });
    const broker = await proof.start(first);
    await proof.load.begin(broker.port);
    const args = ["serve", "--no-http", "--data", proof.data, "--native", "127.0.0.1:0"];
    const refused = await runSluice({ runtime: second!, args, withinMs: 20_000 });
    assert.equal(refused.code, 1, `${refused.signal}: ${refused.stderr}`);
    assert.equal(refused.out, "", "it never said that it is ready");
    assert.ok(refused.stderr.includes(proof.data), refused.stderr);
    assert.match(refused.stderr, /in use by another broker/);
    const before = proof.history.ackedRecords;
    await until("the load goes on", () => proof.history.ackedRecords > before + 100);
    await proof.load.finish();
    const troubled = proof.history.attempts.filter(({ outcome }) => outcome !== "acked");
    assert.deepEqual(troubled, [], "every batch was acknowledged");
    await proof.judge(broker);
    await proof.finish(broker);
    const third = await startBroker({ runtime: second!, data: proof.data });
    await proof.judge(third);
    assert.deepEqual(await third.stop(), { code: 0, signal: null }, third.stderr());
  });
}

/** Batches of this start that are in the log and whose producer never heard of it. */
function unanswered({ history }: Proof, files: readonly Reading[]): Attempt[] {
  const idOf = (place: number, producer: number, sequence: number): string => {
    return `${place} ${producer} ${sequence}`;
  };
  const stored = new Set(files.flatMap(({ place, records }) => {
    return records.map(({ producer, sequence }) => idOf(place, producer, sequence));
  }));
  return history.attempts.filter(({ life, outcome, place, producer, first }) => {
    return life === history.life && outcome !== "acked" && stored.has(idOf(place, producer, first));
  });
}
