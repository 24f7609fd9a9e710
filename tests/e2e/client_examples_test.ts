/**
 * Every example of README.md, docs/CLIENT.md, docs/EMBEDDED.md, docs/HTTP.md and docs/PACKAGE.md,
 * and of the doc comments of the client and the embedded broker: is checked against the types, and
 * runs to its end against a broker.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { DENO_SCRIPT_PERMISSIONS } from "../../scripts/runtime.mjs";
import { startBroker } from "../support/broker.ts";
import { findExamples, programOf } from "../support/examples.ts";
import { HttpDoor } from "../support/http.ts";
import { BROKER_RUNTIME } from "../support/pair.ts";
import { argumentsFor, ROOT, runtimePath } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { within } from "../support/until.ts";

const EXAMPLES = findExamples(
  "README.md",
  "docs/CLIENT.md",
  "docs/EMBEDDED.md",
  "docs/HTTP.md",
  "docs/PACKAGE.md",
  "src/client/*.ts",
  "src/embed.ts",
);
/** In the clone, so that compiler and runtime find what packages there are. */
const CHECKED = join(ROOT, `dist/examples-${BROKER_RUNTIME}`);
const RUN = join(CHECKED, "run");
mkdirSync(RUN, { recursive: true });

const folder = temporaryDirectory("examples");
const broker = await startBroker({ runtime: BROKER_RUNTIME, data: join(folder, "d"), http: true });
const { place, tokens } = await HttpDoor.of(broker, join(folder, "d"));
assert.ok("port" in place);
const door = { address: `${place.host}:${place.port}`, token: tokens.admin };
after(async () => {
  rmSync(CHECKED, { recursive: true, force: true });
  assert.deepEqual(await broker.stop(), { code: 0, signal: null }, broker.stderr());
});

test("there are examples, in the page and in the sources", () => {
  for (
    const place of [
      "README.md",
      "docs/CLIENT.md",
      "docs/EMBEDDED.md",
      "docs/HTTP.md",
      "docs/PACKAGE.md",
      "src/embed.ts",
      "src/client/producer.ts",
      "src/client/consumer.ts",
    ]
  ) {
    assert.ok(EXAMPLES.some((example) => example.place.startsWith(place)), place);
  }
});

test("a program in the clone imports the package by its name", async () => {
  const file = join(RUN, "by_name.ts");
  const exported = `export { Client } from "sluice/client"; export { Broker } from "sluice";\n` +
    `export { HttpApi } from "sluice/http";\n`;
  writeFileSync(file, exported);
  const { Client, Broker, HttpApi } = await import(pathToFileURL(file).href);
  const found = [Client.connect, Broker.start, HttpApi].map((one) => typeof one);
  assert.deepEqual(found, ["function", "function", "function"]);
});

test("all fit the types", () => {
  EXAMPLES.forEach(({ text }, i) => {
    const program = text.replaceAll('"sluice/client"', '"../../src/client/mod.ts"')
      .replaceAll('"sluice/http"', '"../../src/client/http/mod.ts"')
      .replaceAll('"sluice"', '"../../src/embed.ts"');
    writeFileSync(join(CHECKED, `${i}.ts`), program);
  });
  const compilerOptions = { moduleDetection: "force" };
  const config = {
    extends: "../../tsconfig.json",
    compilerOptions,
    include: ["*.ts", "../../src/**/*.d.ts"],
  };
  writeFileSync(join(CHECKED, "tsconfig.json"), JSON.stringify(config));
  const words = ["node_modules/typescript/bin/tsc", "-p", CHECKED];
  const { stdout } = spawnSync(
    runtimePath(BROKER_RUNTIME),
    [...argumentsFor(BROKER_RUNTIME, DENO_SCRIPT_PERMISSIONS), ...words],
    { cwd: ROOT, encoding: "utf8" },
  );
  assert.equal(stdout, "");
});

for (const example of EXAMPLES) {
  test(`${example.place} runs`, async () => {
    const file = join(RUN, `${example.place.replaceAll(/[^\w]/g, "_")}.ts`);
    writeFileSync(
      file,
      programOf(example, `127.0.0.1:${broker.port}`, door).replaceAll("console.", "teller."),
    );
    const said: string[] = [];
    const teller = { log: (...words: unknown[]): void => void said.push(words.map(String).join()) };
    Object.assign(globalThis, { teller });
    await within("its end", import(pathToFileURL(file).href));
    if (example.text.includes("console.log")) assert.notDeepEqual(said, []);
  });
}
