/** The command that goes on says what was said: a shell splits it, and the parser reads it back. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import type { Address } from "../../../../src/address.ts";
import { parseCommandLine } from "../../../../src/cli/command_line.ts";
import type { ProduceCommand } from "../../../../src/cli/data_commands.ts";
import { resumeCommand } from "../../../../src/cli/produce/resume.ts";

const DEFAULT: Address = { host: "127.0.0.1", port: 7400 };

function parsed(args: readonly string[]): ProduceCommand {
  const { command } = parseCommandLine(args, { colors: false, columns: undefined });
  assert.ok(command?.name === "produce", args.join(" "));
  return command;
}

/** The words behind the pipe as a shell splits them, without the program's name. */
function wordsOf(line: string): string[] {
  const code = `${line.split(" | ").slice(1).join(" | ").replace(/^sluice/, "printf '%s\\n'")}`;
  const { status, stdout, stderr } = spawnSync("sh", ["-c", code], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout.trimEnd().split("\n");
}

test("nothing but the file is changed", () => {
  const lines: string[][] = [
    ["produce", "t"],
    ["produce", "t", "my 'odd' file", "--partition", "3", "--acks", "leader"],
    ["produce", "t", "--format", "ndjson", "--ignore-partition", "--compression", "zstd"],
    ["produce", "t", "--key-separator", " | ", "--header", "a=it's", "--header", "b=", "--json"],
    ["produce", "t", "--broker", "[::1]:7401"],
    ["produce", "t", "--broker", "127.0.0.1:7400"],
  ];
  for (const words of lines) {
    const command = parsed(words);
    const line = resumeCommand({ command, broker: command.broker ?? DEFAULT }, 7);
    assert.deepEqual(parsed(wordsOf(line)), { ...command, file: undefined }, line);
  }
});

test("it names the file, and a broker that only the environment named", () => {
  const command = parsed(["produce", "t", "my log", "--partition", "2"]);
  assert.equal(
    resumeCommand({ command, broker: { host: "db1", port: 7400 } }, 4711),
    "tail -n +4711 'my log' | sluice produce t --partition 2 --broker db1:7400",
  );
  assert.equal(
    resumeCommand({ command: parsed(["produce", "t", "-"]), broker: DEFAULT }, 2),
    "tail -n +2 INPUT | sluice produce t",
  );
});
