/** Which runtime this is. */

export interface RuntimeInfo {
  readonly name: string;
  readonly version: string;
}

export function runtimeOf(): RuntimeInfo {
  const { Bun, Deno } = globalThis as unknown as {
    Bun?: { version: string };
    Deno?: { version: { deno: string } };
  };
  if (Deno !== undefined) return { name: "deno", version: Deno.version.deno };
  return { name: "bun", version: Bun?.version ?? "" };
}
