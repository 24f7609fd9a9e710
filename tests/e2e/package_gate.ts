/**
 * The tarball, installed elsewhere by its README: in an empty project by npm, by Bun and by Deno
 * alone, each with nothing else on the PATH, and used from there. It asks the registry that npm is
 * configured for; where that cannot be reached it is skipped.
 *
 *     npm run gate -- package
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { buildPackage, PACKAGE } from "../support/built_package.ts";
import { figure } from "../support/figures.ts";
import { runtimePath } from "../support/runtimes.ts";
import { testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { until } from "../support/until.ts";

const PLACE = temporaryDirectory("package");
const TOOLS = ["sh", "bash", "env", "tar", "gzip", "cat", "printf", "dirname", "sed", "uname"];
const SERVE = "serve --data data --native 127.0.0.1:0 --no-http";

buildPackage();
spawnSync("npm", ["pack", "--silent", "--pack-destination", PLACE, PACKAGE]);
const tarball = join(PLACE, readdirSync(PLACE).find((name) => name.endsWith(".tgz"))!);
const registry = said("npm", ["config", "get", "registry"]);
const reason = spawnSync("npm", ["view", "zod", "version"]).status === 0
  ? null
  : "the registry cannot be reached";

/** How this machine reaches a registry, for all three. */
const NETWORK = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /CERT|_PROXY$|_CA_/i.test(name)),
  ) as Record<string, string>,
  DENO_TLS_CA_STORE: "mozilla,system",
  NPM_CONFIG_REGISTRY: registry,
};

function said(program: string, args: readonly string[]): string {
  return spawnSync(program, args, { encoding: "utf8" }).stdout.trim();
}

/** The only folder on the PATH: these programs, and the shell's. */
function pathWith(programs: Readonly<Record<string, string>>): string {
  const folder = temporaryDirectory("bin");
  for (const [name, path] of Object.entries(programs)) symlinkSync(path, join(folder, name));
  for (const name of TOOLS) {
    const path = (process.env["PATH"] ?? "").split(delimiter).map((at) => join(at, name))
      .find((at) => spawnSync("test", ["-x", at]).status === 0);
    if (path !== undefined) symlinkSync(path, join(folder, name));
  }
  return folder;
}

/** An empty project, with the tarball beside what will be made. */
class Project {
  readonly folder: string = temporaryDirectory("project");
  readonly #env: Record<string, string>;

  constructor(programs: Readonly<Record<string, string>>, more: string = "") {
    symlinkSync(tarball, join(this.folder, basename(tarball)));
    const home = join(this.folder, ".home");
    mkdirSync(home);
    const path = [pathWith(programs), ...(more === "" ? [] : [more])].join(delimiter);
    this.#env = { ...NETWORK, PATH: path, HOME: home, NO_COLOR: "1" };
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.folder, file), text);
  }

  /** A line of shell; what it prints. Fails when it fails. */
  run(line: string): string {
    const { status, stdout, stderr } = spawnSync("bash", ["-c", line], {
      cwd: this.folder,
      env: this.#env,
      encoding: "utf8",
    });
    assert.equal(status, 0, `${line}\n${stdout}${stderr}`);
    return stdout;
  }

  /** One line from an empty folder to a broker that says `ready`; the milliseconds until then. */
  async serve(line: string, use: (native: string) => void = () => {}): Promise<number> {
    const beginMs = performance.now();
    const child = spawn("bash", ["-c", `${line} ${SERVE}`], {
      cwd: this.folder,
      env: this.#env,
      detached: true,
    });
    let out = "";
    let all = "";
    child.stdout.on("data", (piece) => (out += piece, all += piece));
    child.stderr.on("data", (piece) => (all += piece));
    const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
    let ended = false;
    void closed.then(() => (ended = true));
    try {
      await until("ready", () => /^ready$/m.test(out) || ended, 240_000);
      assert.match(out, /^ready$/m, all);
      const readyMs = performance.now() - beginMs;
      use(/^native (.*)$/m.exec(out)![1]!);
      return readyMs;
    } finally {
      if (!ended) process.kill(-child.pid!, "SIGTERM");
      await closed;
    }
  }
}

