/** The scripts of the shells: bash's is run where there is one, the others are read. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { commands } from "../../../src/cli/command_line.ts";
import { commandTree, leavesOf } from "../../../src/cli/command_tree.ts";
import { completionScript } from "../../../src/cli/completions.ts";
import { testOrSkip } from "../../support/skip.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const tree = commandTree(commands);

testOrSkip("bash completes commands, options and choices", shellMissing("bash"), () => {
  const script = join(temporaryDirectory("complete"), "sluice.bash");
  writeFileSync(script, completionScript("bash", tree));
  const complete = (...words: string[]): string[] => {
    const run = [
      `source ${script}`,
      `COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})`,
      `COMP_CWORD=${words.length - 1}`,
      "_sluice",
      'printf "%s\\n" "${COMPREPLY[@]}"',
    ].join("\n");
    const { status, stdout, stderr } = spawnSync("bash", ["-c", run], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.equal(stderr, "");
    return stdout.trim().split("\n");
  };
  assert.deepEqual(complete("sluice", "prod"), ["produce"]);
  assert.deepEqual(complete("sluice", "topic", "cr"), ["create"]);
  assert.deepEqual(complete("sluice", "topic", "create", "t", "--part"), ["--partitions"]);
  assert.deepEqual(complete("sluice", "serve", "--sync-method", "a"), ["auto", "aio"]);
  assert.ok(complete("sluice", "").includes("serve"));
  for (const { path, options } of leavesOf(tree)) {
    const offered = complete("sluice", ...path, "-");
    for (const { names } of options) assert.ok(offered.includes(names[0]!), `${path} ${names[0]}`);
  }
});

test("zsh and fish are told every command and every option", () => {
  for (const shell of ["zsh", "fish"] as const) {
    const script = completionScript(shell, tree);
    for (const { path, options } of leavesOf(tree)) {
      assert.ok(script.includes(path.at(-1)!), path.join(" "));
      for (const { names } of options) {
        const [name] = names;
        const word = shell === "fish" ? ` -${name!.startsWith("--") ? "l" : "s"} ` : `*${name}[`;
        assert.ok(script.includes(word), `${shell} ${path.join(" ")} ${name}`);
      }
    }
  }
});

for (const shell of ["zsh", "fish"] as const) {
  testOrSkip(`${shell} takes its script`, shellMissing(shell), () => {
    const script = join(temporaryDirectory("complete"), `sluice.${shell}`);
    writeFileSync(script, completionScript(shell, tree));
    const { status, stderr } = spawnSync(shell, ["-n", script], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
  });
}

function shellMissing(shell: string): string | null {
  const { error } = spawnSync(shell, ["--version"]);
  return error === undefined ? null : `${shell} is not on this machine`;
}
