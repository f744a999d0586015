export const loadSummary = "";
export const load = async () => [];
