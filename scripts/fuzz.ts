/**
 * Fuzzes decoders in this process, and replays what a test found.
 *
 *   npm run fuzz                                          every decoder, 200,000 inputs in all
 *   npm run fuzz -- --decoder batch-produced --seed 7     one decoder, from the first input on
 *   npm run fuzz -- --decoder batch-produced --seed 7 --input 1234
 *   npm run fuzz -- --count 10000000 --seed 3             more of them
 *   npm run fuzz -- --decoder codec-lz4 --hex 04224d18…   one input as it is
 *
 * The exit code is 1 when an input failed; it is shown shrunk, and belongs into tests/fuzz/found.
 */
import process from "node:process";
import type { Decoder } from "../tests/fuzz/decoder.ts";
import { DECODERS, shares } from "../tests/fuzz/decoders/table.ts";
import { failureText, fuzz, judgeInput, RESET_EVERY, type Run } from "../tests/fuzz/fuzz.ts";

interface Arguments {
  decoder: string;
  seed: number;
  count: number;
  input: number;
  hex: string;
}

const COUNT = 200_000;

const wanted = readArguments(process.argv.slice(2));
const chosen = DECODERS.filter(({ name }) => wanted.decoder === "" || name === wanted.decoder);
if (chosen.length === 0) fail(`there are: ${DECODERS.map(({ name }) => name).join(", ")}`);
process.exitCode = chosen.map(run).every((isWell) => isWell) ? 0 : 1;

function run(decoder: Decoder): boolean {
  if (wanted.hex !== "") return runHex(decoder);
  const only = wanted.input >= 0;
  // A decoder that remembers needs the inputs before, from where it last forgot.
  const from = only ? wanted.input - wanted.input % RESET_EVERY : 0;
  const share = wanted.decoder === "" ? shares(wanted.count).get(decoder)! : wanted.count;
  const result = fuzz(decoder, wanted.seed, only ? wanted.input - from + 1 : share, from);
  decoder.end?.();
  say(`${decoder.name.padEnd(24)} ${runText(result)}, seed ${wanted.seed}`);
  if (result.failure !== null) say(failureText(result.failure));
  return result.failure === null;
}

function runHex(decoder: Decoder): boolean {
  const pairs = wanted.hex.match(/../g) ?? [];
  const what = judgeInput(decoder, Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16)));
  decoder.end?.();
  say(`${decoder.name}: ${what === "" ? "as it must be" : what}`);
  return what === "";
}

function runText({ inputs, accepted, ms }: Run): string {
  const share = (100 * accepted / inputs).toFixed(1);
  const rate = Math.round(inputs * 1000 / ms);
  return `${inputs} inputs, ${share} % decode, ${rate} a second`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function readArguments(args: readonly string[]): Arguments {
  const values: Arguments = { decoder: "", seed: 1, count: COUNT, input: -1, hex: "" };
  for (let at = 0; at < args.length; at += 2) {
    const text = args[at + 1] ?? "";
    if (args[at] === "--decoder") values.decoder = text;
    else if (args[at] === "--hex") values.hex = text;
    else if (args[at] === "--seed") values.seed = numberOf(text);
    else if (args[at] === "--count") values.count = numberOf(text);
    else if (args[at] === "--input") values.input = numberOf(text);
    else fail(`unknown option ${args[at]}; see the head of scripts/fuzz.ts`);
  }
  return values;
}

function numberOf(text: string): number {
  const value = Number(text);
  return Number.isInteger(value) && value >= 0 ? value : fail(`${text} is no whole number`);
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
