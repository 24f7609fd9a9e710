/**
 * The program as one executable, made here: it needs no runtime and no home, each of its threads
 * and what it loads later lie inside it. Of Deno, where its helper binary is missing, the modules
 * that would be put into it. The whole suite, and less of a system around it: executable_gate.ts.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { commitOfTree } from "../../scripts/bundle.ts";
import { ownTarget } from "../../scripts/executable.ts";
import { VERSION } from "../../src/version.ts";
import { type Broker, type CommandResult, runSluice, startBroker } from "../support/broker.ts";
import { bareEnvironment, madeExecutable, madeModules } from "../support/executable.ts";
import { HttpDoor } from "../support/http.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const made = madeExecutable(BROKER_RUNTIME);
const reason = "reason" in made ? made.reason : null;
testOrSkip(`${BROKER_RUNTIME} can be made into an executable`, reason, () => {});
const program = "path" in made ? { path: made.path, wrap: [] } : madeModules();
const { path: executable, wrap } = program;
/** The program is started where no file of the repository is. */
const directory = temporaryDirectory("executable");
const data = join(directory, "d");

/** Long enough to be compressed. */
const TEXT = `${"one ".repeat(500)}\ntwo\n`;

function run(args: readonly string[], more: object = {}): Promise<CommandResult> {
  const start = { runtime: BROKER_RUNTIME, executable, wrap };
  return runSluice({ ...start, args, cwd: directory, ...more });
}

async function good(args: readonly string[], more: object = {}): Promise<string> {
  const { code, out, stderr } = await run(args, more);
  assert.equal(code, 0, `sluice ${args.join(" ")}: ${stderr}`);
  return out;
}

function serve(flags: readonly string[] = []): Promise<Broker> {
  return startBroker({ runtime: BROKER_RUNTIME, executable, wrap, data, http: true, flags });
}

test("it runs where no runtime is, and says what it was made of", async () => {
  const env = bareEnvironment();
  for (const program of ["node", "bun", "deno"]) {
    const found = spawnSync("sh", ["-c", `command -v ${program}`], { env: { ...env } });
    assert.notEqual(found.status, 0, program);
  }
  const [version, commit, runtime, kernel] = (await good(["--version"])).split("\n");
  assert.equal(version, `sluice ${VERSION}`);
  assert.equal(commit, `commit   ${commitOfTree()}`);
  const { name } = ownTarget(BROKER_RUNTIME)!;
  assert.match(runtime!, new RegExp(`^runtime  \\w+ [\\d.]+, executable for ${name}$`));
  assert.match(kernel!, /^kernel {3}Linux \d.*: AIO (yes|no .*), cachestat .*, syncfs errors/);
});

test("records, commands and pages", async () => {
  const broker = await serve();
  const env = { SLUICE_BROKER: `127.0.0.1:${broker.port}` };
  await good(["topic", "create", "orders"], { env });
  await good(["topic", "create", "gone"], { env });
  await good(["produce", "orders", "--compression", "zstd"], { env, stdin: TEXT });
  assert.equal(await good(["consume", "orders"], { env }), TEXT);
  assert.match(await good(["topic", "list"], { env }), /^gone\t1\t/);
  // The background worker removes the files of a topic.
  const lies = () => readdirSync(data).some((name) => name.startsWith("gone-"));
  assert.ok(lies());
  await good(["topic", "delete", "gone"], { env });
  await until("the files of the topic are gone", () => lies() ? null : true);
  assert.match(await good(["stats"], { env }), /^appended_records_total\t2$/m);
  assert.match(await good(["doctor", "--data", data]), /^ok\truntime\t.*, executable$/m);
  assert.match(await good(["completions", "bash"]), /complete .*sluice/);
  assert.match(await good(["config", "--data", data]), /dataDirectory/);
  const door = await HttpDoor.of(broker, data);
  for (const [target, text] of [["/docs", "<h1"], ["/openapi.json", '"openapi"']] as const) {
    const answer = await door.ask({ target });
    assert.equal(answer.status, 200, target);
    assert.ok(answer.text.includes(text), target);
  }
  // The verify worker.
  const target = "/v1/topics/orders/partitions/0/verify";
  const verified = await door.ask({ method: "POST", target });
  const last = JSON.parse(verified.text.trimEnd().split("\n").at(-1)!);
  assert.deepEqual([last.kind, last.findings.damage], ["summary", 0]);
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
  assert.match((await run(["verify", data])).stderr, / 2 records, .* 0 damages/);
  const [log] = readdirSync(join(data, "orders-0")).filter((name) => name.endsWith(".log"));
  assert.match(await good(["dump", join(data, "orders-0", log!)]), /zstd/);
});

test("the workers that sync where AIO is not wanted", async () => {
  const broker = await serve(["--sync-method", "pool"]);
  const env = { SLUICE_BROKER: `127.0.0.1:${broker.port}` };
  await good(["produce", "orders"], { env, stdin: "three\n" });
  assert.equal(await good(["consume", "orders"], { env }), `${TEXT}three\n`);
  assert.match(broker.stderr(), /syncs by 4 workers/);
  assert.deepEqual(await broker.kill(), { code: null, signal: "SIGKILL" });
  const again = await serve();
  const { stdout } = await run(["consume", "orders"], {
    env: { SLUICE_BROKER: `127.0.0.1:${again.port}` },
  });
  assert.equal(stdout.toString(), `${TEXT}three\n`);
  assert.deepEqual(await again.stop(), { code: 0, signal: null }, again.stderr());
});

test("exit codes are those of the command line", async () => {
  assert.equal((await run(["tpoic"])).code, 2);
  assert.match((await run(["tpoic"])).stderr, /did you mean.*topic/i);
  const env = { SLUICE_BROKER: "127.0.0.1:1" };
  assert.equal((await run(["consume", "orders"], { env })).code, 1);
  assert.equal((await run(["serve", "--data", join(directory, "no"), "--no-init"])).code, 1);
  assert.ok(!existsSync(join(directory, "no")));
});

test("files that lie beside it are none of its settings", async () => {
  const cwd = temporaryDirectory("beside");
  writeFileSync(join(cwd, ".env"), "SLUICE_CONNECTIONS_MAX=7\n");
  writeFileSync(join(cwd, "bunfig.toml"), 'preload = ["./nothing.ts"]\n');
  writeFileSync(join(cwd, "deno.json"), "no JSON");
  const text = await good(["config", "--json"], { cwd });
  const rows = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  const row = rows.find(({ key }) => key === "connections.max");
  assert.equal(row.source, "default", JSON.stringify(row));
});
