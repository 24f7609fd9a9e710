/**
 * The embedded broker of Node: in a child process under Bun or Deno, which does not outlive its
 * parent, however that ends.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { executablePath, isOfTree, ownTarget, TARGETS } from "../../scripts/executable.ts";
import { buildPackage, PACKAGE } from "../support/built_package.ts";
import { findNode } from "../support/node.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const PLACE = temporaryDirectory("place");
const node = findNode();
if (node.reason === null) buildPackage();

/** A program that has `Broker`; what it prints comes back. */
function begin(body: string, env: Record<string, string> = {}): ChildProcess & { said(): string } {
  const program = join(temporaryDirectory("node"), "program.mjs");
  const entry = pathToFileURL(join(PACKAGE, "src/embed.js")).href;
  writeFileSync(program, `import { Broker } from "${entry}";\n${body}`);
  const child = spawn(node.path, [program], {
    env: { ...process.env, TMPDIR: PLACE, SLUICE_RUNTIME: BROKER_RUNTIME, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stdout.on("data", (piece) => (said += piece));
  child.stderr.on("data", (piece) => (said += piece));
  return Object.assign(child, { said: () => said });
}

async function run(body: string, env: Record<string, string> = {}): Promise<string> {
  const child = begin(body, env);
  await new Promise((resolve) => child.on("close", resolve));
  return child.said();
}

testOrSkip("it serves, stops, and leaves nothing", node.reason, async () => {
  const said = await run(`
    const broker = await Broker.start({ durability: "os", topics: { a: { partitions: 3 } } });
    const { level } = await broker.produce({ topic: "a", value: "v" });
    const [topic] = (await broker.admin.metadata(["a"])).topics;
    await broker.stop();
    await broker.closed;
    console.log(level, topic.partitions.length);
  `);
  assert.equal(said, "os 3\n");
  assert.deepEqual(readdirSync(PLACE), []);
});

testOrSkip("what is wrong is said", node.reason, async () => {
  const said = await run(`
    const tell = (error) => console.log(error.name, error.message);
    await Broker.start({ topic: [] }).catch(tell);
    await Broker.start({ connections: { max: 0 } }).catch(tell);
    const other = await Broker.start();
    await Broker.start({ native: other.addresses.native }).catch(tell);
    await other.stop();
  `);
  assert.match(
    said,
    /^ConfigError topic is .*\nConfigError connections\.max: .*\nStartError .*EADDRINUSE.*\n$/,
  );
});

testOrSkip("without a runtime it says which ones it needs", node.reason, async () => {
  const body = `await Broker.start().catch((error) => console.log(error.message));`;
  const said = await run(body, { SLUICE_RUNTIME: "node" });
  assert.equal(
    said,
    'a broker needs Bun or Deno to run it: SLUICE_RUNTIME is "node"; it can be bun or deno, ' +
      "or name an executable of Sluice by `executable` or SLUICE_EXECUTABLE\n",
  );
});

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  testOrSkip(`a parent that ends by ${signal} takes its broker along`, node.reason, async () => {
    const child = begin(`
      const broker = await Broker.start({ topics: ["a"] });
      await broker.produce({ topic: "a", value: "v" });
      console.log("serves");
    `);
    await until("it serves", () => child.said() === "serves\n");
    assert.equal(readdirSync(PLACE).length, 1);
    process.kill(child.pid!, signal);
    await until("its directory is gone", () => readdirSync(PLACE).length === 0);
  });
}

const ONE = `
  import { readFileSync, readlinkSync } from "node:fs";
  const broker = await Broker.start(OPTIONS).catch((error) => console.log(error.message));
  if (broker) {
    const { offset } = await broker.produce({ topic: "a", value: "v" });
    const children = readFileSync("/proc/self/task/" + process.pid + "/children", "utf8");
    const program = readlinkSync("/proc/" + children.trim() + "/exe");
    await broker.stop();
    console.log("offset", offset, "by", program);
  }
`;

function body(options: Readonly<Record<string, unknown>>): string {
  return ONE.replace("OPTIONS", JSON.stringify({ topics: ["a"], ...options }));
}

/** A program that says what an executable of Sluice may say to `--version`. */
function pretender(says: string, name = "sluice"): string {
  const path = join(temporaryDirectory("pretender"), name);
  writeFileSync(path, `#!/bin/sh\necho '${says}'\n`, { mode: 0o755 });
  return path;
}

testOrSkip(
  "an executable that is none, or of another version, is refused",
  node.reason,
  async () => {
    const other = pretender("sluice 9.8.7");
    assert.match(
      await run(body({ executable: other })),
      /sluice is sluice 9\.8\.7, and this package is \d\S+: take both of one version; /,
    );
    assert.match(
      await run(body({ executable: pretender("hello") })),
      /is no executable of Sluice; /,
    );
    assert.match(
      await run(body({ executable: "/nowhere/sluice" })),
      /cannot be started \(ENOENT\); /,
    );
    const named = await run(body({}), { SLUICE_EXECUTABLE: other });
    assert.match(named, /sluice 9\.8\.7/, "the environment names one too");
    assert.deepEqual(readdirSync(PLACE), []);
  },
);

const executable = executablePath(ownTarget("bun") ?? TARGETS[0]!);
const isMade = existsSync(executable) && isOfTree(executable);
const unmade = node.reason ?? (isMade ? null : "no executable of this commit: npm run build");
testOrSkip("it runs in an executable, named by option or environment", unmade, async () => {
  const expected = `offset 0 by ${executable}\n`;
  assert.equal(await run(body({ executable })), expected);
  assert.equal(await run(body({}), { SLUICE_EXECUTABLE: executable }), expected);
  assert.deepEqual(readdirSync(PLACE), []);
});
