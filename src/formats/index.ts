export * from "./blocks/index.ts";
export * from "./gguf/index.ts";
export * from "./pickle/index.ts";
export * from "./safetensors/index.ts";
