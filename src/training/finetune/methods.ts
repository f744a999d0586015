/** The fine-tuning methods by name. */
import type { Random } from "../../support/random.ts";
import type { BaseModel } from "../runs/base-model.ts";
import { freezeMethod, fullMethod } from "./full.ts";
import { loraMethod } from "./lora.ts";
import type { TuningMethod } from "./method.ts";
import { promptMethod } from "./prompt.ts";
import { ptuningMethod } from "./ptuning.ts";
import type { MethodName, SftSettings } from "./settings.ts";

export interface MethodInputs {
  readonly base: BaseModel;
  /** Folder of the model and of its tokenizer. */
  readonly folder: string;
  readonly tokenizerFolder: string;
  readonly settings: Pick<SftSettings, "freeze" | "lora" | "prefix">;
  readonly random: Random;
}

/** The maker of every method; a name without one does not compile. */
const methods: { readonly [K in MethodName]: (inputs: MethodInputs) => TuningMethod } = {
  full: ({ base, tokenizerFolder }) => fullMethod(base, tokenizerFolder),
  freeze: ({ base, tokenizerFolder, settings }) => freezeMethod(base, tokenizerFolder, settings.freeze.layers),
  lora: ({ base, folder, settings, random }) => loraMethod(base, { ...settings.lora, base: folder }, random),
  "ptuning-v2": ({ base, folder, settings, random }) =>
    ptuningMethod(
      base,
      { length: settings.prefix.tokens, projection: settings.prefix.projection, base: folder },
      random,
    ),
  prompt: ({ base, folder, settings, random }) =>
    promptMethod(base, { length: settings.prefix.tokens, base: folder }, random),
};

export const tuningMethod = (name: MethodName, inputs: MethodInputs): TuningMethod => methods[name](inputs);

/** Learning rates that these methods usually want: the fewer parameters, the larger the steps. */
export const usualRates: Readonly<Record<MethodName, number>> = {
  full: 1e-4, // ChatGLM-6B's full fine-tuning
  freeze: 2e-4,
  lora: 1e-3, // ten times that of full fine-tuning (Schulman et al. 2025, "LoRA without regret")
  "ptuning-v2": 1e-2, // ChatGLM-6B's P-Tuning takes 2e-2
  prompt: 0.1, // Lester et al. 2021 take 0.3, with Adafactor
};
