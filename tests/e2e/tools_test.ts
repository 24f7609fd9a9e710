/**
 * The tools as commands, on both runtimes: exit codes, what goes to which stream, and that a
 * running broker is left alone. What they find is tested in tests/unit/tools.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { runSluice, startBroker } from "../support/broker.ts";
import { named, TestDirectory } from "../support/data_directory.ts";
import { availableRuntimes, type RuntimeName } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const LOG = `orders-0/${named(20, ".log")}`;

function directory(): TestDirectory {
  const made = new TestDirectory();
  made.topic("orders");
  const segment = Array.from({ length: 5 }, () => ({ count: 4 }));
  made.log("orders-0", [segment, segment, segment]);
  made.checkpoint("recovery-point-offset-checkpoint", ["orders 0 60"]);
  made.cleanStop();
  return made;
}

for (const { name } of availableRuntimes()) {
  const sluice = (...args: readonly string[]) => runSluice({ runtime: name, args });

  test(`verify, dump and repair of a damaged directory, ${name}`, async () => {
    const made = directory();
    made.catalogue();
    const clean = await sluice("verify", made.root);
    assert.deepEqual([clean.code, clean.out], [0, ""]);
    assert.match(clean.stderr, /^1 partitions, 3 segments, 15 batches, 60 records, /);
    const { position } = made.batches.get("orders-0")![7]!;
    made.change(LOG, (bytes) => {
      bytes[position + 80]! ^= 1;
    });
    const damaged = await sluice("verify", made.root, "--partition", "orders-0");
    assert.equal(damaged.code, 1);
    assert.match(damaged.out, /^damage .*, offsets 28 to 31: .*\n$/);
    const dumped = await sluice("dump", made.path(LOG), "--json");
    assert.equal(dumped.code, 1);
    const rows = dumped.out.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.equal(rows.length, 1 + 5 + 1, "the file, five batches, one damage");
    const looked = await sluice("repair", made.root, "orders-0");
    assert.equal(looked.code, 1);
    assert.match(looked.out, /would cut .*nothing was changed.*--truncate/s);
    const refused = await sluice("repair", made.root, "orders-0", "--rebuild");
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^sluice: the log itself is damaged.*\n +With --truncate/);
    const repaired = await sluice("repair", made.root, "orders-0", "--truncate");
    assert.equal(repaired.code, 0, repaired.stderr);
    assert.equal((await sluice("verify", made.root)).code, 0);
    assert.ok(made.has(`${LOG}.damaged-1`));
  });

  test(`adopt, and what is served then, ${name}`, async () => {
    const made = directory();
    const refused = await sluice(
      "serve",
      "--no-http",
      "--data",
      made.root,
      "--native",
      "127.0.0.1:0",
    );
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, new RegExp(`sluice adopt ${made.root}`));
    const dry = await sluice("adopt", made.root, "--dry-run");
    assert.equal(dry.code, 0);
    assert.ok(!made.has("catalogue"));
    assert.equal((await sluice("adopt", made.root)).code, 0);
    const again = await sluice("adopt", made.root);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /has a catalogue/);
    const values = await consumed(name, made.root, "orders");
    assert.deepEqual(values.map((value) => value.trimEnd().replace(/a+$/, "")), expectedValues());
  });

  test(`beside a running broker, ${name}`, async () => {
    const data = join(temporaryDirectory("beside"), "data");
    const broker = await startBroker({ runtime: name, data });
    const beside = await sluice("verify", data);
    assert.equal(beside.code, 0, beside.out + beside.stderr);
    assert.match(beside.out, /^note +\.: a broker works here/);
    const topic = ["topic", "create", "t", "--broker", `127.0.0.1:${broker.port}`];
    assert.equal((await sluice(...topic)).code, 0, "it serves on");
    const refused = await sluice("repair", data, "t-0", "--truncate");
    assert.equal(refused.code, 1);
    const { pid } = broker;
    const held = new RegExp(
      `a broker works in it \\(process ${pid}: .*\\)\n +Stop it first: kill ${pid}\\.`,
    );
    assert.match(refused.stderr, held);
    assert.equal((await broker.stop()).code, 0);
    assert.equal((await sluice("verify", data)).code, 0);
  });

  test(`what cannot be read, and a wrong command line, ${name}`, async () => {
    const nothing = join(temporaryDirectory("nothing"), "none");
    assert.equal((await sluice("verify", nothing)).code, 2);
    assert.equal((await sluice("dump", nothing)).code, 1);
    assert.equal((await sluice("repair", nothing, "t-0")).code, 1);
    assert.equal((await sluice("adopt", nothing)).code, 1);
    for (const args of [["verify"], ["repair", nothing], ["dump", "x", "--encoding", "morse"]]) {
      const { code, stderr } = await sluice(...args);
      assert.equal(code, 2, args.join(" "));
      assert.match(stderr, /^sluice: /);
    }
    const both = ["repair", nothing, "t-0", "--truncate", "--rebuild"];
    assert.equal((await sluice(...both)).code, 2, "one of the two");
  });
}

function expectedValues(): string[] {
  return Array.from({ length: 60 }, (_, offset) => `value ${offset} `);
}

async function consumed(runtime: RuntimeName, data: string, topic: string): Promise<string[]> {
  const broker = await startBroker({ runtime, data });
  const args = ["consume", topic, "--broker", `127.0.0.1:${broker.port}`];
  const { out, stderr, code } = await runSluice({ runtime, args });
  assert.equal(code, 0, stderr);
  assert.equal((await broker.stop()).code, 0);
  return out.split("\n").slice(0, -1);
}
