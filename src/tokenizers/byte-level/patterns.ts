/** The published rules by which byte-level tokenizers cut text into words, as written in their own files. */

/** GLM-4-9B and all later GLM models; the family of OpenAI's cl100k_base. Digits go in groups of at most three, from the left. */
export const glm4Pattern =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** GPT-2, and Hugging Face's ByteLevel pre-tokenizer when it is told to use its own pattern. */
export const gpt2Pattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
