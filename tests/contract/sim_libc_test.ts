/** The contract over the simulator, alone and behind FaultyLibc. */
import { AT_FDCWD } from "../../ffi/constants.ts";
import { FaultyLibc } from "../sim/faulty_libc.ts";
import { SimLibc } from "../sim/sim_libc.ts";
import { libcSuite } from "./libc_suite.ts";

// Every test has a machine of its own, so one directory is new each time.
let libc = new SimLibc();

function temporaryDirectory(): string {
  libc.mkdirat(AT_FDCWD, "/data", 0o755);
  return "/data";
}

libcSuite("SimLibc", () => libc = new SimLibc({ seed: 22 }), temporaryDirectory);

libcSuite("FaultyLibc over SimLibc", () => {
  libc = new SimLibc({ seed: 23 });
  return new FaultyLibc(libc);
}, temporaryDirectory);