const name = `./${basename(tarball)}`;
const bun = { bun: runtimePath("bun"), bunx: runtimePath("bun") };
const deno = { deno: runtimePath("deno") };
const npmFolder = dirname(said("sh", ["-c", "command -v npm"]));

/** The two programs of the README: they print what they were told. */
const CLIENT = `
  import { Client } from "sluice/client";
  const client = await Client.connect({ brokers: [process.env.BROKER ?? ""] });
  await client.admin.createTopic("greetings");
  const producer = await client.producer();
  const { offset, level } = await producer.send({ topic: "greetings", value: "hello" });
  console.log(offset, level);
  await client.close();
`;
const EMBEDDED = `
  import { Broker } from "sluice";
  const broker = await Broker.start({ topics: ["orders"] });
  const { offset, level } = await broker.produce({ topic: "orders", value: "3 apples" });
  console.log(offset, level);
  await broker.stop();
`;

function tell(line: string, readyMs: number): void {
  figure(`ready ${(readyMs / 1000).toFixed(1)} s after: ${line} ${SERVE}`, "the npm package");
}

testOrSkip("Bun alone: one line from an empty project to a broker", reason, async () => {
  const project = new Project(bun);
  const line = `bun add --silent ${name} && bunx sluice`;
  tell(line, await project.serve(line));
  project.write("embedded.js", EMBEDDED);
  assert.equal(project.run("bun embedded.js"), "0 fsync\n");
});

testOrSkip("Deno alone: one line from an empty project to a broker", reason, async () => {
  const project = new Project(deno);
  const line = `tar xzf ${name} && deno run -A --node-modules-dir=none package/scripts/run.mjs`;
  tell(line, await project.serve(line));
  project.write("deno.json", `{ "workspace": ["./package"], "nodeModulesDir": "none" }`);
  project.write("embedded.ts", EMBEDDED);
  assert.equal(project.run("deno run -A embedded.ts"), "0 fsync\n");
  project.run("deno check embedded.ts");
});

testOrSkip("npm and Deno: one line, and its types", reason, async () => {
  const project = new Project(deno, npmFolder);
  const line = `npm install --silent ${name} && deno run -A npm:sluice`;
  tell(line, await project.serve(line));
  project.write("embedded.ts", EMBEDDED);
  assert.equal(project.run("deno run -A embedded.ts"), "0 fsync\n");
  project.run("deno check embedded.ts");
});

testOrSkip("npm and Node: the command, the client, the embedded broker", reason, async () => {
  const project = new Project({}, npmFolder);
  project.write("client.mjs", CLIENT);
  project.write("embedded.mjs", EMBEDDED);
  const line = `npm install --silent --ignore-scripts ${name} && npx sluice`;
  const readyMs = await project.serve(line, (native) => {
    const broker = `SLUICE_BROKER=${native}`;
    project.run(`${broker} npx sluice topic create orders`);
    project.run(`printf 'one\\ntwo\\n' | ${broker} npx sluice produce orders`);
    assert.equal(project.run(`${broker} npx sluice consume orders`), "one\ntwo\n");
    assert.equal(project.run(`BROKER=${native} node client.mjs`), "0 fsync\n");
  });
  tell(line, readyMs);
  assert.equal(project.run("node embedded.mjs"), "0 fsync\n");
});

testOrSkip("npm without optional packages: it says what it needs", reason, () => {
  const project = new Project({}, npmFolder);
  project.run(`npm install --silent --omit=optional ${name}`);
  const line = "npx sluice serve 2>&1 || echo code $?";
  assert.equal(
    project.run(line),
    "sluice: neither Bun nor Deno in node_modules or on the PATH; " +
      "install one, or leave out --omit=optional\ncode 127\n",
  );
});

test("there is a tarball", () => assert.match(basename(tarball), /^sluice-\d+\.\d+\.\d+\.tgz$/));
