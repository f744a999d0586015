"""The training step of the benchmark `train-step`, in eager PyTorch.

    /usr/bin/python3 torch.py '{"case":"30m",...}' [f32|bf16]

Needs Debian's python3-torch (1.13 or later) and, to be fair to it, Debian's OpenBLAS: python3-torch alone
links the reference BLAS, which is tens of times slower. The row's `note` says which BLAS was in use.
The model is written the way a careful PyTorch user writes it for a CPU: query/key/value and gate/up are
each one fused matmul, the gradients are dropped to None, the optimiser is torch.optim.AdamW. README.md in
this folder says what was tried and left out.
"""

import glob
import json
import os
import resource
import statistics
import sys
import time

# All of these are read when a library loads, so the program starts itself again with the right environment.
# OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE, where set, pin OpenBLAS to kernels that are not this processor's.
# OpenBLAS comes in a pthread and an OpenMP build; the first fights PyTorch's own OpenMP threads for the cores and
# takes twice as long (measured), so the OpenMP one is taken wherever it is installed.
# The malloc settings keep freed buffers in the process, on huge pages (PyTorch's tuning guide advises an allocator
# that does so): with glibc's defaults every large activation is mapped, page-faulted and unmapped on every step.
CLEARED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
WANTED = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "67108864",
    "OMP_NUM_THREADS": "2",
    "OPENBLAS_NUM_THREADS": "2",
}
if "CONGLING_PEER_STARTED" not in os.environ:
    environment = {key: value for key, value in os.environ.items() if key not in CLEARED}
    environment.update(WANTED)
    folders = glob.glob("/usr/lib/*/openblas-openmp")  # where Debian's libopenblas0-openmp lies
    environment["LD_LIBRARY_PATH"] = ":".join([*folders, environment.get("LD_LIBRARY_PATH", "")]).strip(":")
    environment["CONGLING_PEER_STARTED"] = "1"
    os.execve(sys.executable, [sys.executable, *sys.argv], environment)

# This file is called torch.py: its own folder must not be where `import torch` looks first.
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != os.path.dirname(os.path.abspath(__file__))]

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

EPSILON = 1e-5
ROTARY_BASE = 10000.0


def initial_tensor(shape, index, norm, weights, generator):
    """Normal with deviation 0.02 (norm gains: ones), or for the comparison of peers 0.02 * sin(flat index + tensor number)."""
    if weights == "sine":
        count = 1
        for size in shape:
            count *= size
        values = 0.02 * torch.sin(torch.arange(count, dtype=torch.float64) + index)
        return (values + (1.0 if norm else 0.0)).float().reshape(shape)
    return torch.ones(shape) if norm else torch.randn(shape, generator=generator) * 0.02


class Model(torch.nn.Module):
    """Decoder of the benchmark. Logical tensors are numbered in one order for all peers, [in, out] each."""

    def __init__(self, case, weights):
        super().__init__()
        hidden, feed, layers = case["hidden"], case["feedForward"], case["layers"]
        self.heads = case["heads"]
        generator = torch.Generator().manual_seed(1)
        self.count = 0

        def make(*shape, norm=False):
            tensor = initial_tensor(shape, self.count, norm, weights, generator)
            self.count += 1
            return tensor

        def linear(*tensors):  # [in, out] each -> one parameter [sum of out, in]
            return torch.nn.Parameter(torch.cat([tensor.t() for tensor in tensors]).contiguous())

        self.embedding = torch.nn.Parameter(make(case["vocabulary"], hidden))
        self.layers = torch.nn.ModuleList()
        for _ in range(layers):
            layer = torch.nn.Module()
            layer.attention_norm = torch.nn.Parameter(make(hidden, norm=True))
            layer.qkv = linear(make(hidden, hidden), make(hidden, hidden), make(hidden, hidden))
            layer.output = linear(make(hidden, hidden))
            layer.mlp_norm = torch.nn.Parameter(make(hidden, norm=True))
            layer.gate_up = linear(make(hidden, feed), make(hidden, feed))
            layer.down = linear(make(feed, hidden))
            self.layers.append(layer)
        self.final_norm = torch.nn.Parameter(make(hidden, norm=True))

        length, half = case["length"], hidden // self.heads // 2
        angles = torch.outer(torch.arange(length).double(), ROTARY_BASE ** (-torch.arange(half).double() / half))
        self.cosine = torch.cos(angles).float()[None, None]  # [1, 1, T, D/2]
        self.sine = torch.sin(angles).float()[None, None]
        self.mask = torch.full((length, length), float("-inf")).triu(1)  # [T, T]

    def logical_gradients(self):
        """Gradients as the numbered [in, out] tensors that the other peers have."""
        yield self.embedding.grad
        for layer in self.layers:
            yield layer.attention_norm.grad
            for tensor in layer.qkv.grad.chunk(3):
                yield tensor.t()
            yield layer.output.grad.t()
            yield layer.mlp_norm.grad
            for tensor in layer.gate_up.grad.chunk(2):
                yield tensor.t()
            yield layer.down.grad.t()
        yield self.final_norm.grad

    def rotate(self, x):  # [B, H, T, D], half-split
        first, second = x.chunk(2, -1)
        return torch.cat((first * self.cosine - second * self.sine, second * self.cosine + first * self.sine), -1)

    def attention(self, x, layer):  # [B, T, C]
        batch, length, hidden = x.shape
        width = hidden // self.heads
        qkv = F.linear(x, layer.qkv).view(batch, length, 3 * self.heads, width).transpose(1, 2)  # [B, 3H, T, D]
        both, value = qkv.split((2 * self.heads, self.heads), 1)  # split, not slices: its backward is one cat
        query, key = self.rotate(both).to(qkv.dtype).chunk(2, 1)
        query, key, value = (part.reshape(-1, length, width) for part in (query, key, value))  # [BH, T, D]
        scores = torch.baddbmm(self.mask.to(query.dtype), query, key.transpose(1, 2), alpha=width**-0.5)
        mixed = torch.bmm(torch.softmax(scores, -1), value)
        mixed = mixed.view(batch, self.heads, length, width).transpose(1, 2).reshape(batch, length, hidden)
        return F.linear(mixed, layer.output)

    def forward(self, inputs, targets):  # [B, T] both
        x = F.embedding(inputs, self.embedding)
        for layer in self.layers:
            x = x + self.attention(rms_norm(x, layer.attention_norm), layer)
            gate, up = F.linear(rms_norm(x, layer.mlp_norm), layer.gate_up).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, layer.down)
        logits = F.linear(rms_norm(x, self.final_norm), self.embedding)  # [B, T, V]
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.reshape(-1))


