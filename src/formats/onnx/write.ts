/**
 * Writes ONNX models from plain records.
 *
 * Only bytes are made here; what a node means is the business of whoever builds the graph. Large tensors should be
 * `external`: protobuf cannot hold a file of 2 GB or more.
 */
import { attributeTypes, modelProto, type OnnxDataType, onnxDataTypes } from "./schema.ts";

/** One attribute, tagged by its kind. Integers are written as int64. */
export type OnnxAttribute =
  | { readonly float: number }
  | { readonly int: number }
  | { readonly string: string }
  | { readonly floats: readonly number[] }
  | { readonly ints: readonly number[] }
  | { readonly graph: OnnxGraph };

export interface OnnxNode {
  readonly op: string;
  /** Operator set; "" or absent is the standard one. */
  readonly domain?: string;
  readonly name?: string;
  /** Value names; "" leaves an optional input out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
  readonly doc?: string;
}

/** A constant. Data is little-endian raw bytes, or a place in a file beside the model. */
export interface OnnxTensor {
  readonly name: string;
  readonly dtype: OnnxDataType;
  readonly shape: readonly number[];
  readonly data: Uint8Array | { readonly location: string; readonly offset: number; readonly length: number };
}

export interface OnnxValue {
  readonly name: string;
  readonly dtype: OnnxDataType;
  /** Sizes or names; a name stands for a size known at run time. */
  readonly shape: readonly (number | string)[];
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly initializers: readonly OnnxTensor[];
}

export interface OnnxModelOptions {
  /** Operator-set versions by domain; "" is the standard set. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly metadata?: Readonly<Record<string, string>>;
}

const irVersion = 10;

/** Encodes a model file. Throws only if a record is malformed, which is a bug of the caller. */
export function writeOnnx(graph: OnnxGraph, options: OnnxModelOptions): Uint8Array {
  return modelProto
    .encode({
      ir_version: irVersion,
      producer_name: "congling",
      graph: graphMessage(graph),
      opset_import: Object.entries(options.opsets).map(([domain, version]) => ({ domain, version })),
      metadata_props: entries(options.metadata ?? {}),
    })
    .finish();
}

function graphMessage(graph: OnnxGraph): object {
  return {
    name: graph.name,
    node: graph.nodes.map(nodeMessage),
    initializer: graph.initializers.map(tensorMessage),
    input: graph.inputs.map(valueMessage),
    output: graph.outputs.map(valueMessage),
  };
}

function nodeMessage(node: OnnxNode): object {
  return {
    op_type: node.op,
    domain: node.domain ?? "",
    name: node.name ?? "",
    doc_string: node.doc ?? "",
    input: node.inputs,
    output: node.outputs,
    attribute: Object.entries(node.attributes ?? {}).map(([name, value]) => attributeMessage(name, value)),
  };
}

function attributeMessage(name: string, value: OnnxAttribute): object {
  if ("float" in value) return { name, type: attributeTypes.float, f: value.float };
  if ("int" in value) return { name, type: attributeTypes.int, i: value.int };
  if ("string" in value) return { name, type: attributeTypes.string, s: new TextEncoder().encode(value.string) };
  if ("floats" in value) return { name, type: attributeTypes.floats, floats: value.floats };
  if ("ints" in value) return { name, type: attributeTypes.ints, ints: value.ints };
  return { name, type: attributeTypes.graph, g: graphMessage(value.graph) };
}

function tensorMessage(tensor: OnnxTensor): object {
  const header = { name: tensor.name, dims: tensor.shape, data_type: onnxDataTypes[tensor.dtype] };
  if (tensor.data instanceof Uint8Array) return { ...header, raw_data: tensor.data };
  const { location, offset, length } = tensor.data;
  const external = entries({ location, offset: String(offset), length: String(length) });
  return { ...header, external_data: external, data_location: 1 };
}

function valueMessage(value: OnnxValue): object {
  const dim = value.shape.map((size) => (typeof size === "number" ? { dim_value: size } : { dim_param: size }));
  const tensor = { elem_type: onnxDataTypes[value.dtype], shape: { dim } };
  return { name: value.name, type: { tensor_type: tensor } };
}

function entries(record: Readonly<Record<string, string>>): object[] {
  return Object.entries(record).map(([key, value]) => ({ key, value }));
}
