/** The tree says what the parsers say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { commands } from "../../../src/cli/command_line.ts";
import {
  commandTree,
  leavesOf,
  missingCommand,
  unknownWord,
} from "../../../src/cli/command_tree.ts";

const tree = commandTree(commands);
const leaves = leavesOf(tree);

test("every command has its place, a brief and options with texts", () => {
  const names = leaves.map(({ path }) => path.join(" "));
  for (const name of ["serve", "topic create", "records delete", "consume", "completions"]) {
    assert.ok(names.includes(name), name);
  }
  assert.equal(new Set(names).size, names.length);
  for (const leaf of leaves) {
    assert.notEqual(leaf.brief, "", leaf.path.join(" "));
    for (const { names, text } of leaf.options) assert.notEqual(text, "", names.join(" "));
  }
});

test("values, choices and arguments are told apart", () => {
  const serve = leaves.find(({ path }) => path[0] === "serve")!;
  const find = (name: string) => serve.options.find(({ names }) => names.includes(name))!;
  assert.equal(find("--data").metavar, "DIR");
  assert.equal(find("--insecure").metavar, "");
  assert.deepEqual(find("--sync-method").choices, ["auto", "aio", "pool", "filesystem"]);
  const consume = leaves.find(({ path }) => path[0] === "consume")!;
  assert.deepEqual(consume.arguments.map(({ metavar }) => metavar), ["TOPIC"]);
  assert.ok(consume.options.some(({ names }) => names.join() === "-f,--follow"));
});

test("the first word that no command knows", () => {
  assert.equal(unknownWord(tree, ["topic", "create", "anything", "--partitions=3"]), null);
  assert.equal(unknownWord(tree, ["serve", "--nativ", "x"])?.word, "--nativ");
  assert.deepEqual(unknownWord(tree, ["topic", "lst"]), {
    word: "lst",
    known: tree.commands.find(({ path }) => path[0] === "topic")!.commands.map(({ path }) =>
      path[1]!
    ),
  });
});

test("a command that needs another one says which there are", () => {
  assert.match(missingCommand(tree, []) ?? "", /^sluice needs a command: serve, /);
  assert.match(
    missingCommand(tree, ["topic"]) ?? "",
    /^sluice topic needs a command: create, list/,
  );
  assert.equal(missingCommand(tree, ["topic", "list"]), null);
  assert.equal(missingCommand(tree, ["nonsense"]), null);
});
