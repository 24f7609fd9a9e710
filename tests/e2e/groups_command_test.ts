/** Offsets of groups from the command line: consumed with, listed, described, moved, forgotten. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { startBroker } from "../support/broker.ts";
import { commands, tryCommands } from "../support/commands.ts";
import { BROKER_RUNTIME, PAIR } from "../support/pair.ts";
import { temporaryDirectory } from "../support/temporary.ts";

test(`a group goes on where it stands, also after a kill (${PAIR})`, async () => {
  const data = join(temporaryDirectory("groups"), "d");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  const sluice = commands(broker);
  await sluice(["topic", "create", "t", "--partitions", "2"]);
  const lines = Array.from({ length: 10 }, (_, at) => `${at}\n`).join("");
  await sluice(["produce", "t", "--partition", "0"], { stdin: lines });
  await sluice(["produce", "t", "--partition", "1"], { stdin: "a\nb\n" });

  const consume = ["consume", "t", "--group", "g"];
  assert.equal((await sluice([...consume, "-n", "3"])).out, "0\n1\n2\n");
  assert.equal((await sluice(["group", "describe", "g", "--json"])).out.split("\n").length, 2);
  await broker.kill();

  const again = await startBroker({ runtime: BROKER_RUNTIME, data });
  const after = commands(again);
  const rest = (await after([...consume, "--json"])).out.trimEnd().split("\n");
  const values = rest.map((line) => JSON.parse(line).value);
  assert.deepEqual(values, ["3", "4", "5", "6", "7", "8", "9", "a", "b"]);
  assert.equal((await after(consume)).out, "", "everything is committed");
  assert.equal((await after(["group", "list"])).out, "g\tempty\t2\n");
  assert.match((await after(["topic", "list"])).out, /^t\t2\t.*\n$/, "not what the broker keeps");
  assert.match((await after(["topic", "list", "--internal"])).out, /^__consumer_offsets\t8\t/);
  const stand = (await after(["group", "describe", "g"])).out;
  assert.match(stand, /^t\t0\t10\t10\t0\t\d{4}-\S+Z\t\nt\t1\t2\t2\t0\t/);

  const reset = ["group", "reset", "g", "t", "--to", "4", "--partition", "0"];
  assert.equal((await after([...reset, "--dry-run"])).out, "t\t0\t10\t4\n");
  assert.equal((await after(consume)).out, "", "nothing was moved");
  assert.equal((await after(reset)).out, "t\t0\t10\t4\n");
  assert.equal((await after([...consume, "-F", "%s"])).out, "456789");
  const shifted = ["group", "reset", "g", "t", "--shift"];
  assert.equal((await after([...shifted, "-3", "--dry-run"])).out, "t\t0\t10\t7\nt\t1\t2\t0\n");
  assert.equal((await after([...shifted, "4"])).out, "t\t0\t10\t10\nt\t1\t2\t2\n");
  const nothing = await tryCommands(again)(["group", "reset", "new", "t", "--shift", "1"]);
  assert.match(nothing.stderr, /has committed nothing for t\/0/);
  for (const said of [[], ["--to", "4", "--shift", "1"]]) {
    const { code, stderr } = await tryCommands(again)(["group", "reset", "g", "t", ...said]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /--to OFFSET\|TIME or --shift N/);
  }
  const beginning = await after(["group", "reset", "g", "t", "--to", "beginning"]);
  assert.equal(beginning.out, "t\t0\t10\t0\nt\t1\t2\t0\n");
  assert.equal((await after([...consume, "--raw"])).out, "0123456789ab");

  await after(["group", "delete", "g"]);
  assert.equal((await after(["group", "list"])).out, "");
  const gone = await tryCommands(again)(["group", "delete", "g"]);
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /group/);
  await again.stop();
});

test("what a pipe did not take is not committed", async () => {
  const data = join(temporaryDirectory("groups"), "p");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  const sluice = commands(broker);
  await sluice(["topic", "create", "t"]);
  const value = "x".repeat(999);
  await sluice(["produce", "t"], { stdin: `${value}\n`.repeat(5000) });
  const stopped = await tryCommands(broker)(["consume", "t", "--group", "g", "-f"], {
    interruptAtBytes: 1,
  });
  assert.equal(stopped.code, 0, stopped.stderr);
  const printed = stopped.stdout.length / 1000;
  const stand = (await sluice(["group", "describe", "g", "--json"])).out;
  assert.equal(JSON.parse(stand).committed, printed, "as many as were written");
  const rest = await sluice(["consume", "t", "--group", "g"]);
  assert.equal(rest.stdout.length / 1000, 5000 - printed);
  await broker.stop();
});

test("who follows goes on when the broker was away, and loses nothing", async () => {
  const data = join(temporaryDirectory("groups"), "f");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  await commands(broker)(["topic", "create", "t", "--partitions", "2"]);
  await commands(broker)(["produce", "t", "--partition", "0"], { stdin: "a\nb\n" });
  const consume = ["consume", "t", "--group", "g", "-f", "-n", "5"];
  const following = commands(broker)(consume);
  for (let isThere = false; !isThere;) {
    isThere = /^subscriptions\t2$/m.test((await commands(broker)(["stats"])).out);
  }
  await broker.kill();
  const native = `127.0.0.1:${broker.port}`;
  const again = await startBroker({ runtime: BROKER_RUNTIME, data, native });
  await commands(again)(["produce", "t", "--partition", "1"], { stdin: "c\nd\ne\n" });
  const lines = (await following).out.trimEnd().split("\n");
  assert.deepEqual(lines.filter((line) => /[ab]/.test(line)), ["a", "b"]);
  assert.deepEqual(lines.filter((line) => /[cde]/.test(line)), ["c", "d", "e"]);
  assert.equal((await commands(again)(["consume", "t", "--group", "g"])).out, "");
  await again.stop();
});
