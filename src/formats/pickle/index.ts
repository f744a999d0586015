/** PyTorch checkpoints, read without running anything. */
export { openPickle, type PickleFile, parsePickle } from "./open.ts";
