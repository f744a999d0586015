import { describe, expect, it } from "vitest";
import { loraConfig } from "./lora.ts";
import { loraTargets } from "./lora-targets.ts";

const names = [
  "model.layers.0.self_attn.q_proj",
  "model.layers.1.self_attn.q_proj",
  "model.layers.1.self_attn.v_proj",
  "model.layers.11.mlp.down_proj",
  "model.layers.1.mlp.experts.0.down_proj",
  "lm_head",
];
const targeted = (options: Parameters<typeof loraConfig>[0]) => {
  const targets = loraTargets(loraConfig(options));
  return names.filter((name) => targets(name) !== undefined);
};

// Each row, all-linear apart, was also given to PEFT's check_target_module_exists, transcribed in Python.
describe("target_modules", () => {
  it.each([
    [{ targetModules: ["q_proj"] }, [0, 1]],
    [{ targetModules: ["proj"] }, []],
    [{ targetModules: ["mlp.down_proj"] }, [3]],
    [{ targetModules: ["lm_head"] }, [5]],
    [{ targetModules: ["model.layers.1.self_attn.v_proj"] }, [2]],
    [{ targetModules: "all-linear" }, [0, 1, 2, 3, 4]],
    [{ targetModules: ".*\\.layers\\.1\\..*" }, [1, 2, 4]],
    [{ targetModules: ".*q_pro" }, []],
    [{ targetModules: "(?:.*?(?:self_attn|mlp).*?(?:q_proj|down_proj))" }, [0, 1, 3, 4]],
    [{ targetModules: ["q_proj", "down_proj"], layers: [1] }, [1]],
    [{ targetModules: ["down_proj"], layers: [0] }, [4]],
    [{ targetModules: ["down_proj"], layers: [1, 11], layersPattern: ["layers"] }, [3, 4]],
    [{ targetModules: ".*down_proj", layers: [5] }, [3, 4]],
    [{ targetModules: ["q_proj", "v_proj"], excludeModules: ["v_proj"] }, [0, 1]],
    [{ targetModules: ["q_proj"], excludeModules: ".*\\.0\\..*" }, [1]],
  ])("%j", (options, wanted) => {
    expect(targeted(options)).toEqual(wanted.map((i) => names[i]));
  });

  it("gives rank and scale, with patterns for some modules", () => {
    const targets = loraTargets(
      loraConfig({
        targetModules: ["q_proj", "v_proj", "down_proj"],
        rank: 4,
        alpha: 8,
        rankPattern: { "1.self_attn.q_proj": 16, "layers\\.11\\..*": 2 },
        alphaPattern: { v_proj: 1, "^model.layers.0.self_attn.q_proj": 5 },
      }),
    );
    expect(names.map((name) => targets(name))).toEqual([
      // A pattern that starts with ^ still stands after an optional prefix: (.*\.)?(^…)$.
      { rank: 4, scale: 5 / 4 },
      { rank: 16, scale: 0.5 },
      { rank: 4, scale: 0.25 },
      { rank: 2, scale: 4 },
      { rank: 4, scale: 2 },
      undefined,
    ]);
    const stabilized = loraTargets(loraConfig({ targetModules: ["q_proj"], rank: 16, alpha: 8, rankStabilized: true }));
    expect(stabilized(names[0]!)).toEqual({ rank: 16, scale: 2 });
  });
});

describe("regular expressions of strangers", () => {
  it.each(["(?P<n>q_proj)", "(?i)Q_PROJ", "q_proj\\Z", "(q_proj", "x".repeat(5000)])("%s is refused", (pattern) => {
    expect(() => targeted({ targetModules: pattern })).toThrow(/cannot be used/);
  });

  it.each(["(a+)+", "(a|a)*b", "((a|aa)+)b"])("%s is stopped when it takes too long", (pattern) => {
    const targets = loraTargets(loraConfig({ targetModules: pattern }));
    expect(() => targets(`${"a".repeat(59)}!`)).toThrow(/timed out/);
    expect(targets("b!")).toBeUndefined();
  });
});
