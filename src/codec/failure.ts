/**
 * Why a block could not be decompressed: a value, because the bytes come from outside.
 *
 *     too_large      more than the caller's bound: perhaps a bomb, perhaps just a large batch
 *     malformed      the bytes are not of the codec, are cut off, or contradict themselves
 *     unknown_codec  no version of the batch format has the number
 */

export type CodecFailureKind = "too_large" | "malformed" | "unknown_codec";

export class CodecFailure {
  readonly kind: CodecFailureKind;
  /** For people, without the name of the codec. */
  readonly text: string;

  private constructor(kind: CodecFailureKind, text: string) {
    this.kind = kind;
    this.text = text;
  }

  static tooLarge(outputMax: number): CodecFailure {
    return new CodecFailure("too_large", `it holds more than ${outputMax} bytes`);
  }

  static malformed(text: string): CodecFailure {
    return new CodecFailure("malformed", text);
  }

  static unknownCodec(codec: number): CodecFailure {
    return new CodecFailure("unknown_codec", `there is no codec ${codec}`);
  }
}
