/**
 * Becomes another program, with less than this one may: `bun run enter_sandbox.ts PLAN PROGRAM
 * ARGUMENTS…`. The process id stays.
 *
 *     rules of libseccomp -> chroot -> groups, group, user -> the filter -> execve
 *
 * Under Bun only, through its FFI: Node has no execve, and a filter holds for the thread that asks
 * for it and for what that becomes.
 */
import { dlopen, FFIType, ptr } from "bun:ffi";
import { writeSync } from "node:fs";
import process from "node:process";
import type { Rule, SandboxPlan } from "./sandbox.ts";

const { i32, u32, u64_fast: u64, ptr: pointer } = FFIType;
const PR_SET_NO_NEW_PRIVS = 38;
/** Of libseccomp: refuse with an errno, allow, and the ways to compare an argument. */
const REFUSE = 0x00050000;
const ALLOW = 0x7fff0000;
const COMPARE: Readonly<Record<string, number>> = {
  SCMP_CMP_NE: 1,
  SCMP_CMP_LT: 2,
  SCMP_CMP_LE: 3,
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GE: 5,
  SCMP_CMP_GT: 6,
  SCMP_CMP_MASKED_EQ: 7,
};
/** struct scmp_arg_cmp: u32 argument, i32 comparison, u64, u64. */
const COMPARISON_SIZE = 24;

const { symbols: libc } = dlopen("libc.so.6", {
  chroot: { args: [pointer], returns: i32 },
  chdir: { args: [pointer], returns: i32 },
  setgroups: { args: [u64, pointer], returns: i32 },
  setgid: { args: [u32], returns: i32 },
  setuid: { args: [u32], returns: i32 },
  prctl: { args: [i32, u64, u64, u64, u64], returns: i32 },
  execve: { args: [pointer, pointer, pointer], returns: i32 },
});

/** What only addresses point at. */
const alive: Uint8Array[] = [];
const [plan = "", ...command] = process.argv.slice(2);
enter(JSON.parse(plan), command);

function enter({ root, user, filter }: SandboxPlan, [program = "", ...rest]: string[]): void {
  const load = filter === null ? null : prepare(filter.refuse, filter.rules);
  const [path, slash] = [text(root), text("/")];
  must("chroot", libc.chroot(ptr(path)));
  must("chdir", libc.chdir(ptr(slash)));
  must("setgroups", libc.setgroups(0, null));
  must("setgid", libc.setgid(user));
  must("setuid", libc.setuid(user));
  must("prctl", libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  const name = text(program);
  const words = strings([program, ...rest]);
  const environment = strings(Object.entries(process.env).map(([key, value]) => `${key}=${value}`));
  load?.();
  libc.execve(ptr(name), ptr(words), ptr(environment));
  fail("execve");
}

/** Builds the filter and gives back what loads it. */
function prepare(refuse: number, rules: readonly Rule[]): () => void {
  const { symbols: seccomp } = dlopen("libseccomp.so.2", {
    seccomp_init: { args: [u32], returns: pointer },
    seccomp_syscall_resolve_name: { args: [pointer], returns: i32 },
    seccomp_rule_add_array: { args: [pointer, u32, i32, u32, pointer], returns: i32 },
    seccomp_load: { args: [pointer], returns: i32 },
  });
  const filter = seccomp.seccomp_init(REFUSE | refuse);
  for (const { names, errno, comparisons } of rules) {
    const action = errno === 0 ? ALLOW : REFUSE | errno;
    // A rule that says what the filter does anyway is refused.
    if (errno === refuse) continue;
    const table = comparisonTable(comparisons);
    for (const each of names) {
      const spelled = text(each);
      const number = seccomp.seccomp_syscall_resolve_name(ptr(spelled));
      // Not of this processor, or newer than the library: refused, as in a container.
      if (number < 0) continue;
      const count = comparisons.length;
      const added = seccomp.seccomp_rule_add_array(filter, action, number, count, ptr(table));
      must(`the rule of ${each}`, added);
    }
  }
  return () => must("seccomp_load", seccomp.seccomp_load(filter));
}

function comparisonTable(comparisons: Rule["comparisons"]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(COMPARISON_SIZE * Math.max(1, comparisons.length)));
  const view = new DataView(bytes.buffer);
  comparisons.forEach(({ index, op, value, valueTwo }, at) => {
    view.setUint32(at * COMPARISON_SIZE, index, true);
    view.setInt32(at * COMPARISON_SIZE + 4, COMPARE[op] ?? 0, true);
    view.setBigUint64(at * COMPARISON_SIZE + 8, BigInt(value), true);
    view.setBigUint64(at * COMPARISON_SIZE + 16, BigInt(valueTwo), true);
  });
  return bytes;
}

/** Ends with a zero, and lies where it does not move. */
function text(value: string): Uint8Array<ArrayBuffer> {
  const encoded = new TextEncoder().encode(`${value}\0`);
  const bytes = new Uint8Array(new ArrayBuffer(encoded.length));
  bytes.set(encoded);
  return bytes;
}

/** An array of addresses that ends with 0, and what they point at. */
function strings(values: readonly string[]): BigUint64Array<ArrayBuffer> {
  const table = new BigUint64Array(new ArrayBuffer(8 * (values.length + 1)));
  for (const [at, value] of values.entries()) {
    const bytes = text(value);
    alive.push(bytes);
    table[at] = BigInt(ptr(bytes));
  }
  return table;
}

function must(what: string, result: number): void {
  if (result !== 0) fail(`${what}: ${result}`);
}

function fail(what: string): never {
  writeSync(2, `enter_sandbox: ${what} was refused\n`);
  process.exit(125);
}
