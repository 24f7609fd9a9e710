/**
 * Ctrl-C: what takes long ends in order at the first signal, with what it did until then told and
 * kept, and with exit code 130; at once at the second. A reader that closes the pipe is no error.
 */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { Codec } from "../../src/codec/codec.ts";
import { stamped } from "../support/batches.ts";
import { type CommandResult, runSluice, startBroker } from "../support/broker.ts";
import { commands, tryCommands } from "../support/commands.ts";
import { named, TestDirectory } from "../support/data_directory.ts";
import { BROKER_RUNTIME, CLIENT_RUNTIME, PAIR } from "../support/pair.ts";
import { descriptors } from "../support/process_state.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const INTERRUPTED = 130;
const LINE = `${"x".repeat(999)}\n`;
const LINES = 64_000;

async function withBroker(
  work: (broker: Awaited<ReturnType<typeof startBroker>>) => Promise<void>,
): Promise<void> {
  const data = join(temporaryDirectory("signals"), "d");
  const broker = await startBroker({ runtime: BROKER_RUNTIME, data });
  try {
    await work(broker);
  } finally {
    await broker.stop();
  }
}

test(`consume commits what it printed (${PAIR})`, () =>
  withBroker(async (broker) => {
    const sluice = commands(broker);
    await sluice(["topic", "create", "t"]);
    await sluice(["produce", "t"], { stdin: LINE.repeat(LINES) });
    const consume = ["consume", "t", "--group", "g"];
    const cut = await tryCommands(broker)([...consume, "-v"], { interruptAtBytes: 1 });
    assert.equal(cut.code, INTERRUPTED, cut.stderr);
    const printed = cut.stdout.length / LINE.length;
    assert.ok(Number.isInteger(printed) && printed < LINES, `${printed} whole lines`);
    assert.match(cut.stderr, new RegExp(`^${printed} records, `, "m"), "the summary");
    assert.match(cut.stderr, /^sluice: cut short by a signal: .* committed/m);
    const stand = (await sluice(["group", "describe", "g", "--json"])).out;
    assert.equal(JSON.parse(stand).committed, printed);
    assert.equal((await sluice(consume)).stdout.length / LINE.length, LINES - printed);
    const whole = await sluice(["consume", "t", "-n", "1"], { interruptAtBytes: 1 });
    assert.equal(whole.out, LINE, "who has everything was not cut short");
  }));

test("produce says where to go on, and sends no half line", () =>
  withBroker(async (broker) => {
    await commands(broker)(["topic", "create", "t", "--partitions", "2"]);
    let stored = "";
    for (const more of [[], ["--key-separator", "="]]) {
      stored += "one\ntwo\n";
      const cut = await tryCommands(broker)(["produce", "t", "--partition", "1", ...more], {
        stdin: null,
        started: (child) => {
          child.stdin!.write("one\ntwo\nthr");
          void until("what came is stored", async () => {
            const { out } = await commands(broker)(["consume", "t", "--partition", "1"]);
            return out === stored && process.kill(child.pid!, "SIGTERM");
          });
        },
      });
      assert.equal(cut.code, INTERRUPTED, cut.stderr);
      const found = /[Gg]o on with: tail -n \+3 INPUT \| sluice (produce .*)$/m.exec(cut.stderr);
      const words = ["produce", "t", "--partition", "1", ...more];
      const broken = ["--broker", `127.0.0.1:${broker.port}`];
      assert.equal(found?.[1], [...words, ...broken].join(" "), cut.stderr);
    }
    const { out } = await commands(broker)(["consume", "t"]);
    assert.equal(out, stored);
  }));

test("a second signal ends what cannot end", () =>
  withBroker(async (broker) => {
    await commands(broker)(["topic", "create", "t"]);
    let signals: ReturnType<typeof setInterval> | undefined;
    const { code, stderr } = await tryCommands(broker)(["produce", "t"], {
      stdin: null,
      started: (child) => {
        child.stdin!.write("one\n");
        void until("it is stored", async () => {
          return (await commands(broker)(["consume", "t"])).out === "one\n";
        }).then(() => {
          process.kill(broker.pid, "SIGSTOP"); // so that nothing is acknowledged any more
          child.stdin!.write("two\n");
          signals = setInterval(() => process.kill(child.pid!, "SIGINT"), 300);
        });
      },
    });
    clearInterval(signals);
    process.kill(broker.pid, "SIGCONT");
    assert.equal(code, INTERRUPTED);
    assert.equal(stderr, "", "it waited for the acknowledgement, and had nothing to say yet");
  }));

