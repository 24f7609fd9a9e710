/**
 * The tour of README.md, pasted: every block ends well, and says what the page promises.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { startBroker } from "../support/broker.ts";
import { programText } from "../support/commands.ts";
import { BROKER_RUNTIME, PAIR } from "../support/pair.ts";
import { ROOT } from "../support/runtimes.ts";
import { skipped } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { tourBlocks } from "../support/tour.ts";

const CURL_MISSING = spawnSync("curl", ["--version"]).error === undefined ? null : "no curl";

test(`the tour, pasted, ${PAIR}`, async () => {
  const folder = temporaryDirectory("tour");
  copyFileSync(join(ROOT, "README.md"), join(folder, "README.md"));
  const data = join(folder, "sluice-data");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data, http: true });
  await broker.http();
  const blocks = tourBlocks(ROOT, programText());
  assert.equal(blocks.length, 6);
  const said: string[] = [];
  for (const block of blocks) {
    if (block.includes("curl") && CURL_MISSING !== null) {
      skipped("the blocks with curl", CURL_MISSING);
    } else said.push(await paste(block, folder, `127.0.0.1:${broker.port}`));
  }
  const [basics = "", keys = "", groups = "", settings = "", around = "", http] = said;
  const page = readFileSync(join(folder, "README.md"), "utf8");
  assert.match(basics, /^orders\t1\t/m);
  assert.match(basics, /^one\ntwo\nthree\n# Sluice$/m);
  assert.equal(readFileSync(join(folder, "copy.log"), "utf8"), `one\ntwo\nthree\n${page}`);
  assert.match(keys, /^1\/0 dan paid 20\n2\/0 ann paid 10\n2\/1 ann paid 30$/m);
  assert.match(keys, /^\{"topic":"payments","partition":2,"offset":1,.*"key":"ann"/m);
  assert.equal(keys.match(/^payments\t[0-3]\tok\t/gm)?.length, 4);
  assert.match(groups, /^20\n10\n30\n/);
  assert.match(settings, /^2$/m);
  assert.match(around, /^appended_records_total\t\d+$/m);
  assert.doesNotMatch(around, /^fail\t/m);
  if (http !== undefined) expectHttp(http);
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

/** Answers stand one behind the other, without ends of lines. */
function expectHttp(said: string): void {
  assert.match(said, /^\{"name":"clicks","topicId":/);
  assert.match(said, /\{"records":\[(\{"partition":[01],"offset":0,"level":"fsync"\},?){2}\]\}/);
  assert.match(said, /"key":"ann","value":"\/"\}/);
  assert.match(said, /"moves":\[\{"topic":"clicks","partition":0,"before":null,"after":1\}/);
  assert.match(said, /\{"group":"counter","lagRecords":0,"lagMs":0,"offsets":\[/);
}

/** The block in a shell that ends at the first command that fails; its standard output. */
function paste(block: string, cwd: string, broker: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, NO_COLOR: "1", SLUICE_BROKER: broker };
    const child = spawn("sh", ["-e"], { cwd, env });
    let out = "";
    let error = "";
    child.stdout.on("data", (piece) => (out += piece));
    child.stderr.on("data", (piece) => (error += piece));
    child.on("close", (code) => {
      if (code === 0) resolve(out);
      else reject(new Error(`${block}ended with ${code}:\n${out}${error}`));
    });
    child.stdin.end(block);
  });
}
