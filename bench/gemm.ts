/** Benchmark `gemm`: the rate of single matrix products, each in its fastest layout. */
import { CongError } from "../src/support/index.ts";
import { fastestMilliseconds, type Product, productFlops } from "./matmul-rate.ts";
import { type Benchmark, say } from "./report.ts";

const defaultShapes =
  "1024x1024x1024,2048x512x512,2048x512x1408,2048x1408x512,2048x512x8192,512x2048x512,1408x2048x512,8192x2048x512";

export const gemm: Benchmark = {
  summary: "rate of single float32 matrix products on onnxruntime",
  options: `[--shapes ROWSxINNERxCOLUMNS,…] (default ${defaultShapes})`,
  run: async (options) =>
    (options.get("shapes") ?? defaultShapes).split(",").map((text) => {
      const product = parseProduct(text);
      const { milliseconds, layout } = fastestMilliseconds(product);
      say(`${text}: ${milliseconds.toFixed(2)} ms as ${layout}`);
      return { shape: text, ms: milliseconds, gflops: productFlops(product) / milliseconds / 1e6, layout };
    }),
};

function parseProduct(text: string): Product {
  const sizes = text.split("x").map(Number);
  if (sizes.length === 3 && sizes.every((size) => Number.isInteger(size) && size > 0)) {
    const [rows, inner, columns] = sizes as [number, number, number];
    return { rows, inner, columns };
  }
  throw new CongError(
    "BAD_ARGUMENT",
    `--shapes: got "${text}"`,
    { text },
    "write ROWSxINNERxCOLUMNS, for example 2048x512x1408",
  );
}