test("bench tells what it measured, and removes its topics", () =>
  withBroker(async (broker) => {
    const appended = async (): Promise<number> => {
      const { out } = await commands(broker)(["stats"]);
      return Number(/^appended_records_total\t(\d+)$/m.exec(out)?.[1]);
    };
    const bench = async (args: string[]): Promise<CommandResult> => {
      const before = await appended();
      return await tryCommands(broker)(["bench", "--json", "--rate", "1000", ...args], {
        started: (child) => {
          void until("records are sent", async () => await appended() > before)
            .then(() => process.kill(child.pid!, "SIGINT"));
        },
      });
    };
    const measured = await bench(["--seconds", "600", "--warm-up", "0"]);
    assert.equal(measured.code, INTERRUPTED, measured.stderr);
    const report = JSON.parse(measured.out);
    assert.ok(report.isCutShort && report.isSound && report.seconds < 600, measured.out);
    assert.ok(report.sent > 0 && report.verified === report.sent, "verified at the tail");
    assert.equal(report.catchUp, null);
    const warming = await bench(["--warm-up", "3600"]);
    assert.equal(warming.code, INTERRUPTED, warming.stderr);
    assert.equal((await commands(broker)(["topic", "list"])).out, "");
  }));

/** One partition whose few bytes take long to look at. */
function slowDirectory(): TestDirectory {
  const made = new TestDirectory();
  made.topic("orders");
  made.catalogue();
  made.log("orders-0", [[{ count: 40, valueSize: 100_000, codec: Codec.gzip }]]);
  const log = `orders-0/${named(0, ".log")}`;
  const batch = made.read(log);
  const batches = Array.from({ length: 600 }, (_, at) => stamped(batch, at * 40, 0));
  made.change(log, () => new Uint8Array(batches.flatMap((bytes) => [...bytes])));
  return made;
}

/** Sends the signal when the process has the log open: it has begun, and is far from the end. */
function interruptedAtLog(args: readonly string[]): Promise<CommandResult> {
  return runSluice({
    runtime: CLIENT_RUNTIME,
    args,
    started: (child) => {
      void until("the log is open", () => descriptors(child.pid!).some((to) => /\.log$/.test(to)))
        .then(() => process.kill(child.pid!, "SIGINT"));
    },
  });
}

test("verify, dump and repair end between two steps", async () => {
  const made = slowDirectory();
  const verified = await interruptedAtLog(["verify", made.root, "--json"]);
  assert.equal(verified.code, INTERRUPTED, verified.stderr);
  const { summary } = JSON.parse(verified.out.trimEnd().split("\n").at(-1)!);
  assert.ok(summary.partitions === 0 && summary.batches < 600, verified.out);
  assert.match(verified.stderr, /^0 partitions, 1 segments, .*\nsluice: cut short by a signal: /);

  const before = made.read(`orders-0/${named(0, ".log")}`);
  const repaired = await interruptedAtLog(["repair", made.root, "orders-0", "--truncate"]);
  assert.equal(repaired.code, INTERRUPTED, repaired.stderr);
  assert.match(repaired.stderr, /^sluice: cut short by a signal: nothing was changed$/m);
  assert.deepEqual(made.read(`orders-0/${named(0, ".log")}`), before);

  const dumped = await runSluice({
    runtime: CLIENT_RUNTIME,
    args: ["dump", "-r", made.root],
    interruptAtBytes: 1,
  });
  assert.equal(dumped.code, INTERRUPTED, dumped.stderr);
  assert.ok(dumped.out.endsWith("\n") && !/baseOffset=23960 /.test(dumped.out), "whole lines");
});

test("doctor prints what it has found", async () => {
  let pid = 0;
  // Takes connections and says nothing: doctor waits for its hello.
  const server = createServer((socket) => {
    socket.on("error", () => {});
    process.kill(pid, "SIGINT");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const data = temporaryDirectory("doctor");
  const cut = await runSluice({
    runtime: CLIENT_RUNTIME,
    args: ["doctor", "--data", data, "--native", `127.0.0.1:${port}`],
    started: (child) => pid = child.pid!,
  });
  server.close();
  assert.equal(cut.code, INTERRUPTED, cut.stderr);
  assert.match(cut.out, /^\w+\tsync latency\t/m);
  assert.doesNotMatch(cut.out, /\taddress\t/);
});

test("a reader that has seen enough ends every command quietly", () =>
  withBroker(async (broker) => {
    const sluice = commands(broker);
    await sluice(["topic", "create", "t"]);
    await sluice(["produce", "t"], { stdin: LINE.repeat(4000) });
    const made = slowDirectory();
    const all = [
      ...[[], ["-f"], ["--json"], ["--group", "g"], ["-F", "%s\\n"]].map((more) => {
        return ["consume", "t", ...more];
      }),
      ["dump", "-r", made.root],
      ["verify", made.root, "--json"],
      ["produce", "t", "--json"],
      ["stats"],
      ["topic", "describe", "t", "--json"],
      ["config"],
      ["--help"],
    ];
    for (const args of all) {
      const quiet = await sluice(args, { started: (child) => child.stdout!.destroy() });
      assert.doesNotMatch(quiet.stderr, /sluice:/, args.join(" "));
    }
  }));
