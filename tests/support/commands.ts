/** Commands against one broker, for tests that use the program like its users do. */
import assert from "node:assert/strict";
import {
  type Broker,
  type CommandOptions,
  type CommandResult,
  programFor,
  runSluice,
} from "./broker.ts";
import { CLIENT_RUNTIME } from "./pair.ts";
import { DENO_BROKER_PERMISSIONS } from "./runtimes.ts";

export type Sluice = (
  args: readonly string[],
  more?: Partial<CommandOptions>,
) => Promise<CommandResult>;

/** The program as a shell starts it, from the root of the repository. */
export function programText(): string {
  return programFor(CLIENT_RUNTIME, DENO_BROKER_PERMISSIONS, "src/main.ts").join(" ");
}

/** A function that runs a command against `broker` to its end, whatever that is. */
export function tryCommands(broker: Broker): Sluice {
  return (args, more = {}) => {
    const env = { SLUICE_BROKER: `127.0.0.1:${broker.port}`, ...more.env };
    return runSluice({ runtime: CLIENT_RUNTIME, args, ...more, env });
  };
}

/** The same for commands that must succeed. */
export function commands(broker: Broker): Sluice {
  const run = tryCommands(broker);
  return async (args, more) => {
    const result = await run(args, more);
    assert.equal(result.code, 0, `sluice ${args.join(" ")}: ${result.stderr}`);
    return result;
  };
}
