"""Answers of Hugging Face transformers for a model folder, as one JSON line: greedy tokens and the last row's logits.

usage: python answer.py FOLDER NEW_TOKENS ID [ID ...]     (needs torch and transformers; float32 on the CPU)

`node dist/tools/transformers/compare.js FOLDER` runs it and compares with Congling.
"""
import json
import sys

import torch
from transformers import AutoModelForCausalLM

folder, count, ids = sys.argv[1], int(sys.argv[2]), [int(each) for each in sys.argv[3:]]
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
with torch.no_grad():
    tokens = torch.tensor([ids])
    logits = model(input_ids=tokens).logits[0, -1]
    answer = model.generate(tokens, do_sample=False, max_new_tokens=count, eos_token_id=None, pad_token_id=0)
print(json.dumps({"greedy": answer[0, len(ids) :].tolist(), "logits": logits.tolist()}))
