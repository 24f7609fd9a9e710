/**
 * The container file in use: where no container program is, its parts one by one. The files of the
 * image by the command that makes them; its words in a root that holds those files and /proc, which
 * is read-only, as its user, without privileges, with a container's default rules about system
 * calls.
 *
 *     empty volume -> refused -> init -> serves, healthy -> kill -> serves again -> drained
 *     and as the first process of its own, as which it is started there -> SIGTERM -> drained
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, cpSync, globSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { CLEAN_STOP_FILE } from "../../src/format/file_names.ts";
import { type Broker, type CommandResult, runSluice, startBroker } from "../support/broker.ts";
import { commands } from "../support/commands.ts";
import { CONTAINER_FILE, healthWords, only, stages, wordsOf } from "../support/container_file.ts";
import { madeExecutable } from "../support/executable.ts";
import { ask } from "../support/http.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { ROOT } from "../support/runtimes.ts";
import {
  containerRules,
  type Filter,
  librariesOf,
  sandboxMissing,
  sandboxWrap,
} from "../support/sandbox.ts";
import { skipped, testOrSkip } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const [parts = [], image = []] = stages();
const PROGRAM = only(image, "ENTRYPOINT").split('"')[1]!;
const DATA = only(image, "VOLUME");
const [USER = 0, GROUP = 0] = only(image, "USER").split(":").map(Number);
/** As in the file, but for the ports: those may be taken here. */
const SERVE = wordsOf(only(image, "CMD")).map((word) => word.replace(/^(0\.0\.0\.0):\d+$/, "$1:0"));

const made = madeExecutable(BROKER_RUNTIME);
const missing = "reason" in made ? made.reason : null;
const executable = "path" in made ? made.path : "";

testOrSkip("the image holds the executable and what its loader asks for", missing, () => {
  const root = temporaryDirectory("image");
  mkdirSync(join(root, "built"));
  cpSync(executable, join(root, "built/sluice"));
  const script = only(parts, "RUN").replaceAll(/\/(image|built|owned)\b/g, `${root}/$1`);
  const { status, stderr } = spawnSync("sh", ["-c", script], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  const found = globSync("**", { cwd: join(root, "image") })
    .filter((path) => statSync(join(root, "image", path)).isFile()).map((path) => `/${path}`);
  assert.deepEqual(found.sort(), [PROGRAM, ...librariesOf(executable)].sort());
  assert.deepEqual(globSync("**", { cwd: join(root, "owned") }).sort(), [".", "data"]);
  assert.equal(statSync(join(root, "image", PROGRAM)).mode & 0o777, 0o755);
});

const root = missing ?? sandboxMissing();
testOrSkip("its words in a bare root that cannot be written", root, () => liveInside(null));

const rules = missing === null ? containerRules() : missing;
const filtered = root ?? (typeof rules === "string" ? rules : null);
testOrSkip("and with a container's rules about system calls", filtered, async () => {
  await liveInside(rules as Filter);
});

testOrSkip("as the first process, which no signal ends that it does not take", root, async () => {
  const data = volume();
  const init = { runtime: BROKER_RUNTIME, executable: PROGRAM, args: ["init", DATA] };
  assert.equal((await runSluice({ ...init, wrap: inside(data, null) })).code, 0);
  const alone = ["unshare", "--pid", "--fork", "--kill-child"];
  const broker = await serveInside([...alone, ...inside(data, null)]);
  const pid = Number(readFileSync(`/proc/${broker.pid}/task/${broker.pid}/children`, "utf8"));
  assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), /^NSpid:\t\d+\t1$/m);
  process.kill(pid, "SIGTERM");
  assert.deepEqual(await broker.ended, { code: 0, signal: null }, broker.stdout());
  assert.ok(statSync(join(data, CLEAN_STOP_FILE)).isFile(), "it was drained");
});

