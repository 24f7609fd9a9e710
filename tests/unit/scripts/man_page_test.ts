/** The manual page: everything that may be said is in it, and nothing in it is a request. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { manPage } from "../../../scripts/man_page.ts";
import { commands } from "../../../src/cli/command_line.ts";
import { commandTree, leavesOf } from "../../../src/cli/command_tree.ts";
import { SETTINGS } from "../../../src/cli/settings.ts";

const tree = commandTree(commands);

/** As a reader sees it: escapes undone. */
function read(page: string): string {
  return page.replaceAll(/\\f[BIR]|\\&/g, "").replaceAll("\\-", "-").replaceAll("\\e", "\\");
}

test("every command, option and setting is there", () => {
  const page = read(manPage(tree));
  for (const { path, options } of leavesOf(tree)) {
    assert.ok(page.includes(`\n.SS sluice ${path.join(" ")}\n`), path.join(" "));
    for (const { names } of options) for (const name of names) assert.ok(page.includes(name), name);
  }
  for (const { key, variable } of SETTINGS) {
    assert.ok(page.includes(`\n${key} (${variable}`), key);
  }
});

test("text is not taken for a request of roff", () => {
  const node = { brief: "", options: [], arguments: [], commands: [] };
  const text = ".TH of it\n'is a \\fBtrap\\fR-";
  const page = manPage({ ...node, path: [], text: "", commands: [{ ...node, path: ["x"], text }] });
  assert.ok(
    page.includes("\n\\&.TH of it\n.br\n\\&'is a \\efBtrap\\efR\\-\n"),
    page.slice(0, 2000),
  );
});
