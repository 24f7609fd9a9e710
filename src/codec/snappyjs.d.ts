/** What we use of snappyjs, which brings no types. */
declare module "snappyjs" {
  export function compress(uncompressed: Uint8Array): Uint8Array;
}
