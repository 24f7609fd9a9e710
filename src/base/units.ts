/** Sizes in bytes and the numbers that JavaScript holds exactly. */

export const KiB = 1024;
export const MiB = 1048576;
export const GiB = 1073741824;
export const TiB = 1099511627776;

/** 2^32: what the high word of a 64-bit number counts. */
export const WORD_RANGE = 4294967296;