def rms_norm(x, weight):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPSILON) * weight


def main():
    case = json.loads(sys.argv[1])
    precision = sys.argv[2] if len(sys.argv) > 2 else "f32"
    if precision not in ("f32", "bf16"):
        sys.exit(f"torch.py: second argument {precision!r}; want f32 or bf16")
    torch.set_num_threads(2)
    batch, length, vocabulary = case["batch"], case["length"], case["vocabulary"]
    model = Model(case, case.get("weights", "normal"))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
    tokens = ((torch.arange(batch * (length + 1)) * 7919 + 13) % vocabulary).view(batch, length + 1)
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()

    result = {}
    losses, times = [], []
    for step in range(case["warmup"] + case["steps"]):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
            loss = model(inputs, targets)
        loss.backward()
        if step == 0 and case.get("check"):
            result["gradients"] = [fingerprint(gradient) for gradient in model.logical_gradients()]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        times.append((time.perf_counter() - start) * 1000)
        print(f"torch-{precision} {case['case']} step {step + 1}: loss {losses[-1]:.4f}, {times[-1]:.0f} ms", file=sys.stderr)

    median = statistics.median(times[case["warmup"] :])
    parameters = sum(parameter.numel() for parameter in model.parameters())
    per_token = 6 * parameters + 12 * case["layers"] * case["hidden"] * length
    result = {
        "case": case["case"],
        "engine": f"torch-{precision}",
        "ms": round(median, 2),
        "gflops": round(per_token * batch * length / median / 1e6, 2),
        "gemmGflops": None,
        "ratio": None,
        "compileMs": None,  # eager: nothing is compiled
        "peakRssMb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "losses": losses,
        "note": f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, {blas_in_use()}",
        **result,
    }
    print(json.dumps(result))


def fingerprint(gradient):
    """[norm, sum of gradient[i] * cos(i)] over the flat index: the second notices a wrong layout, the first does not."""
    flat = gradient.reshape(-1).double()
    return [flat.norm().item(), (flat * torch.cos(torch.arange(flat.numel(), dtype=torch.float64))).sum().item()]


def blas_in_use():
    """Which BLAS the dynamic loader took, from the process's own memory map."""
    with open("/proc/self/maps", encoding="utf8") as maps:
        paths = {line.split()[-1] for line in maps if "blas" in line}
    if any("openblas-openmp" in path for path in paths):
        return "OpenBLAS (OpenMP build)"
    if any("openblas" in path for path in paths):
        return "OpenBLAS (not the OpenMP build: install libopenblas0-openmp for a fair row)"
    return "MKL" if torch.backends.mkl.is_available() else "reference BLAS (install libopenblas0-openmp for a fair row)"


if __name__ == "__main__":
    main()
