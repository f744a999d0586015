/**
 * What settings are called elsewhere: Hugging Face's trainer and PEFT, LLaMA-Factory, nanochat, nanoGPT. A name that people bring
 * along is answered with ours, not with the one it happens to look like.
 */
import type { Setting } from "./setting.ts";

/** Ours, the likeliest first, to theirs: a command takes the first of ours that it has. */
const foreignNames: readonly (readonly [ours: readonly string[], theirs: string])[] = [
  [["training.learningRate"], "lr max_lr peak_lr embedding_lr matrix_lr"],
  [["training.minimumLearningRate"], "min_lr final_lr_frac lr_min"],
  [["training.warmupSteps"], "warmup warmup_iters warmup_ratio num_warmup_steps"],
  [["training.schedule"], "lr_scheduler lr_scheduler_type scheduler lr_schedule lr_scheduler_kwargs"],
  [["training.optimizer"], "optim optimizer_type"],
  [["training.optimizer.weightDecay"], "weight_decay wd"],
  [["training.optimizer.beta1"], "adam_beta1 beta1"],
  [["training.optimizer.beta2"], "adam_beta2 beta2"],
  [["training.optimizer.epsilon"], "adam_epsilon adam_eps eps"],
  [["training.batch"], "batch_size per_device_train_batch_size micro_batch_size device_batch_size total_batch_size bs"],
  [["training.accumulate"], "gradient_accumulation_steps grad_accum_steps accumulate_grad_batches"],
  [["training.steps"], "max_steps max_iters num_iterations num_steps train_steps iterations"],
  [["training.passes", "training.steps"], "num_train_epochs num_epochs epochs epoch"],
  [["training.clipNorm"], "max_grad_norm grad_clip clip_grad_norm gradient_clip_val"],
  [
    ["training.length"],
    "cutoff_len max_length max_seq_length max_seq_len seq_len seq_length sequence_len block_size max_source_length max_target_length",
  ],
  [["training.packing"], "neat_packing pack"],
  [["training.dropout"], "hidden_dropout resid_pdrop"],
  [["evaluation.every"], "eval_steps eval_every eval_interval eval_strategy evaluation_strategy"],
  [["evaluation.patience"], "early_stopping_patience early_stopping"],
  [["checkpoint.every"], "save_steps save_every save_interval save_strategy"],
  [["checkpoint.keep"], "save_total_limit"],
  [["data.train"], "dataset datasets dataset_dir train_file train_data train_dataset data_path data_dir input_file"],
  [["data.valid"], "eval_dataset valid_file validation_file val_data eval_file"],
  [["data.validShare"], "val_size validation_split val_split"],
  [["data.template"], "template chat_template"],
  [["data.learn"], "mask_history train_on_prompt"],
  [
    ["model", "model.from"],
    "model_name_or_path model_name model_path model_id pretrained_model base_model checkpoint_path",
  ],
  [["tokenizer"], "tokenizer_name tokenizer_path tokenizer_name_or_path"],
  [["out"], "output_dir out_dir output save_dir logging_dir"],
  [["method"], "finetuning_type peft_type tuning_method use_lora"],
  [["lora.rank"], "lora_rank lora_r r"],
  [["lora.alpha"], "lora_alpha"],
  [["lora.dropout"], "lora_dropout"],
  [["lora.targets"], "lora_target lora_targets lora_target_modules target_modules"],
  [["lora.rankStabilized"], "use_rslora rslora"],
  [["freeze.layers"], "freeze_trainable_layers num_layer_trainable"],
  [["prefix.tokens"], "pre_seq_len num_virtual_tokens prompt_length"],
  [["prefix.projection"], "prefix_projection encoder_hidden_size"],
  [["replay.share"], "mix_ratio replay_ratio"],
  [["model.type"], "model_type architecture"],
  [["model.layers"], "n_layer n_layers num_layers num_hidden_layers"],
  [["model.hidden"], "n_embd hidden_size d_model model_dim embedding_dim"],
  [["model.heads"], "n_head n_heads num_heads num_attention_heads"],
  [["model.keyValueHeads"], "n_kv_head num_key_value_heads multi_query_group_num"],
  [["model.feedForward"], "intermediate_size ffn_hidden_size d_ff"],
  [["model.context"], "max_position_embeddings n_positions context_length n_ctx"],
  [["model.tied"], "tie_word_embeddings"],
  [["threads"], "num_threads nproc preprocessing_num_workers"],
  [["engine"], "device backend"],
  [["minutes"], "max_time time_limit"],
];

/** Settings that only the other command has. */
const ofCommand: Readonly<Record<string, string>> = {
  method: "sft",
  lora: "sft",
  freeze: "sft",
  prefix: "sft",
  replay: "sft",
  "data.template": "sft",
  "data.learn": "sft",
  "model.": "pretrain",
};

const plain = (key: string): string => key.toLowerCase().replace(/[-_]/g, "");

export interface ForeignName {
  /** The setting's name here. */
  readonly key: string;
  readonly hint: string;
}

/**
 * What a name from elsewhere is called here; undefined for a name that nobody uses.
 * @param whole the key, without case, hyphens and underscores
 * @param last its last part
 */
export function foreignName(
  whole: string,
  last: string,
  settings: ReadonlyMap<string, Setting<unknown>>,
): ForeignName | undefined {
  const isMeant = (name: string) => plain(name) === whole || plain(name) === last;
  // Ours count, too: the other command's are foreign to this one.
  const ours = foreignNames.find(([own, theirs]) => own.includes(whole) || theirs.split(" ").some(isMeant))?.[0];
  if (ours === undefined) return undefined;
  const settingOf = (key: string) => {
    const holder = settings.get(key.slice(0, Math.max(0, key.lastIndexOf("."))));
    return settings.get(key) ?? (holder?.isOpen ? holder : undefined);
  };
  const key = ours.find((each) => settingOf(each) !== undefined);
  if (key !== undefined) return { key, hint: `here it is --${key} (${settingOf(key)!.about})` };
  const command = Object.entries(ofCommand).find(([prefix]) => ours[0]!.startsWith(prefix))?.[1];
  return command === undefined
    ? undefined
    : { key: ours[0]!, hint: `that is --${ours[0]} of \`congling ${command}\`, and no setting of this command` };
}
