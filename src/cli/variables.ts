/**
 * What the environment says. Under Deno with minimal permissions a name that was not allowed counts
 * as not set, and nobody is asked to allow it. Not through `node:process`; runtime.ts says why.
 */

const PREFIX = "SLUICE_";
/**
 * Variables of this prefix that are no settings: which runtime, executable and libc, costly checks,
 * the file with settings and what a client asks for by itself, and what only the tests read.
 */
const NO_SETTINGS =
  /^SLUICE_(RUNTIME|EXECUTABLE|LIBC|VERIFY|CONFIG|TEST\w*|SKIP\w*|BENCH\w*|PEERS)$/;

interface DenoEnvironment {
  readonly env: {
    get(name: string): string | undefined;
    toObject(): Record<string, string>;
  };
  readonly permissions: {
    querySync(
      descriptor: { readonly name: "env"; readonly variable?: string },
    ): { readonly state: string };
  };
}

const { Deno: deno } = globalThis as { Deno?: DenoEnvironment };

export function readEnvironment(name: string): string | undefined {
  if (deno === undefined) return process.env[name];
  const { state } = deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? deno.env.get(name) : undefined;
}

/** The variables SLUICE_… that may be settings, and are not empty. */
export function settingVariables(): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(readAll())) {
    if (!name.startsWith(PREFIX) || NO_SETTINGS.test(name)) continue;
    if (value !== undefined && value !== "") found[name] = value;
  }
  return found;
}

function readAll(): Readonly<Record<string, string | undefined>> {
  if (deno === undefined) return process.env;
  const { state } = deno.permissions.querySync({ name: "env" });
  return state === "granted" ? deno.env.toObject() : {};
}
