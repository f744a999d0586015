/** What to do with a model that a format cannot hold. */
export const elsewhere = (family: string): string =>
  family === "glm_original"
    ? "use the folder with Congling, which loads, writes and evaluates it, or train an architecture that exports (congling pretrain makes a glm); nothing was written"
    : "exportHf holds this family; nothing was written";
