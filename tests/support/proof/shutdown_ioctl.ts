/**
 * FS_IOC_SHUTDOWN: the file system stops as if its power had gone. Through the runtime's own
 * foreign functions, so that no compiler is needed.
 *
 *     flag 2   now: what the journal has not written is lost
 *     flag 1   the journal is written first, then the same: size and names may be newer than data
 *
 * ioctl(2) takes a varying number of arguments; on x64 and aarch64 Linux an integer and a pointer
 * go the same way as in a call with a fixed number.
 */
import { libraryCandidates, openLibrary } from "../../../ffi/library.ts";

export type ShutdownFlag = 1 | 2;

interface Calls {
  open(path: Uint8Array, flags: number): number;
  ioctl(descriptor: number, request: number, argument: Uint8Array): number;
  close(descriptor: number): number;
}

/** _IOR('X', 125, u32) */
const FS_IOC_SHUTDOWN = 0x8004587d;
const O_RDONLY = 0;

const SIGNATURES = {
  open: { args: ["pointer", "i32"], returns: "i32" },
  ioctl: { args: ["i32", "u64", "pointer"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
} as const;

/** What Deno has of it; tsc knows Bun's types only. */
interface DenoLibrary {
  dlopen(
    path: string,
    functions: Record<string, { parameters: string[]; result: string }>,
  ): { symbols: Record<string, (...args: unknown[]) => number> };
}

let calls: Promise<Calls> | null = null;

/** Cuts the power of the file system that `directory` lies on. Throws when it cannot be done. */
export async function shutDown(directory: string, flag: ShutdownFlag): Promise<void> {
  const { open, ioctl, close } = await (calls ??= openCalls());
  const path = new TextEncoder().encode(`${directory}\0`);
  const descriptor = open(path, O_RDONLY);
  if (descriptor < 0) throw new Error(`${directory} cannot be opened`);
  const argument = new Uint8Array(new ArrayBuffer(64));
  new DataView(argument.buffer).setUint32(0, flag, true);
  const result = ioctl(descriptor, FS_IOC_SHUTDOWN, argument);
  close(descriptor);
  if (result !== 0) throw new Error(`${directory}: FS_IOC_SHUTDOWN was refused`);
}

async function openCalls(): Promise<Calls> {
  const candidates = libraryCandidates(undefined);
  const deno = (globalThis as { Deno?: DenoLibrary }).Deno;
  if (deno !== undefined) return openLibrary(candidates, (path) => openDeno(deno, path));
  const { dlopen, FFIType } = await import("bun:ffi");
  const types = { pointer: FFIType.ptr, i32: FFIType.i32, u64: FFIType.u64_fast };
  const spelled = Object.entries(SIGNATURES).map(([name, { args, returns }]) => {
    return [name, { args: args.map((type) => types[type]), returns: types[returns] }];
  });
  return openLibrary(candidates, (path) => {
    return dlopen(path, Object.fromEntries(spelled)).symbols as unknown as Calls;
  });
}

function openDeno(deno: DenoLibrary, path: string): Calls {
  const spelled = Object.entries(SIGNATURES).map(([name, { args, returns }]) => {
    const parameters = args.map((type) => type === "pointer" ? "buffer" : type);
    return [name, { parameters, result: returns }];
  });
  const { symbols } = deno.dlopen(path, Object.fromEntries(spelled));
  return {
    open: (name, flags) => symbols["open"]!(name, flags),
    ioctl: (descriptor, request, argument) => {
      return symbols["ioctl"]!(descriptor, BigInt(request), argument);
    },
    close: (descriptor) => symbols["close"]!(descriptor),
  };
}