test("an image is made of it by a container program", () => {
  const program = ["podman", "docker"].find((name) => {
    return spawnSync(name, ["version"], { encoding: "utf8" }).status === 0;
  });
  const reason = missing ?? (program === undefined ? "neither podman nor docker runs here" : null);
  if (reason !== null) return skipped("an image is made by a container program", reason);
  const built = spawnSync(program!, [
    ...["build", "--quiet", "--file", join(ROOT, CONTAINER_FILE), "--tag", "sluice-gate"],
    ...["--build-arg", `EXECUTABLE=${basename(executable)}`, dirname(executable)],
  ], { encoding: "utf8" });
  assert.equal(built.status, 0, built.stderr);
  const said = spawnSync(program!, ["run", "--rm", "--read-only", "sluice-gate", "--version"], {
    encoding: "utf8",
  });
  assert.match(said.stdout, /^sluice /, said.stderr);
});

/** A volume as it begins: empty, and the user's. */
function volume(): string {
  const data = join(temporaryDirectory("volume"), "v");
  mkdirSync(data);
  chmodSync(data, 0o700);
  chownSync(data, USER, GROUP);
  return data;
}

function inside(data: string, filter: Filter | null): string[] {
  return sandboxWrap(executable, data, filter, { program: PROGRAM, data: DATA, user: USER });
}

async function liveInside(filter: Filter | null): Promise<void> {
  const data = volume();
  const wrap = () => inside(data, filter);
  const run = (args: readonly string[]): Promise<CommandResult> => {
    return runSluice({ runtime: BROKER_RUNTIME, executable: PROGRAM, wrap: wrap(), args });
  };
  const isHealthy = () => run(healthWords(image).slice(1));

  const refused = await run(SERVE);
  assert.equal(refused.code, 1, refused.out);
  assert.match(refused.stderr, /\/data is empty: is its disk mounted\?/);
  const early = await isHealthy();
  assert.deepEqual([early.code, early.out], [
    1,
    `no answer: ENOENT at ${DATA}/run/http.sock\n`,
  ]);
  assert.equal((await run(["init", DATA])).code, 0);

  const first = await serveInside(wrap());
  await commands(first)(["topic", "create", "orders"]);
  await commands(first)(["produce", "orders"], { stdin: "kept\n" });
  const healthy = await isHealthy();
  assert.deepEqual([healthy.code, healthy.out], [0, "ready: 1 partition, disk ok\n"]);
  const port = Number((await first.http()).split(":")[1]);
  assert.equal((await ask({ host: "127.0.0.1", port }, { target: "/readyz" })).status, 200);
  const status = readFileSync(`/proc/${first.pid}/status`, "utf8");
  assert.match(status, new RegExp(`^Uid:\\t${USER}\\t${USER}\\t${USER}\\t${USER}$`, "m"));
  assert.match(status, /^CapEff:\t0+$/m);
  assert.match(status, new RegExp(`^Seccomp:\\t${filter === null ? 0 : 2}$`, "m"));
  await first.kill();
  assert.equal((await isHealthy()).code, 1, "a socket that a killed broker left is no answer");

  const again = await serveInside(wrap());
  assert.equal((await commands(again)(["consume", "orders"])).out, "kept\n");
  assert.equal((await isHealthy()).code, 0);
  assert.deepEqual(await again.stop(), { code: 0, signal: null }, again.stdout());
  assert.ok(statSync(join(data, CLEAN_STOP_FILE)).isFile(), "it was drained");
}

/** The words of the file, all of them and no other. */
function serveInside(wrap: readonly string[]): Promise<Broker> {
  const words = SERVE.slice(1);
  const [data, native] = [words.indexOf("--data") + 1, words.indexOf("--native") + 1];
  // These two are said by startBroker itself.
  const flags = words.filter((_, at) => ![data - 1, data, native - 1, native].includes(at));
  return startBroker({
    ...{ runtime: BROKER_RUNTIME, executable: PROGRAM, wrap, flags, http: "default" },
    ...{ data: words[data]!, native: words[native]! },
  });
}
