/** Which modules a LoRA configuration means: PEFT's rules (`check_target_module_exists`, `get_pattern_key`). */
import type { LoraConfig } from "./adapter.ts";
import { modulePattern } from "./module-pattern.ts";

/** What a configuration says about a module: its rank and scale, or undefined when it is none of its targets. */
export type LoraTargets = (module: string) => { readonly rank: number; readonly scale: number } | undefined;

/** @throws CongError `BAD_CONFIG` for regular expressions that are not accepted */
export function loraTargets(config: LoraConfig): LoraTargets {
  const isTarget = matcher(config.targetModules);
  const isExcluded = matcher(config.excludeModules);
  const isInLayers = layerTest(config);
  const rankOf = lookup(config.rankPattern, config.rank);
  const alphaOf = lookup(config.alphaPattern, config.alpha);
  // PEFT looks at layers only where targets are a list.
  const usesLayers = typeof config.targetModules !== "string";
  return (module) => {
    if (isExcluded(module) || !isTarget(module) || (usesLayers && !isInLayers(module))) return undefined;
    const rank = rankOf(module);
    return { rank, scale: alphaOf(module) / (config.rankStabilized ? Math.sqrt(rank) : rank) };
  };
}

function matcher(targets: readonly string[] | string): (module: string) => boolean {
  if (targets === "all-linear") return (module) => !/(?:^|\.)(?:lm_head|output_layer)$/.test(module);
  if (typeof targets === "string") return targets === "" ? () => false : modulePattern(targets, "full");
  return (module) => targets.some((target) => module === target || module.endsWith(`.${target}`));
}

/** Layers are counted where PEFT counts them: at the last number of a name, or after one of the given list names. */
function layerTest({ layers, layersPattern }: LoraConfig): (module: string) => boolean {
  if (layers === undefined || layers.length === 0) return () => true;
  return (module) => {
    const keys = module.split(".");
    for (let i = keys.length - 2; i >= 2; i--) {
      if (!/^\d+$/.test(keys[i]!)) continue;
      if (layersPattern.length === 0 || layersPattern.includes(keys[i - 1]!)) return layers.includes(Number(keys[i]));
    }
    return false;
  };
}

function lookup(patterns: Readonly<Record<string, number>>, fallback: number): (module: string) => number {
  const tests = Object.entries(patterns).map(([pattern, value]) => ({ matches: modulePattern(pattern, "end"), value }));
  return (module) => tests.find(({ matches }) => matches(module))?.value ?? fallback;
}
