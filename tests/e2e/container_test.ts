/** The container file: what it promises, word by word. That it holds is shown by the gate. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TARGETS } from "../../scripts/executable.ts";
import { parseCommandLine } from "../../src/cli/command_line.ts";
import type { ServeCommand } from "../../src/cli/serve_command.ts";
import { parseConfig } from "../../src/config.ts";
import { healthWords, only, stages, wordsOf } from "../support/container_file.ts";

const STYLE = { colors: false, columns: undefined };
const [parts = [], image = [], ...more] = stages();

function commandOf(words: readonly string[]): ReturnType<typeof parseCommandLine>["command"] {
  const [program, ...args] = words;
  assert.equal(program, "/sluice");
  const parsed = parseCommandLine(args, STYLE);
  return parsed.command;
}

function served(): ServeCommand {
  const command = commandOf([
    ...wordsOf(only(image, "ENTRYPOINT")),
    ...wordsOf(only(image, "CMD")),
  ]);
  assert.equal(command?.name, "serve");
  return command as ServeCommand;
}

test("the image is empty but for the executable, what it loads, and a directory for data", () => {
  assert.deepEqual(more, []);
  assert.equal(only(image, "FROM"), "scratch");
  const allowed = "FROM COPY USER VOLUME EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD".split(" ");
  const foreign = image.filter(({ name }) => !allowed.includes(name));
  assert.deepEqual(foreign, [], "nothing is fetched, and no shell is wanted");
  const copies = image.filter(({ name }) => name === "COPY").map(({ text }) => text);
  assert.deepEqual(copies, [
    "--from=parts /image/ /",
    "--from=parts --chown=65532:65532 /owned/ /",
  ]);
  const [, executable = ""] = only(parts, "ARG").split("=");
  assert.ok(TARGETS.some(({ name }) => executable === `sluice-${name}`));
});

test("another user than root, one volume, and nothing else that is written", () => {
  const [user, group] = only(image, "USER").split(":").map(Number);
  assert.ok(user! > 0 && group! > 0, "in numbers, because there are no names inside");
  assert.match(image.find(({ text }) => text.includes("/owned/"))!.text, /--chown=65532:65532/);
  assert.equal(`${user}:${group}`, "65532:65532");
  const { dataDirectory, runDirectory } = parseConfig(served().said);
  assert.equal(only(image, "VOLUME"), dataDirectory);
  assert.equal(runDirectory, undefined, "the sockets lie in the data directory");
});

test("its ports are those that are exposed, and an empty volume is refused", () => {
  const { native, http, initialise, logFormat, insecure } = parseConfig(served().said);
  assert.equal(only(image, "EXPOSE"), `${native.port} ${http.listen.port}`);
  assert.deepEqual([native.host, http.listen.host], ["0.0.0.0", "0.0.0.0"]);
  assert.deepEqual([initialise, insecure, http.enabled], [false, true, true]);
  assert.equal(logFormat, "text", "all of it on standard output");
  assert.equal(only(image, "STOPSIGNAL"), "SIGTERM");
});

test("it is asked for its health by the socket of the same directory", () => {
  const health = commandOf(healthWords(image));
  const { dataDirectory: data } = parseConfig(served().said);
  const expected = { name: "health", data, runDirectory: undefined, http: undefined, json: false };
  assert.deepEqual({ ...health }, expected);
  assert.match(only(image, "HEALTHCHECK"), /--timeout=10s .*--start-period=10m /);
});
