export { CongError } from "./errors.ts";
