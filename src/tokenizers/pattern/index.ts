export { rangesToClass, whiteSpace } from "./sets.ts";
export { translatePattern } from "./translate.ts";
