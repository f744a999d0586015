/**
 * The part of the SentencePiece file format that Congling reads and writes, as a protobuf schema.
 *
 * Field numbers, enum values and defaults are those of sentencepiece_model.proto. Trainer settings that leave no trace
 * in encoding are left out: protobuf skips unknown fields. `piece` is declared as bytes, which is the same on the wire,
 * because a protobuf string is decoded leniently and a broken piece must be seen.
 */
import protobuf from "protobufjs";

const source = `
syntax = "proto2";
package sentencepiece;

message TrainerSpec {
  optional int32 model_type = 3 [default = 1];
  optional int32 vocab_size = 4 [default = 8000];
  optional bool treat_whitespace_as_suffix = 24 [default = false];
  optional bool byte_fallback = 35 [default = false];
  optional int32 unk_id = 40 [default = 0];
  optional int32 bos_id = 41 [default = 1];
  optional int32 eos_id = 42 [default = 2];
  optional int32 pad_id = 43 [default = -1];
  optional string unk_surface = 44;
  optional string unk_piece = 45 [default = "<unk>"];
  optional string bos_piece = 46 [default = "<s>"];
  optional string eos_piece = 47 [default = "</s>"];
  optional string pad_piece = 48 [default = "<pad>"];
}
message NormalizerSpec {
  optional string name = 1;
  optional bytes precompiled_charsmap = 2;
  optional bool add_dummy_prefix = 3 [default = true];
  optional bool remove_extra_whitespaces = 4 [default = true];
  optional bool escape_whitespaces = 5 [default = true];
}
message SentencePiece {
  optional bytes piece = 1;
  optional float score = 2;
  optional int32 type = 3 [default = 1];
}
message ModelProto {
  repeated SentencePiece pieces = 1;
  optional TrainerSpec trainer_spec = 2;
  optional NormalizerSpec normalizer_spec = 3;
  optional NormalizerSpec denormalizer_spec = 5;
}
`;

const { root } = protobuf.parse(source, { keepCase: true });

/** The protobuf message type of a whole file. Names keep the format's snake_case. */
export const modelProto: protobuf.Type = root.lookupType("sentencepiece.ModelProto");
/** The message types inside it, whose empty messages give the format's defaults. */
export const trainerSpec: protobuf.Type = root.lookupType("sentencepiece.TrainerSpec");
export const normalizerSpec: protobuf.Type = root.lookupType("sentencepiece.NormalizerSpec");

/** `TrainerSpec.ModelType` of the kinds that Congling encodes with. */
export const modelTypes = { unigram: 1, bpe: 2 } as const;

/** What `modelProto` decodes to; absent messages are null or undefined. */
export interface NormalizerMessage {
  readonly name: string;
  readonly precompiled_charsmap: Uint8Array;
  readonly add_dummy_prefix: boolean;
  readonly remove_extra_whitespaces: boolean;
  readonly escape_whitespaces: boolean;
}
export interface TrainerMessage {
  readonly model_type: number;
  readonly treat_whitespace_as_suffix: boolean;
  readonly byte_fallback: boolean;
  readonly unk_surface: string;
  readonly unk_piece: string;
  readonly bos_piece: string;
  readonly eos_piece: string;
  readonly pad_piece: string;
}
export interface PieceMessage {
  readonly piece: Uint8Array;
  readonly score: number;
  readonly type: number;
}
export interface ModelMessage {
  readonly pieces: readonly PieceMessage[];
  readonly trainer_spec?: TrainerMessage | null;
  readonly normalizer_spec?: NormalizerMessage | null;
  readonly denormalizer_spec?: NormalizerMessage | null;
}
