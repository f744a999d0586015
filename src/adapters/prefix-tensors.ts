/** Tensors of a file as the parameters of a prefix, with all shapes checked. */
import type { HostTensor } from "../engine/index.ts";
import { CongError } from "../support/errors.ts";
import type { PrefixParameters, PrefixShape } from "./adapter.ts";
import { prefixWidth } from "./prefix.ts";

/** @param named tensors by their path in `PrefixParameters` */
export function prefixFromTensors(
  folder: string,
  shape: PrefixShape,
  named: ReadonlyMap<string, HostTensor>,
  isProjected: boolean,
): PrefixParameters<HostTensor> {
  const paths = ["embedding.weight", ...(isProjected ? projectionPaths : [])];
  const problems: string[] = [];
  for (const path of paths) if (!named.has(path)) problems.push(`${path} is missing`);
  for (const path of named.keys()) if (!paths.includes(path)) problems.push(`${path} is not expected`);
  if (problems.length > 0) throw invalid(folder, problems);
  const width = prefixWidth(shape);
  const find = (path: string) => named.get(path)!;
  const expect = (path: string, ...wanted: (number | undefined)[]) => {
    const got = find(path).shape;
    if (got.length === wanted.length && got.every((size, i) => size === wanted[i])) return;
    problems.push(`${path} is [${got.join(", ")}], wanted [${wanted.join(", ")}]`);
  };
  const embedding = { weight: find("embedding.weight") };
  if (!isProjected) {
    expect("embedding.weight", shape.length, width);
    if (problems.length > 0) throw invalid(folder, problems);
    return { embedding };
  }
  const entry = embedding.weight.shape[1];
  const hidden = find("transform.0.weight").shape[0];
  expect("embedding.weight", shape.length, entry);
  expect("transform.0.weight", hidden, entry);
  expect("transform.0.bias", hidden);
  expect("transform.2.weight", width, hidden);
  expect("transform.2.bias", width);
  if (problems.length > 0) throw invalid(folder, problems);
  const layer = (index: "0" | "2") => ({
    weight: find(`transform.${index}.weight`),
    bias: find(`transform.${index}.bias`),
  });
  return { embedding, transform: { "0": layer("0"), "2": layer("2") } };
}

const projectionPaths = ["transform.0.weight", "transform.0.bias", "transform.2.weight", "transform.2.bias"];

function invalid(folder: string, problems: readonly string[]): CongError {
  return new CongError(
    "ADAPTER_INVALID",
    `the prefix in ${folder}: ${problems.join("; ")}`,
    { folder, problems },
    "configuration and weights must come from the same training run",
  );
}
